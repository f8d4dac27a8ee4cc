"""https://replicate.com/docs/reference/http, and the input schemas of the models there"""

import base64
import hashlib
import hmac
from typing import Annotated, Any, Literal

from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Modality
from tests.support.vendors.standin import KEY, QUOTED, StandIn, Wanted, as_reply, body_of, form_of, has, is_photo

API = "https://api.replicate.com/v1"
SECRET = "whsec_" + base64.b64encode(b"not a real secret").decode()
FILE = f"{API}/files/file1"


class Flux(Wanted):
    prompt: str
    aspect_ratio: Literal["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"]
    num_outputs: Annotated[int, Field(ge=1, le=4)]
    seed: int
    output_format: Literal["webp", "jpg", "png"]
    go_fast: bool


class Kontext(Wanted):
    prompt: str
    input_image: Annotated[
        str, Field(pattern=r"^(data:image/(png|jpeg);base64,|https://api\.replicate\.com/v1/files/)")
    ]
    aspect_ratio: Literal["match_input_image", "1:1"]
    seed: int
    output_format: Literal["jpg", "png"]


class Speech(Wanted):
    text: Annotated[str, Field(max_length=10_000)]
    voice_id: str | None = None
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    audio_format: Literal["mp3", "wav", "flac", "pcm"]


MODELS: dict[str, type[Flux | Kontext | Speech]] = {
    "black-forest-labs/flux-schnell": Flux,
    "black-forest-labs/flux-kontext-pro": Kontext,
    "minimax/speech-2.6-turbo": Speech,
}


class Create(Wanted):
    input: dict[str, Any]
    webhook: Annotated[str | None, Field(pattern=r"^https://")] = None
    webhook_events_filter: tuple[Literal["start", "output", "logs", "completed"], ...] = ()


class Replicate(StandIn):
    def __init__(self) -> None:
        super().__init__()
        self.predictions: dict[str, dict[str, Any]] = {}
        self.results: list[str] = []

    def begins(self, request: Request) -> bool:
        return request.method == "POST" and request.url.startswith(f"{API}/models/")

    def answer(self, request: Request) -> Reply:
        if request.url.startswith("https://replicate.delivery/"):
            assert "Authorization" not in request.headers
            return as_reply(200, self.result)
        has(request, authorization=f"Bearer {KEY}")
        if self.begins(request):
            return self._create(request)
        if request.url == f"{API}/files":
            _, content_type, data = form_of(request)[1]["content"]
            assert is_photo(content_type, data)
            return as_reply(201, {"id": "file1", "urls": {"get": FILE}})
        prediction_id, _, what = request.url.removeprefix(f"{API}/predictions/").partition("/")
        if prediction_id not in self.predictions:
            return as_reply(404, {"detail": QUOTED})
        if what == "cancel":
            assert request.method == "POST"
            self.ends = "canceled"
        return as_reply(200, self._now(prediction_id))

    def _create(self, request: Request) -> Reply:
        model = request.url.removeprefix(f"{API}/models/").removesuffix("/predictions")
        wanted: Create = body_of(request, Create)
        given = MODELS[model].model_validate(wanted.input)
        self.modality = Modality.AUDIO if isinstance(given, Speech) else Modality.IMAGE
        prediction_id = f"prediction{len(self.predictions)}"
        n = given.num_outputs if isinstance(given, Flux) else 1
        url = self.elsewhere or "https://replicate.delivery/xyz/out"
        output = [f"{url}-{at}.png" for at in range(n - self.short)] if isinstance(given, Flux) else f"{url}.bin"
        self.predictions[prediction_id] = {"output": output, "left": self.holds}
        return as_reply(201, {"id": prediction_id, "status": "starting", "output": None, "error": None})

    def _now(self, prediction_id: str) -> dict[str, Any]:
        kept = self.predictions[prediction_id]
        common: dict[str, Any] = {"id": prediction_id, "error": None, "output": None, "metrics": {}}
        if self.ends == "canceled":
            return {**common, "status": "canceled"}
        if kept["left"]:
            kept["left"] -= 1
            return {**common, "status": "processing"}
        if self.ends:
            said = {"blocked": f"The input was flagged as sensitive. (E005) {QUOTED}", "failed": QUOTED}[self.ends]
            return {**common, "status": "failed", "error": said}
        return {**common, "status": "succeeded", "output": kept["output"]}


def signed(body: bytes, sent_at: int, secret: str = SECRET) -> dict[str, str]:
    """The headers of a callback."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"msg_1.{sent_at}.".encode() + body, hashlib.sha256)).decode()
    return {"webhook-id": "msg_1", "webhook-timestamp": str(sent_at), "webhook-signature": f"v1,AAAA v1,{signature}"}
