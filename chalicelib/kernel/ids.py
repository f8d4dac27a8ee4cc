"""Identifiers: a prefix that names the kind, then a ULID (https://github.com/ulid/spec): 48 bits of time, 80 of chance.

They sort by creation time as plain strings, to the millisecond. Randomness is an argument, so that this file stays
pure; `aws.entropy` draws it.
"""

import re
from collections.abc import Callable
from datetime import datetime

from chalicelib.kernel.clock import epoch_millis

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH = 26
RANDOM_BYTES = 10
MAX_CHILDREN = 31

#: Draws that many random bytes. `secrets.token_bytes` in the service, a seeded generator in tests.
Entropy = Callable[[int], bytes]

PREFIXES = ("acct", "key", "upl", "gen", "ast", "ent", "ses", "req", "top", "sub", "whe", "evt")
_ID = re.compile(rf"(?:{'|'.join(PREFIXES)})_[{CROCKFORD}]{{{ULID_LENGTH}}}")


def crockford(value: int, length: int) -> str:
    """`value` in Crockford's base 32, left-padded with zeros to `length` characters."""
    digits = []
    for _ in range(length):
        value, rest = divmod(value, 32)
        digits.append(CROCKFORD[rest])
    return "".join(reversed(digits))


def ulid(moment: datetime, entropy: Entropy) -> str:
    """26 characters that sort by `moment`."""
    return crockford(epoch_millis(moment) << 80 | int.from_bytes(entropy(RANDOM_BYTES), "big"), ULID_LENGTH)


def new_id(prefix: str, moment: datetime, entropy: Entropy) -> str:
    """`prefix` + `_` + ULID. Raises ValueError for a prefix that is not registered in PREFIXES."""
    if prefix not in PREFIXES:
        raise ValueError(f"unknown id prefix {prefix!r}")
    return f"{prefix}_{ulid(moment, entropy)}"


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` has the shape of an id of that kind (it may still not exist)."""
    return text.startswith(prefix + "_") and _ID.fullmatch(text) is not None


def parent_id(prefix: str, moment: datetime, entropy: Entropy) -> str:
    """An id that can have up to MAX_CHILDREN children: its last character is 0."""
    return new_id(prefix, moment, entropy)[:-1] + CROCKFORD[0]


def child_id(prefix: str, parent: str, index: int) -> str:
    """The id of a parent's child number `index` (from 0): the same ULID with another last character.

    So the child's parent can be read from its id, and one row can hold them all.
    """
    if not 0 <= index < MAX_CHILDREN:
        raise ValueError(f"a parent has at most {MAX_CHILDREN} children")
    return f"{prefix}_{parent.partition('_')[2][:-1]}{CROCKFORD[index + 1]}"


def parent_of(prefix: str, child: str) -> tuple[str, int]:
    """(the parent's id, the child's index); an index of -1 means that it is no child's id."""
    return f"{prefix}_{child.partition('_')[2][:-1]}{CROCKFORD[0]}", CROCKFORD.index(child[-1]) - 1
