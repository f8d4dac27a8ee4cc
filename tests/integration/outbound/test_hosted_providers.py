"""Hosted providers over real connections: what is made of a configuration reaches its own host, and no other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.outbound.gateway import Outbound
from chalicelib.outbound.policy import Hosts
from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.job import Done, Output, ProviderFailed, ProviderUnavailable
from chalicelib.providers.registry import REGISTRY
from chalicelib.providers.service import Models
from tests.support import files
from tests.support.vendors import ORIGIN, own
from tests.support.vendors.comfyui import WORKFLOW, ComfyUI
from tests.support.vendors.compatible import Compatible
from tests.support.vendors.standin import StandIn
from tests.unit.providers.jobs import job


@contextmanager
def served(standin: StandIn) -> Iterator[str]:
    """The stand-in behind HTTP: its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            reply = standin(
                Request(
                    method=self.command,
                    url=ORIGIN + self.path,
                    headers={name: value for name, value in self.headers.items() if name != "Accept-Encoding"},
                    body=body,
                    timeout_seconds=1,
                    max_answer_bytes=2**27,
                )
            )
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def do_POST(self) -> None:
            self.do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def no_model(region: str, model_id: str, body: bytes) -> Reply:
    raise AssertionError(model_id)


def models_at(base_url: str, kind: str, model: dict[str, Any]) -> Models:
    raw = {"self_hosted": [{**own(kind, model), "base_url": base_url}]}
    return Models(
        lambda: raw,
        REGISTRY,
        send_to=lambda register, origins: Outbound(Hosts(register, origins)),
        invoke=no_model,
        report=lambda fault: pytest.fail(f"{fault.where}: {fault.what}"),
    )


PICTURE = {"name": "flux", "operations": ["generate"], "upstream": "flux", "takes": ["size"], "sizes": ["512x512"]}


def test_a_picture_comes_over_a_real_connection() -> None:
    with served(Compatible()) as base_url:
        models = models_at(base_url, "openai-compatible", PICTURE)
        (model,) = [model for model in models.models() if model.provider != "local"]
        done = models.provider_for(model.id).submit(job(model, "generate"))
    assert isinstance(done, Done)
    (output,) = done.outputs
    assert isinstance(output, Output)
    assert (output.width, output.height) == (48, 32)


def test_a_queue_is_asked_until_the_picture_is_there() -> None:
    standin = ComfyUI()
    standin.holds = 2
    workflow = {"name": "flux", "operations": ["edit"], "workflow": WORKFLOW}
    with served(standin) as base_url:
        models = models_at(base_url, "comfyui", workflow)
        (model,) = [model for model in models.models() if model.provider != "local"]
        provider, wanted = models.provider_for(model.id), job(model, "edit")
        assert provider.find(wanted) is None
        accepted = provider.submit(wanted)
        assert provider.find(wanted) == accepted
        said = [provider.poll(accepted.ticket, wanted) for _ in range(4)]  # type: ignore[union-attr]
    assert isinstance(said[-1], Done)
    assert files.CANARY.encode() not in said[-1].outputs[0].data  # type: ignore[union-attr]


def test_a_result_on_another_port_of_the_same_machine_is_not_fetched() -> None:
    secret, standin = StandIn(), Compatible()
    with served(secret) as elsewhere, served(standin) as base_url:
        standin.elsewhere = f"{elsewhere}/private.png"
        models = models_at(base_url, "openai-compatible", PICTURE)
        (model,) = [model for model in models.models() if model.provider != "local"]
        with pytest.raises(ProviderFailed):
            models.provider_for(model.id).submit(job(model, "generate"))
    assert secret.sent == []


def test_a_machine_that_is_off_has_done_nothing() -> None:
    with served(Compatible()) as base_url:
        pass
    models = models_at(base_url, "openai-compatible", PICTURE)
    (model,) = [model for model in models.models() if model.provider != "local"]
    with pytest.raises(ProviderUnavailable):
        models.provider_for(model.id).submit(job(model, "generate"))
