"""Webhooks on the deployed table and queue, to receivers on 127.0.0.1."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from openai import OpenAI
from standardwebhooks.webhooks import Webhook

from chalicelib.aws import session
from chalicelib.aws.tables import transact
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.transaction import Transaction
from chalicelib.signing.keys import Purpose
from chalicelib.webhooks.delivering import service as delivering
from chalicelib.webhooks.delivery import Status, place
from chalicelib.webhooks.endpoint import MAX_ENDPOINTS, Because
from tests.support.deployed import Deployed
from tests.support.fake_webhooks import URL, Receivers
from tests.support.hooks import Hooks
from tests.support.receiver import (
    Behave,
    Receiver,
    Script,
    answering,
    dripping,
    endless,
    hanging,
    reset,
)


@pytest.fixture
def hooks(core: Deployed) -> Hooks:
    """Nobody is called."""
    return Hooks(core, core.account(assets=0), Receivers())


@pytest.fixture
def real(core: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hooks]:
    """Receivers are called, now, and have half a second."""
    monkeypatch.setattr(delivering, "TIMEOUT_SECONDS", 0.5)
    before, core.clock.time = core.clock.time, datetime.now(UTC)
    yield Hooks(core, core.account(assets=0))
    core.clock.time = before


def test_an_endpoint_reads_back_as_it_was_written(hooks: Hooks) -> None:
    endpoints = hooks.core.services.webhook_endpoints
    made = hooks.endpoint(events=frozenset({"balance.low", "asset.deleted"}), description="orders")
    (listed,) = endpoints.all(hooks.account_id)
    assert listed == endpoints.get(hooks.account_id, made.id)
    assert (listed.url, listed.events, listed.secrets) == (URL, made.events, made.secrets)
    rotated = endpoints.rotate(hooks.account_id, made.id, timedelta(hours=1))
    hooks.restart()
    again = hooks.core.services.webhook_endpoints.get(hooks.account_id, made.id)
    assert again.secrets == rotated.secrets
    assert len(again.valid_secrets(hooks.core.clock.now())) == 2


def test_P8_where_an_endpoint_is_and_its_secret_are_sealed(hooks: Hooks) -> None:
    made = hooks.endpoint()
    hooks.tell()
    stored = repr(hooks.core.rows(hooks.core.settings.webhooks_table))
    assert made.id in stored
    assert "hooks.example" not in stored
    assert made.secrets[0].text not in stored


def test_P8_an_account_whose_data_key_was_destroyed_is_sent_nothing(hooks: Hooks) -> None:
    hooks.endpoint()
    hooks.tell()
    vault = hooks.core.settings.vault_table
    session.client("dynamodb").delete_item(TableName=vault, Key={"owner": {"S": hooks.account_id}})
    hooks.restart()
    assert "closed" in hooks.settle()
    assert hooks.receivers is not None
    assert hooks.receivers.requests == []


def test_endpoints_are_counted_and_an_account_has_ten_at_most(hooks: Hooks) -> None:
    endpoints = hooks.core.services.webhook_endpoints
    made = [hooks.endpoint() for _ in range(MAX_ENDPOINTS)]
    with pytest.raises(Conflict):
        hooks.endpoint()
    endpoints.delete(hooks.account_id, made[0].id)
    with pytest.raises(NotFound):
        endpoints.delete(hooks.account_id, made[0].id)
    hooks.endpoint()
    assert hooks.count() == (MAX_ENDPOINTS, MAX_ENDPOINTS)


def test_an_event_commits_with_its_transaction_and_only_once(hooks: Hooks) -> None:
    hooks.endpoint()

    def build(tx: Transaction) -> None:
        hooks.core.services.webhooks.tell(tx, hooks.account_id, "asset.deleted", {"id": "ast_1"}, key="k")

    transact(build)
    transact(build)
    hooks.tell("k")
    assert len(hooks.events()) == 1
    hooks.settle()
    assert hooks.receivers is not None
    (sent,) = hooks.receivers.requests
    assert json.loads(sent.body)["type"] == "asset.deleted"


def test_a_hint_is_in_the_queue_with_ids_only(hooks: Hooks) -> None:
    sqs, url = session.client("sqs"), hooks.core.settings.webhook_queue_url
    sqs.purge_queue(QueueUrl=url)
    hooks.endpoint()
    hooks.tell()
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    assert json.loads(message["Body"]).keys() == {"v", "account_id", "event_id"}


def test_the_log_is_newest_first_and_pages_meet_everything_once(hooks: Hooks) -> None:
    made = hooks.endpoint()
    for number in range(5):
        hooks.core.clock.forward(seconds=1)
        hooks.tell(f"k{number}")
    hooks.settle()
    endpoints, met, before = hooks.core.services.webhook_endpoints, [], None
    while page := endpoints.deliveries(hooks.account_id, made.id, before=before, limit=2):
        met += page
        before = place(page[-1])
    assert met == hooks.deliveries(made)
    assert [known.at for known in met] == sorted((known.at for known in met), reverse=True)
    assert len(met) == 5
    hooks.core.clock.forward(days=8)
    assert hooks.deliveries(made) == []


def test_what_is_sent_verifies_with_everybodys_verifier(real: Hooks) -> None:
    with Receiver(answering(204)) as receiver:
        made = real.endpoint(receiver.url)
        real.core.services.webhook_endpoints.rotate(real.account_id, made.id, timedelta(hours=1))
        event = real.core.services.webhook_endpoints.test(real.account_id, made.id)
        work = real.core.services.webhook_deliveries
        work.spread(real.account_id, event.id)
        assert work.deliver(real.account_id, event.id, made.id) == "succeeded"
        (got,) = receiver.got
    known = real.core.services.webhook_endpoints.get(real.account_id, made.id)
    for secret in known.secrets:
        assert Webhook(secret.text).verify(got.body, got.headers)["id"] == event.id
        OpenAI(api_key="none").webhooks.verify_signature(got.body, got.headers, secret=secret.text)
    (key,) = real.core.services.signing.keys(Purpose.WEBHOOKS)
    (signature,) = [part[4:] for part in got.headers["webhook-signature"].split() if part.startswith("v1a,")]
    message = f"{event.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    Ed25519PublicKey.from_public_bytes(key.public).verify(base64.b64decode(signature), message)


CASES: list[tuple[str, Behave, int | None, str | None, Status]] = [
    ("2xx", answering(202), 202, None, Status.SUCCEEDED),
    ("4xx", answering(404), 404, None, Status.PENDING),
    ("5xx", answering(500), 500, None, Status.PENDING),
    ("410", answering(410), 410, None, Status.FAILED),
    ("redirect", answering(302, headers={"Location": "http://127.0.0.1:9/"}), 302, None, Status.PENDING),
    ("hang", hanging, None, "no_answer", Status.PENDING),
    ("reset", reset, None, "no_answer", Status.PENDING),
    ("slow", dripping(b"HTTP/1.1 200 OK\r\n\r\n"), None, "no_answer", Status.PENDING),
    ("10 MB", endless, None, "answer_too_large", Status.PENDING),
]


@pytest.mark.parametrize(
    ("behave", "status", "error", "left"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_F67_whatever_a_receiver_does_is_logged_and_over_in_time(
    real: Hooks, behave: Behave, status: int | None, error: str | None, left: Status
) -> None:
    with Receiver(behave) as receiver:
        made = real.endpoint(receiver.url)
        event = real.core.services.webhook_endpoints.test(real.account_id, made.id)
        work = real.core.services.webhook_deliveries
        work.spread(real.account_id, event.id)
        work.deliver(real.account_id, event.id, made.id)
        assert len(receiver.got) == 1
    (known,) = real.deliveries(made)
    (attempt,) = known.log
    assert (attempt.status, attempt.error, known.status) == (status, error, left)
    assert (known.next_at is not None) == (left is Status.PENDING)


def test_F67_one_receiver_never_delays_another(real: Hooks) -> None:
    with ExitStack() as stack:
        bad, good = (stack.enter_context(Receiver(behave)) for behave in (hanging, answering(200)))
        first, second = real.endpoint(bad.url), real.endpoint(good.url)
        real.tell()
        (event_id,) = real.events()
        work = real.core.services.webhook_deliveries
        work.spread(real.account_id, event_id)
        assert work.deliver(real.account_id, event_id, second.id) == "succeeded"
        assert real.deliveries(first)[0].tries == 0


def test_an_address_that_is_not_allowed_is_refused_at_each_delivery(real: Hooks) -> None:
    """The URL was fine when it was given; what its name leads to is looked at each time."""
    made = real.endpoint("https://localtest.invalid/")
    known = real.core.services._webhook_endpoints.get(real.account_id, made.id)
    assert known is not None
    real.core.services._webhook_endpoints.save(known, replace(known, url="https://169.254.169.254/latest/"))
    real.tell()
    (event_id,) = real.events()
    work = real.core.services.webhook_deliveries
    work.spread(real.account_id, event_id)
    assert work.deliver(real.account_id, event_id, made.id) == "waiting"
    assert real.deliveries(made)[0].log[0].error == "address_not_allowed"


def test_F66_a_receiver_down_for_two_days_gets_everything_when_it_is_back(real: Hooks) -> None:
    behave = Script(*[answering(503)] * 7, answering(200))
    with Receiver(behave) as receiver:
        made = real.endpoint(receiver.url)
        real.tell()
        outcomes = real.settle(rounds=80, minutes=61)
    (known,) = real.deliveries(made)
    assert known.status is Status.SUCCEEDED
    assert [attempt.status for attempt in known.log] == [503] * 7 + [200]
    assert known.log[-1].at - known.log[0].at > timedelta(hours=30)
    assert outcomes.count("succeeded") == 1
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1


def test_F66_a_receiver_that_stays_down_is_disabled_and_the_rest_is_told(hooks: Hooks) -> None:
    receivers = hooks.receivers
    assert receivers is not None
    dead, alive = hooks.endpoint(), hooks.endpoint("https://alive.example/")
    receivers.will(500)
    hooks.tell()
    sqs, url = session.client("sqs"), hooks.core.settings.mail_queue_url
    sqs.purge_queue(QueueUrl=url)
    hooks.settle(rounds=200, minutes=61)
    endpoints = hooks.core.services.webhook_endpoints
    known = endpoints.get(hooks.account_id, dead.id)
    assert (known.because, known.told) == (Because.FAILING, True)
    assert endpoints.get(hooks.account_id, alive.id).enabled
    told = [json.loads(sent.body) for sent in receivers.requests if sent.url == "https://alive.example/"]
    assert [each["type"] for each in told] == ["generation.succeeded", "webhook_endpoint.disabled"]
    (mail,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    assert json.loads(mail["Body"])["notice"] == "webhook_endpoint_disabled"
