"""Amazon Bedrock by botocore's own client, against a server that answers as Bedrock does: which answer means what."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.aws import bedrock, session
from chalicelib.outbound.request import NoReply, NotSent


class Served:
    """`answer` is (status, headers, body); None closes the connection without one."""

    def __init__(self) -> None:
        self.answer: tuple[int, dict[str, str], bytes] | None = (200, {}, b"{}")
        self.asked: list[tuple[str, bytes]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                served.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                if served.answer is None:
                    self.close_connection = True
                    return
                status, headers, body = served.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        return Handler


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    server = Served()
    thread = threading.Thread(target=server.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not-real")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-real")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server.server_port}")
    forget()
    yield server
    server.server.shutdown()
    server.server.server_close()
    thread.join()
    forget()


def forget() -> None:
    bedrock._client.cache_clear()
    session.botocore_session.cache_clear()


def test_the_models_answer_is_handed_on_as_it_is(served: Served) -> None:
    served.answer = (200, {"x-amzn-requestid": "r1"}, b'{"images": ["x"]}')

    reply = bedrock.invoke("us-west-2", "stability.stable-image-core-v1:1", b'{"prompt": "p"}')

    assert (reply.status, reply.body) == (200, b'{"images": ["x"]}')
    assert reply.headers["x-amzn-requestid"] == "r1"
    assert served.asked == [("/model/stability.stable-image-core-v1%3A1/invoke", b'{"prompt": "p"}')]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "ThrottlingException"),
        (403, "AccessDeniedException"),
        (400, "ValidationException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
        (408, "ModelTimeoutException"),
    ],
)
def test_a_refusal_is_an_answer_and_nothing_is_asked_twice(served: Served, status: int, code: str) -> None:
    body = json.dumps({"message": "quoted"}).encode()
    served.answer = (status, {"x-amzn-ErrorType": code, "Retry-After": "3"}, body)

    reply = bedrock.invoke("us-west-2", "m", b"{}")

    assert (reply.status, reply.headers["x-amzn-errortype"], reply.body) == (status, code, b"")
    assert reply.headers["retry-after"] == "3"
    assert len(served.asked) == 1


def test_a_connection_that_breaks_may_have_done_something(served: Served) -> None:
    served.answer = None
    with pytest.raises(NoReply):
        bedrock.invoke("us-west-2", "m", b"{}")
    assert len(served.asked) == 1


def test_no_connection_cannot_have_done_anything(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget()
    with pytest.raises(NotSent):
        bedrock.invoke("us-west-2", "m", b"{}")
