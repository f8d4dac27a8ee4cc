"""Numbers that other systems say in headers: pure. Whatever they say, it is read or ignored."""

import re

#: `int()` refuses some thousands of digits; no number of seconds, and no seed, has more than these.
_WHOLE = re.compile(r"[0-9]{1,15}")


def whole_number(text: str) -> int | None:
    """A number in plain digits, at most 15 of them; None for anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


def wait_seconds(said: str, most: int) -> int | None:
    """What `Retry-After` (RFC 9110, section 10.2.3) says in seconds, `most` at most; None for a date or nothing."""
    seconds = whole_number(said.strip())
    return None if seconds is None else min(seconds, most)
