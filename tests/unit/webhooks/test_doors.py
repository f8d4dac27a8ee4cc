"""The routes and the worker of webhooks on fakes: what is parsed, what is shown, what is hidden."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.edge import identity
from chalicelib.edge.http import ROUTES
from chalicelib.kernel.principal import ALL_SCOPES, Principal, Scope
from chalicelib.outbound.policy import Public
from chalicelib.signing import routes as signing_routes
from chalicelib.signing.keys import Purpose, derive
from chalicelib.signing.service import Signing
from chalicelib.webhooks import routes, worker
from chalicelib.webhooks.delivering import routes as delivery_routes
from tests.support.door import call
from tests.support.fake_webhooks import ACCOUNT, SECRET, URL, Room

ENDPOINTS = "/v1/webhook-endpoints"
ONE = ENDPOINTS + "/{endpoint_id}"
REPLAY = ONE + "/deliveries/{event_id}/replay"
MISSING = "whe_00000000000000000000000001"


class House:
    """The doors on a room of memory, called as API Gateway calls them."""

    def __init__(self) -> None:
        self.room = Room()
        self.room.endpoints._check = Public().target
        self.scopes = ALL_SCOPES
        self.account_id = ACCOUNT

    def services(self) -> Any:
        return SimpleNamespace(
            clock=self.room.clock,
            webhook_endpoints=self.room.endpoints,
            webhook_deliveries=self.room.delivering,
            signing=Signing(lambda: {"current": SECRET}),
            keys=SimpleNamespace(authenticate=lambda _: Principal(self.account_id, self.scopes, key_id="key_1")),
        )

    def call(
        self, method: str, resource: str, body: Any = None, query: dict[str, str] | None = None, **path: str
    ) -> tuple[int, Any]:
        answer = call(method, resource, body=body, token="key", query=query or {}, path=path)
        return answer.status, answer.json()

    def made(self, **members: Any) -> dict[str, Any]:
        status, made = self.call("POST", ENDPOINTS, {"url": URL, **members})
        assert status == 201
        return dict(made)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    made = House()
    for module in (routes, delivery_routes, signing_routes, worker, identity):
        monkeypatch.setattr(module, "services", made.services)
    return made


def test_the_secret_is_shown_once(house: House) -> None:
    made = house.made(description="orders")
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["events"], made["enabled"], made["disabled_because"]) == (URL, None, True, None)
    for status, shown in (house.call("GET", ONE, endpoint_id=made["id"]), house.call("GET", ENDPOINTS)):
        assert status == 200
        assert made["secret"] not in json.dumps(shown)
        assert "secret" not in json.dumps(shown)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": ""}, "url"),
        ({"url": "http://hooks.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://user:pw@hooks.example/"}, "url"),
        ({"url": "https://hooks.example:22/"}, "url"),
        ({"url": "https://hooks.example/" + "a" * 2048}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["no.such"]}, "events[0]"),
        ({"url": URL, "events": ["webhook_endpoint.test"]}, "events[0]"),
        ({"url": URL, "description": "a\nb"}, "description"),
        ({"url": URL, "secret": "mine"}, "secret"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_not_repeated(house: House, body: dict[str, Any], param: str) -> None:
    status, refused = house.call("POST", ENDPOINTS, body)
    assert (status, refused["error"]["param"]) == (400, param)
    assert "user:pw" not in json.dumps(refused)
    assert house.room.endpoint_store.rows == {}


def test_an_account_has_ten_endpoints_at_most(house: House) -> None:
    for _ in range(10):
        house.made()
    status, refused = house.call("POST", ENDPOINTS, {"url": URL})
    assert (status, refused["error"]["code"]) == (409, "conflict")


def test_members_that_are_left_out_stay_and_null_asks_for_all_events(house: House) -> None:
    made = house.made(events=["balance.low"], description="d")
    _, same = house.call("PATCH", ONE, {}, endpoint_id=made["id"])
    assert (same["events"], same["description"], same["url"]) == (["balance.low"], "d", URL)
    _, changed = house.call("PATCH", ONE, {"events": None, "enabled": False}, endpoint_id=made["id"])
    assert (changed["events"], changed["enabled"], changed["disabled_because"]) == (None, False, "owner")
    assert house.call("PATCH", ONE, {"url": "https://localhost/"}, endpoint_id=made["id"])[0] == 400


def test_deleting_is_permanent_and_says_so(house: House) -> None:
    made = house.made()
    status, refused = house.call("DELETE", ONE, endpoint_id=made["id"])
    assert (status, refused["error"]["code"]) == (400, "confirmation-required")
    assert house.call("DELETE", ONE, {"confirm": made["id"]}, endpoint_id=made["id"])[0] == 200
    assert house.call("GET", ONE, endpoint_id=made["id"])[0] == 404
    assert house.call("DELETE", ONE, {"confirm": made["id"]}, endpoint_id=made["id"])[0] == 404


def test_rotation_answers_the_new_secret_and_never_leaves_three(house: House) -> None:
    made = house.made()
    path = ONE + "/rotate-secret"
    status, rotated = house.call("POST", path, {}, endpoint_id=made["id"])
    assert (status, rotated["id"]) == (201, made["id"])
    assert rotated["secret"] != made["secret"]
    assert house.call("POST", path, {}, endpoint_id=made["id"])[0] == 409
    assert house.call("POST", path, {"overlap_hours": 169}, endpoint_id=made["id"])[0] == 400
    assert house.call("POST", path, {"overlap_hours": 0}, endpoint_id=made["id"])[0] == 201


def test_a_test_event_shows_in_the_log_and_can_be_replayed(house: House) -> None:
    made = house.made()
    status, event = house.call("POST", ONE + "/test", endpoint_id=made["id"])
    assert (status, event["type"], event["object"]) == (202, "webhook_endpoint.test", "event")
    house.room.work()
    _, log = house.call("GET", ONE + "/deliveries", endpoint_id=made["id"])
    (entry,) = log["data"]
    assert (entry["event_id"], entry["status"], entry["next_attempt_at"]) == (event["id"], "succeeded", None)
    assert entry["attempts"][0].keys() == {"at", "status", "error", "milliseconds"}
    status, replayed = house.call("POST", REPLAY, endpoint_id=made["id"], event_id=event["id"])
    assert (status, replayed["status"]) == (202, "pending")


def test_a_disabled_endpoint_is_sent_nothing_on_request(house: House) -> None:
    made = house.made()
    _, event = house.call("POST", ONE + "/test", endpoint_id=made["id"])
    house.room.work()
    house.call("PATCH", ONE, {"enabled": False}, endpoint_id=made["id"])
    assert house.call("POST", ONE + "/test", endpoint_id=made["id"])[0] == 409
    assert house.call("POST", REPLAY, endpoint_id=made["id"], event_id=event["id"])[0] == 409


def test_the_log_comes_in_pages_newest_first(house: House) -> None:
    made = house.made()
    for number in range(5):
        house.room.clock.forward(seconds=1)
        house.room.tell(f"k{number}")
    house.room.work()
    met: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while "after" not in query or query["after"]:
        _, page = house.call("GET", ONE + "/deliveries", query=query, endpoint_id=made["id"])
        met += [entry["created_at"] for entry in page["data"]]
        assert page["has_more"] is bool(page["next_cursor"])
        query["after"] = page["next_cursor"]
    assert met == sorted(met, reverse=True)
    assert len(met) == 5
    assert house.call("GET", ONE + "/deliveries", query={"after": "nonsense"}, endpoint_id=made["id"])[0] == 400


def test_P10_another_accounts_things_are_not_there(house: House) -> None:
    made = house.made()
    _, event = house.call("POST", ONE + "/test", endpoint_id=made["id"])
    house.room.work()
    house.account_id = "acct_2"
    theirs = house.made(url="https://theirs.example/")
    for method, path, body in (
        ("GET", ONE, None),
        ("PATCH", ONE, {}),
        ("DELETE", ONE, {"confirm": made["id"]}),
        ("POST", ONE + "/rotate-secret", {}),
        ("POST", ONE + "/test", None),
        ("GET", ONE + "/deliveries", None),
    ):
        answers = [house.call(method, path, body, endpoint_id=id_) for id_ in (made["id"], MISSING, "whe_x")]
        assert {status for status, _ in answers} == {404}, path
    for id_ in (made["id"], theirs["id"]):
        assert house.call("POST", REPLAY, endpoint_id=id_, event_id=event["id"])[0] == 404
    assert house.call("POST", REPLAY, endpoint_id=theirs["id"], event_id="evt_x")[0] == 404


def test_P4_every_route_needs_the_scope(house: House) -> None:
    house.scopes = ALL_SCOPES - {Scope.WEBHOOKS}
    declared = [(method, path) for method, path in ROUTES if path.startswith(ENDPOINTS)]
    for method, path in declared:
        assert house.call(method, path, endpoint_id=MISSING, event_id="evt_x")[0] == 403, path
    assert len(declared) == 9


def test_the_public_keys_are_there_for_everybody(house: House) -> None:
    status, jwks = house.call("GET", "/.well-known/jwks.json")
    key = derive(SECRET, Purpose.WEBHOOKS)
    shown = {"kty": "OKP", "crv": "Ed25519", "x": key.x, "kid": key.kid, "use": "sig", "alg": "EdDSA"}
    assert (status, jwks) == (200, {"keys": [{**shown, "purpose": "webhooks"}]})
    assert SECRET not in json.dumps(jwks)


def message(house: House, **members: Any) -> list[Any]:
    record = {
        "messageId": "m-1",
        "body": json.dumps({"v": 1, **members}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    return list(worker._handle({"Records": [record]}, SimpleNamespace())["batchItemFailures"])


def test_the_worker_spreads_an_event_and_delivers_a_delivery(house: House) -> None:
    made = house.made()
    house.room.tell()
    ((account_id, event_id),) = house.room.mailbox.take()
    assert message(house, account_id=account_id, event_id=event_id) == []
    assert message(house, account_id=account_id, event_id=event_id, endpoint_id=made["id"]) == []
    assert house.room.delivery(house.room.endpoints.get(ACCOUNT, made["id"])).status == "succeeded"


@pytest.mark.parametrize("members", [{}, {"account_id": "acct_1"}, {"event_id": "evt_1"}, {"endpoint_id": "whe_1"}])
def test_a_message_that_cannot_be_read_stays_in_the_queue(house: House, members: dict[str, str]) -> None:
    assert message(house, **members) == [{"itemIdentifier": "m-1"}]


TICK = dict.fromkeys(("version", "account", "region", "detail", "detail-type", "source", "time", "id", "resources"), "")


def test_the_schedule_queues_what_waits(house: House) -> None:
    house.made()
    house.room.tell()
    house.room.mailbox.messages.clear()
    house.room.clock.forward(minutes=2)
    assert worker.webhook_sweep(TICK, None) == {"queued": 1}
    assert len(house.room.mailbox.messages) == 1
