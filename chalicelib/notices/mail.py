"""The mails that are sent: pure text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mail:
    """A plain-text mail to one address."""

    to: str
    subject: str
    text: str


Facts = Mapping[str, str]


def sign_in_code(to: str, code: str) -> Mail:
    """The code in groups of four, with what to do if nobody asked for it."""
    spaced = f"{code[:4]} {code[4:]}"
    text = (
        f"Your Fotogenic sign-in code is\n\n    {spaced}\n\n"
        "It works once, for 10 minutes. If you did not ask for it, ignore this mail: without the code nobody can\n"
        "sign in. We never ask for it by phone or mail.\n"
    )
    return Mail(to, "Your sign-in code", text)


def top_up_completed(to: str, facts: Facts) -> Mail:
    """`pack, assets, price`, and `receipt`, a link to the payment provider's, if there is one."""
    text = (
        f"Thank you. Your {facts['pack']} has been paid, and {facts['assets']} assets are in your balance.\n\n"
        f"Price: {facts['price']}, before promotion codes and what taxes add.\n"
    )
    return Mail(to, "Your top-up is complete", text + _link("Receipt", facts["receipt"]))


def top_up_failed(to: str, facts: Facts) -> Mail:
    """`pack, price`."""
    text = (
        f"The payment for your {facts['pack']} ({facts['price']}) did not go through. Nothing was charged, and no\n"
        "assets were added. You can try again in the portal under Billing, with another payment method if need be.\n"
    )
    return Mail(to, "Your top-up did not go through", text)


def payment_failed(to: str, facts: Facts) -> Mail:
    """`plan`; `invoice`, where it can be paid; `again`, the day it is tried again, empty for never."""
    text = f"The renewal of your {facts['plan']} could not be paid, so its new assets are not there yet.\n"
    if facts["again"]:
        text += f"The payment will be tried again on {facts['again']}.\n"
    text += "You can pay it yourself, or change the payment method in the portal under Billing.\n"
    return Mail(to, "Your plan could not be renewed", text + _link("Invoice", facts["invoice"]))


def balance_low(to: str, facts: Facts) -> Mail:
    """`available` and `below`, both in assets."""
    text = (
        f"You have {facts['available']} assets left; you asked to be told below {facts['below']}.\n\n"
        "You can top up, or change when you are told, in the portal under Billing.\n"
    )
    return Mail(to, "Your balance is low", text)


def auto_top_up_failed(to: str, facts: Facts) -> Mail:
    """`pack`, empty if it is not sold any more; `failures`, how often it was refused, empty if that is not why."""
    why = "what it was to buy is not sold any more"
    if facts["failures"]:
        why = f"the payment for the {facts['pack'] or 'pack'} was refused {facts['failures']} times in a row"
    text = (
        f"Automatic top-up has been turned off, because {why}. Nothing was charged for it.\n\n"
        "It stays off until you turn it on again in the portal under Billing.\n"
    )
    return Mail(to, "Automatic top-up was turned off", text)


def webhook_endpoint_disabled(to: str, facts: Facts) -> Mail:
    """`endpoint` is its id; `because` is `gone` or `failing`."""
    why = "it has taken nothing for three days"
    if facts["because"] == "gone":
        why = "it answered 410 Gone, which says that nothing more is wanted"
    text = (
        f"The webhook endpoint {facts['endpoint']} has been disabled, because {why}. Events are not sent to it any\n"
        "more.\n\n"
        "You can enable it again, and replay what failed in the last seven days, with the webhook routes of the API.\n"
    )
    return Mail(to, "A webhook endpoint was disabled", text)


#: Every notice that is mailed, by its name in the queue's messages.
NOTICES: dict[str, Callable[[str, Facts], Mail]] = {
    "top_up_completed": top_up_completed,
    "top_up_failed": top_up_failed,
    "payment_failed": payment_failed,
    "balance_low": balance_low,
    "auto_top_up_failed": auto_top_up_failed,
    "webhook_endpoint_disabled": webhook_endpoint_disabled,
}


def _link(name: str, address: str) -> str:
    return f"\n{name}: {address}\n" if address else ""
