"""The official `openai` client against this process's own function, with an engine that obeys and a short wait."""

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx
import openai
import pytest
import requests

import app
from chalicelib import wiring
from chalicelib.generation.compat import routes
from chalicelib.generation.generation import Listing
from chalicelib.kernel.principal import ALL_SCOPES
from chalicelib.providers.job import ContentBlocked, Job, ProviderRefused
from infra.local.proxy_event import HttpRequest, Routes, from_result, to_event
from tests.support.deployed import Deployed
from tests.support.fake_generations import FakeEngine, capability, model

PAINTER = model("fake/words-1", operations=("generate",), takes=("size",), sizes=("64x64", "128x64"))
WORDS: dict[str, Any] = {"model": PAINTER.id, "prompt": "two cats"}
#: Of each request, where the deployed one waits 24.
WAIT_SECONDS = 0.5


class Catalog:
    """The one model, made by the engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine

    def models(self) -> tuple[Any, ...]:
        return (PAINTER,)

    def model(self, model_id: str) -> Any:
        return {PAINTER.id: PAINTER}[model_id]

    def capability(self, _: str) -> Any:
        return capability(PAINTER)

    def provider_for(self, _: str) -> FakeEngine:
        return self.engine


class Gateway(httpx.BaseTransport):
    """API Gateway, and the function behind it. `before` and `after` are called with the number of each request; what
    `after` raises is what the client meets instead of the answer."""

    def __init__(self) -> None:
        self.sent: list[httpx.Headers] = []
        self.before: Callable[[int], None] = lambda _: None
        self.after: Callable[[int], None] = lambda _: None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.headers)
        number = len(self.sent)
        self.before(number)
        came = HttpRequest(
            method=request.method,
            raw_path=request.url.raw_path.decode().partition("?")[0],
            raw_query=request.url.query.decode(),
            headers=[(name.lower(), value) for name, value in request.headers.items()],
            body=request.read(),
            source_ip="192.0.2.1",
            port=80,
        )
        event = to_event(came, Routes(app.app.routes), app.app.api.binary_types, f"gw-{number}", time.time())
        answer = from_result(app.app(event, None), head=False)
        self.after(number)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    @property
    def counts(self) -> list[str]:
        return [headers["x-stainless-retry-count"] for headers in self.sent]


class Caller:
    """An account with a client of its own."""

    def __init__(self, core: Deployed, engine: FakeEngine, assets: int = 100) -> None:
        self.engine = engine
        self.account_id = core.account(assets)
        _, secret = wiring.services().keys.create(self.account_id, "app", ALL_SCOPES, expires_at=None, cap=None)
        self.gateway = Gateway()
        self.client = openai.OpenAI(
            base_url="https://api.example.com/v1", api_key=secret, http_client=httpx.Client(transport=self.gateway)
        )

    def generate(self, **named: Any) -> Any:
        return self.client.images.generate(**{**WORDS, **named})

    def at_once(self) -> "Caller":
        """From now on the engine is done before any request waits."""
        wiring.services().ordering._queue = lambda *_: self.work()
        return self

    def work(self) -> None:
        """What the worker does with all that was ordered."""
        for made in self.generations:
            wiring.services().running.run(self.account_id, made.id)

    @property
    def generations(self) -> list[Any]:
        return wiring.services().generations.newest(self.account_id, Listing(limit=10))

    @property
    def balance(self) -> tuple[int, int]:
        """(available, held)"""
        services = wiring.services()
        now = services.credits.balance(self.account_id)
        return now.available(services.clock.now()), now.held


@pytest.fixture
def caller(core: Deployed) -> Iterator[Caller]:
    wiring.services.cache_clear()
    engine = FakeEngine()
    wiring.services().models = Catalog(engine)
    wiring.services().compat._seconds = WAIT_SECONDS
    yield Caller(core, engine)
    wiring.services.cache_clear()


def test_a_long_job_is_sat_out_by_the_clients_own_retries(caller: Caller) -> None:
    caller.gateway.before = lambda number: caller.work() if number == 3 else None
    answer = caller.generate()
    assert caller.gateway.counts == ["0", "1", "2"]
    assert ([made.id for made in caller.generations], answer.charged) == ([answer.id], 2)
    assert caller.balance == (98, 0)


def test_a_longer_one_is_there_when_the_client_asks_again_by_its_key(caller: Caller) -> None:
    key = {"Idempotency-Key": "mine"}
    with pytest.raises(openai.InternalServerError) as refused:
        caller.generate(extra_headers=key)
    assert (refused.value.status_code, refused.value.code) == (503, "still-running")
    caller.work()
    answer = caller.client.images.with_raw_response.generate(**WORDS, extra_headers=key)
    assert answer.headers["idempotency-replayed"] == "true"
    assert [made.id for made in caller.generations] == [answer.parse().id]
    with pytest.raises(openai.UnprocessableEntityError) as other:
        caller.generate(prompt="two dogs", extra_headers=key)
    assert other.value.code == "idempotency-key-reused"


def test_answers_that_are_lost_cost_nothing_more(caller: Caller) -> None:
    def lost(number: int) -> None:
        if number < 3:
            raise httpx.ReadError("the connection was cut")

    caller.at_once().gateway.after = lost
    answer = caller.generate()
    assert caller.gateway.counts == ["0", "1", "2"]
    assert ([made.id for made in caller.generations], caller.balance) == ([answer.id], (98, 0))


def test_too_few_assets_are_said_once(core: Deployed, caller: Caller) -> None:
    poor = Caller(core, caller.engine, assets=1)
    with pytest.raises(openai.APIStatusError) as refused:
        poor.generate()
    assert (refused.value.status_code, refused.value.code) == (402, "insufficient-assets")
    assert len(poor.gateway.sent) == 1


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ContentBlocked("policy", "Not this."), 422, "content-blocked"),
        (ProviderRefused("not_depictable", "It cannot be drawn."), 422, "generation-failed"),
        (ProviderRefused("provider_unavailable", "Not there."), 503, "provider-unavailable"),
    ],
)
def test_what_gave_nothing_is_said_once_and_costs_nothing(
    caller: Caller, error: Exception, status: int, code: str
) -> None:
    def refuse(_: Job) -> None:
        raise error

    caller.engine.does = refuse
    with pytest.raises(openai.APIStatusError) as refused:
        caller.at_once().generate()
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert (len(caller.gateway.sent), caller.balance) == (1, (100, 0))


def test_results_come_by_url_or_inside_the_answer(caller: Caller) -> None:
    caller.at_once()
    by_url = caller.generate(n=2, size="128x64", user="someone", moderation="auto")
    found = [requests.get(each.url, timeout=10).content for each in by_url.data]
    assert found == [b"picture of " + by_url.id.encode()] * 2
    inside = caller.generate(response_format="b64_json")
    assert base64.b64decode(inside.data[0].b64_json) == b"picture of " + inside.id.encode()
    assert (by_url.charged, inside.charged, caller.balance) == (4, 2, (94, 0))


def test_results_that_are_too_large_for_an_answer_stay_and_are_named(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MAX_INLINE_BYTES", 10)
    with pytest.raises(openai.BadRequestError) as refused:
        caller.at_once().generate(response_format="b64_json")
    assert refused.value.param == "response_format"
    [made] = caller.generations
    assert made.id in refused.value.message


def test_the_first_model_that_does_it_is_meant_where_none_is_named(caller: Caller) -> None:
    answer: Any = caller.at_once().client.images.generate(prompt="two cats")
    assert wiring.services().generations.get(caller.account_id, answer.id).model == PAINTER.id


@pytest.mark.parametrize(
    ("named", "param"),
    [
        ({"style": "vivid"}, "style"),
        ({"output_format": "webp"}, "output_format"),
        ({"quality": "high"}, "quality"),
        ({"background": "transparent"}, "background"),
        ({"size": "32x32"}, "size"),
        ({"n": 11}, "n"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"extra_body": {"stream": True}}, "stream"),
    ],
)
def test_what_is_not_supported_is_named(caller: Caller, named: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        caller.generate(**named)
    assert refused.value.param == param
    assert refused.value.code in ("validation", "unsupported-parameter")
    assert caller.generations == []
