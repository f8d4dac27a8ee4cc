"""Use cases of notices."""

from collections.abc import Callable
from typing import Protocol

from chalicelib.notices.mail import Mail, sign_in_code


class Gateway(Protocol):
    """What the use cases need of `notices.gateway`."""

    def send(self, mail: Mail) -> str: ...


class Notices:
    """`issue_code(email_hash)` makes the sign-in code that somebody waits for: (address, code), or None."""

    def __init__(self, gateway: Gateway, *, issue_code: Callable[[str], tuple[str, str] | None]) -> None:
        self._gateway = gateway
        self._issue_code = issue_code

    def send_code(self, email_hash: str) -> bool:
        """Mails a fresh code; a repetition mails a newer one, which replaces it. False if nobody waits any more."""
        issued = self._issue_code(email_hash)
        if issued is None:
            return False
        self._gateway.send(sign_in_code(*issued))
        return True
