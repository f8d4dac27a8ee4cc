"""E-mail addresses, as far as a sign-in needs to understand them."""

import re
import unicodedata

MAX_CHARACTERS = 254
#: A dot-atom of ASCII (RFC 5322, section 3.2.3): SES takes no other local part, and a mail to one would never leave.
_LOCAL = r"(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SHAPE = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.)+(?=[a-z0-9-]{{2}}){_LABEL}")


def normalise(text: str) -> str:
    """The address as it is compared and hashed: NFKC, lower case, domain in its ASCII form.

    Raises ValueError for what is not an address (RFC 5321, section 4.5.3.1, for the lengths).
    """
    folded = unicodedata.normalize("NFKC", text.strip()).lower()
    local, at, domain = folded.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode() if at else ""
    except UnicodeError:
        ascii_domain = ""
    address = f"{local}@{ascii_domain}"
    if len(address) > MAX_CHARACTERS or not _SHAPE.fullmatch(address):
        raise ValueError("is not an e-mail address")
    return address
