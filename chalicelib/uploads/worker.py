"""What happens when bytes arrive in the uploads bucket."""

import json
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import Blueprint

from chalicelib.edge.tasks import sqs_batch
from chalicelib.uploads.upload import parse_incoming
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@sqs_batch("upload.processed")
def _process(record: SQSRecord) -> None:
    """One S3 notification (Amazon S3 event message structure, version 2); its test event has no records."""
    for notice in json.loads(record.body).get("Records", ()):
        found = parse_incoming(unquote_plus(notice["s3"]["object"]["key"]))
        if found is not None:
            services().uploads.process(*found)


@blueprint.on_sqs_message(queue="UploadQueue", batch_size=1, name="process_upload")
def process_upload(event: Any) -> Any:
    """Cleans or rejects what was uploaded."""
    return _process(event, event.context)
