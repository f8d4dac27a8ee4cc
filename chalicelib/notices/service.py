"""Use cases of notices."""

from collections.abc import Callable, Mapping
from typing import Protocol

from chalicelib.kernel.errors import Unauthorized
from chalicelib.notices.mail import NOTICES, Mail, sign_in_code


class Gateway(Protocol):
    """What the use cases need of `notices.gateway`."""

    def send(self, mail: Mail) -> str: ...


class UnknownNotice(Exception):
    """No mail of that name is written here: the message is kept until code that knows it is deployed."""


class Notices:
    """`issue_code(email_hash)` makes the sign-in code that somebody waits for: (address, code), or None.

    `address_of(account_id)` raises Unauthorized for an account that was erased; `describe(account_id, notice, ref)` are
    the facts of a notice, None if they are not so any more.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        issue_code: Callable[[str], tuple[str, str] | None],
        address_of: Callable[[str], str],
        describe: Callable[[str, str, str], Mapping[str, str] | None],
    ) -> None:
        self._gateway = gateway
        self._issue_code = issue_code
        self._address_of = address_of
        self._describe = describe

    def send_code(self, email_hash: str) -> bool:
        """Mails a fresh code; a repetition mails a newer one, which replaces it. False if nobody waits any more."""
        issued = self._issue_code(email_hash)
        if issued is None:
            return False
        self._gateway.send(sign_in_code(*issued))
        return True

    def send(self, account_id: str, notice: str, ref: str) -> bool:
        """Mails a notice to the account's owner. False if it is not so any more, or there is nobody to tell.

        Raises UnknownNotice.
        """
        write = NOTICES.get(notice)
        if write is None:
            raise UnknownNotice(notice)
        facts = self._describe(account_id, notice, ref)
        if facts is None:
            return False
        try:
            address = self._address_of(account_id)
        except Unauthorized:
            return False
        self._gateway.send(write(address, facts))
        return True
