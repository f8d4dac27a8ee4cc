"""Messages carry ids and a version; what cannot be read is said, never guessed."""

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws import dispatch

IDS = st.dictionaries(st.sampled_from(["account_id", "generation_id", "email_hash"]), st.text(), min_size=1)


class Queue:
    """The one call of the SQS client; fails with `error` if there is one."""

    def __init__(self, error=None):
        self.error = error
        self.bodies = []
        self.delays = []

    def send_message(self, *, QueueUrl, MessageBody, DelaySeconds=None):  # noqa: N803 (AWS's names)
        if self.error:
            raise self.error
        self.bodies.append(MessageBody)
        self.delays.append(DelaySeconds)


@given(IDS)
def test_what_was_sent_is_read_back(ids):
    queue = Queue()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "client", lambda _: queue)
        dispatch.send("url", ids)
    assert dispatch.read(queue.bodies[0], *ids) == ids


def test_a_message_of_the_first_version_is_read_by_every_later_one():
    golden = '{"v": 1, "account_id": "acct_1", "generation_id": "gen_1"}'
    assert dispatch.read(golden, "account_id", "generation_id") == {"account_id": "acct_1", "generation_id": "gen_1"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "version"),
        ("null", "version"),
        ('"text"', "version"),
        ("{}", "version"),
        ('{"v": 2, "account_id": "a"}', "version"),
        ('{"v": "1", "account_id": "a"}', "version"),
        ('{"v": 1}', "missing: account_id"),
        ('{"v": 1, "account_id": 5}', "missing: account_id"),
        ('{"v": 1, "account_id": null}', "missing: account_id"),
    ],
)
def test_a_message_that_cannot_be_read_says_why(body, why):
    with pytest.raises(dispatch.UnknownMessage, match=why):
        dispatch.read(body, "account_id")


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_json_is_read_or_refused_by_name(value):
    try:
        found = dispatch.read(json.dumps(value), "account_id")
    except dispatch.UnknownMessage:
        return
    assert found == {"account_id": value["account_id"]}


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessage"),
    ],
)
def test_a_lost_hint_is_returned_not_raised(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(dispatch, "client", lambda _: Queue(error))
    assert dispatch.hint("url", {"account_id": "a"}) is error
    with pytest.raises(type(error)):
        dispatch.send("url", {"account_id": "a"})


@pytest.mark.parametrize(("asked", "sent"), [(0, None), (-5, None), (1, 1), (900, 900), (901, 900), (86_400, 900)])
def test_a_message_is_kept_back_for_as_long_as_sqs_can(
    monkeypatch: pytest.MonkeyPatch, asked: int, sent: int | None
) -> None:
    queue = Queue()
    monkeypatch.setattr(dispatch, "client", lambda _: queue)
    assert dispatch.hint("url", {"account_id": "a"}, delay_seconds=asked) is None
    assert queue.delays == [sent]
