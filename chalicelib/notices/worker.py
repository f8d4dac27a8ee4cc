"""The event door of notices."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import Blueprint

from chalicelib.edge.tasks import either, ids, sqs_batch
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@sqs_batch("mail.sent")
def _send(record: SQSRecord) -> None:
    kind, thing = either(record, "email_hash", "notice")
    if kind == "email_hash":
        services().notices.send_code(thing)
    else:
        services().notices.send(*ids(record, "account_id", "notice", "ref"))


@blueprint.on_sqs_message(queue="MailQueue", batch_size=1, name="send_mail")
def send_mail(event: Any) -> Any:
    """Makes and mails the sign-in codes that were asked for, and what owners are to be told about their money."""
    return _send(event, event.context)
