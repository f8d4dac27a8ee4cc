"""Amazon SES: sends one mail."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

from chalicelib.aws.session import client
from chalicelib.notices.mail import Mail


class MailGateway:
    """`sender` is `Name <address>`; the address must be verified at SES."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def send(self, mail: Mail) -> str:
        """Hands the mail over and returns SES's message id."""
        name, address = parseaddr(self._sender)
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(name, addr_spec=address)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        answer = client("sesv2").send_email(
            FromEmailAddress=address,
            Destination={"ToAddresses": [mail.to]},
            Content={"Raw": {"Data": message.as_bytes()}},
        )
        return str(answer["MessageId"])
