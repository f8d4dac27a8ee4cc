"""Models on Amazon Bedrock (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html)."""

from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from chalicelib.aws.session import CONNECT_SECONDS, botocore_session
from chalicelib.outbound.request import NoReply, NotSent, Reply, ReplyTooLarge

READ_SECONDS = 90
MAX_ANSWER_BYTES = 96 * 1024 * 1024


@cache
def _client(region: str) -> Any:
    """Never tries twice: what may have been made, and billed, is for the caller to settle."""
    config = Config(
        region_name=region,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    return botocore_session().create_client("bedrock-runtime", config=config)


def invoke(region: str, model_id: str, body: bytes) -> Reply:
    """The model's answer to a JSON body, or AWS's refusal: its status, its `x-amzn-errortype`, no body.

    Raises NotSent when nothing was sent, NoReply when it was and no whole answer came.
    """
    try:
        answer = _client(region).invoke_model(
            modelId=model_id, body=body, contentType="application/json", accept="application/json"
        )
        headers, data = answer["ResponseMetadata"]["HTTPHeaders"], answer["body"].read(MAX_ANSWER_BYTES + 1)
    except ClientError as error:
        return _refusal(error)
    except (EndpointConnectionError, ConnectTimeoutError):
        raise NotSent("no connection was made") from None
    except BotoCoreError as error:
        # Among them what is found before anything is sent; that is rare, and to doubt is safe.
        raise NoReply(type(error).__name__) from None
    if len(data) > MAX_ANSWER_BYTES:
        raise ReplyTooLarge(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
    return Reply(status=200, headers=dict(headers), body=data)


def _refusal(error: ClientError) -> Reply:
    metadata = error.response.get("ResponseMetadata", {})
    headers = {**metadata.get("HTTPHeaders", {}), "x-amzn-errortype": error.response["Error"]["Code"]}
    return Reply(status=int(metadata.get("HTTPStatusCode", 500)), headers=headers, body=b"")
