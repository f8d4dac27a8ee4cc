"""https://docs.comfy.org/development/comfyui-server/comms_routes, and ComfyUI's server.py and execution.py"""

from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Modality
from tests.support.vendors.standin import KEY, StandIn, Wanted, as_reply, body_of, form_of, has, is_photo

ORIGIN = "http://127.0.0.1:9"
WORKFLOW: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {"seed": "{seed}", "denoise": "{strength}", "positive": ["6", 0], "latent_image": ["5", 0]},
    },
    "5": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": "{width}", "height": "{height}", "batch_size": "{n}"},
    },
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "masterpiece, {prompt}", "not": "{negative_prompt}"}},
    "8": {"class_type": "LoadImage", "inputs": {"image": "{photo}"}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "out", "images": ["3", 0]}},
}


class Prompt(Wanted):
    prompt: dict[str, Any]
    prompt_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")]
    client_id: str


class Delete(Wanted):
    delete: list[str]


class Interrupt(Wanted):
    prompt_id: str


class ComfyUI(StandIn):
    """`running` and `pending` are of the queue, `past` is its history. With `holds` a job waits that many questions."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: dict[str, int] = {}
        self.past: dict[str, Any] = {}
        self.batch = 1
        self.interrupted: list[str] = []
        self.before: list[str] = []

    def begins(self, request: Request) -> bool:
        return request.method == "POST" and request.url == f"{ORIGIN}/prompt"

    def answer(self, request: Request) -> Reply:
        has(request, authorization=f"Bearer {KEY}")
        route = urlsplit(request.url).path
        if route == "/prompt":
            return self._put(body_of(request, Prompt))
        if route == "/upload/image":
            fields, uploads = form_of(request)
            assert fields == {"subfolder": "fotogenic", "overwrite": "true"}
            name, content_type, data = uploads["image"]
            assert is_photo(content_type, data)
            return as_reply(200, {"name": name, "subfolder": "fotogenic", "type": "input"})
        if route == "/view":
            assert parse_qs(urlsplit(request.url).query)["type"] == ["output"]
            return as_reply(200, self.result)
        if route == "/interrupt":
            self.interrupted.append(body_of(request, Interrupt).prompt_id)
            self._end(self.interrupted[-1], "execution_interrupted")
            return as_reply(200)
        if route == "/queue" and request.method == "POST":
            for each in body_of(request, Delete).delete:
                if self.before and self.queue.pop(each, None) is not None:
                    self._end(each, "execution_interrupted")
            return as_reply(200)
        self._work()
        if route == "/queue":
            return as_reply(200, self._queue())
        prompt_id = route.removeprefix("/history/")
        return as_reply(200, {prompt_id: self.past[prompt_id]} if prompt_id in self.past else {})

    def _put(self, wanted: Prompt) -> Reply:
        inputs = wanted.prompt["5"]["inputs"]
        assert all(isinstance(inputs[name], int) for name in ("width", "height", "batch_size"))
        assert wanted.prompt["6"]["inputs"]["text"].startswith("masterpiece, ")
        self.batch = inputs["batch_size"]
        self.queue[wanted.prompt_id] = self.holds
        return as_reply(200, {"prompt_id": wanted.prompt_id, "number": 1, "node_errors": {}})

    def _queue(self) -> dict[str, Any]:
        ids = [*self.before, *self.queue]
        entries = [[number, each, {}, {}, []] for number, each in enumerate(ids)]
        return {"queue_running": entries[:1], "queue_pending": entries[:0:-1]}

    def _work(self) -> None:
        for prompt_id, left in list(self.queue.items()):
            if left > 0:
                self.queue[prompt_id] -= 1
            else:
                self._end(prompt_id, "execution_error" if self.ends == "failed" else "execution_success")

    def _end(self, prompt_id: str, event: str) -> None:
        self.queue.pop(prompt_id, None)
        files = [
            {"filename": f"out_{at}.png", "subfolder": "", "type": "output"} for at in range(self.batch - self.short)
        ]
        preview = {"images": [{"filename": "preview.png", "subfolder": "", "type": "temp"}]}
        success = event == "execution_success"
        status: dict[str, Any] = {"status_str": "success" if success else "error", "completed": success}
        status["messages"] = [["execution_start", {}], [event, {}]]
        outputs = {"9": {self._list(): files}, "11": preview} if success else {}
        self.past[prompt_id] = {"prompt": [], "outputs": outputs, "status": status}

    def _list(self) -> Literal["images", "audio"]:
        return "audio" if self.modality is Modality.AUDIO else "images"
