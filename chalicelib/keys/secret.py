"""The text of an API key: `ftg_live_` or `ftg_test_`, 30 random characters (178 bits), `_`, 6 of checksum.

The checksum (CRC-32 of what is before it, in base 62) lets a mistyped or invented key be refused without a look-up,
and lets secret scanners recognise a real one; it is no security feature.
"""

import re
import zlib
from collections.abc import Callable

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARACTERS = 30
CHECK_CHARACTERS = 6
_SHAPE = re.compile(r"(ftg_(?:live|test)_[0-9A-Za-z]{30})_([0-9A-Za-z]{6})")
#: How much of a secret is kept in clear, so that people recognise their key.
SHOWN_CHARACTERS = 4


def mint(mode: str, random: Callable[[int], bytes]) -> str:
    """A new secret for `mode` (live or test). `random(n)` gives n random bytes."""
    value = int.from_bytes(random(32), "big")  # 256 bits, so that the reduction to 62**30 has no visible bias
    stem = f"ftg_{mode}_{_base62(value % 62**RANDOM_CHARACTERS, RANDOM_CHARACTERS)}"
    return f"{stem}_{_check(stem)}"


def well_formed(secret: str) -> bool:
    """Whether the text could be a key that was made here: its shape and its checksum."""
    found = _SHAPE.fullmatch(secret)
    return found is not None and _check(found[1]) == found[2]


def hint(secret: str) -> str:
    """What may be shown of a secret afterwards: `ftg_live_…a1B2`."""
    stem = secret.rpartition("_")[0]
    return f"{secret[:9]}…{stem[-SHOWN_CHARACTERS:]}"


def _check(stem: str) -> str:
    return _base62(zlib.crc32(stem.encode()), CHECK_CHARACTERS)


def _base62(value: int, length: int) -> str:
    digits = []
    for _ in range(length):
        value, rest = divmod(value, 62)
        digits.append(BASE62[rest])
    return "".join(reversed(digits))
