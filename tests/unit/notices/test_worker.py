"""The event door: both shapes of a message, and what becomes of one that nobody can read."""

import json
from types import SimpleNamespace

import pytest

from chalicelib.notices import worker


class Notices:
    def __init__(self):
        self.calls = []

    def send_code(self, email_hash):
        self.calls.append(("code", email_hash))

    def send(self, account_id, notice, ref):
        self.calls.append(("notice", account_id, notice, ref))


@pytest.fixture
def notices(monkeypatch):
    made = Notices()
    monkeypatch.setattr(worker, "services", lambda: SimpleNamespace(notices=made))
    return made


def deliver(**members):
    record = {
        "messageId": "m-1",
        "body": json.dumps(members),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    return worker._send({"Records": [record]}, SimpleNamespace())["batchItemFailures"]


def test_F18_messages_of_the_release_before_still_mail_codes(notices):
    assert deliver(v=1, email_hash="hash") == []
    assert notices.calls == [("code", "hash")]


def test_a_notice_is_mailed(notices):
    assert deliver(v=1, account_id="acct_1", notice="balance_low", ref="acct_1") == []
    assert notices.calls == [("notice", "acct_1", "balance_low", "acct_1")]


@pytest.mark.parametrize("message", [{"v": 1}, {"v": 1, "notice": "balance_low"}, {"v": 9, "email_hash": "hash"}])
def test_what_cannot_be_read_stays_in_the_queue(notices, message):
    assert deliver(**message) == [{"itemIdentifier": "m-1"}]
    assert notices.calls == []
