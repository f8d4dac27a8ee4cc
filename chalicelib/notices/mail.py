"""The mails that are sent: pure text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mail:
    """A plain-text mail to one address."""

    to: str
    subject: str
    text: str


def sign_in_code(to: str, code: str) -> Mail:
    """The code in groups of four, with what to do if nobody asked for it."""
    spaced = f"{code[:4]} {code[4:]}"
    text = (
        f"Your Fotogenic sign-in code is\n\n    {spaced}\n\n"
        "It works once, for 10 minutes. If you did not ask for it, ignore this mail: without the code nobody can\n"
        "sign in. We never ask for it by phone or mail.\n"
    )
    return Mail(to, "Your sign-in code", text)
