"""https://fal.ai/docs/api-reference/inference-api, and the input schemas of the models there"""

import base64
import hashlib
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Modality
from tests.support.vendors.standin import KEY, QUOTED, StandIn, Wanted, as_reply, body_of, has

QUEUE = "https://queue.fal.run"
DATA_URL = r"^data:image/(png|jpeg);base64,"
SIGNER = Ed25519PrivateKey.from_private_bytes(b"not a real key, but of 32 bytes!")


class Size(Wanted):
    width: int
    height: int


class Flux(Wanted):
    prompt: str
    image_size: Size
    num_images: Annotated[int, Field(ge=1, le=4)]
    seed: int
    output_format: Literal["jpeg", "png"]


class Kontext(Wanted):
    prompt: str
    image_url: Annotated[str, Field(pattern=DATA_URL)]
    num_images: Annotated[int, Field(ge=1, le=4)]
    seed: int
    output_format: Literal["jpeg", "png"]


class Clip(Wanted):
    prompt: Annotated[str, Field(min_length=1)]
    image_url: Annotated[str, Field(pattern=DATA_URL)]
    resolution: Literal["480p", "720p", "1080p"]
    duration: Literal["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
    seed: int


class Speech(Wanted):
    prompt: str
    voice: str = "af_heart"
    speed: Annotated[float, Field(ge=0.1, le=5)] = 1.0


MODELS: dict[str, type[Flux | Kontext | Clip | Speech]] = {
    "fal-ai/flux-1/schnell": Flux,
    "fal-ai/flux-pro/kontext": Kontext,
    "fal-ai/bytedance/seedance/v1/pro/fast/image-to-video": Clip,
    "fal-ai/kokoro/american-english": Speech,
}


class Fal(StandIn):
    def __init__(self) -> None:
        super().__init__()
        self.requests: dict[str, dict[str, Any]] = {}
        self.keys = [SIGNER]

    def begins(self, request: Request) -> bool:
        return request.method == "POST"

    def answer(self, request: Request) -> Reply:
        if request.url == "https://rest.fal.ai/.well-known/jwks.json":
            points = [base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode() for key in self.keys]
            return as_reply(200, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": each.rstrip("=")} for each in points]})
        if request.url.startswith("https://v3.fal.media/"):
            assert "Authorization" not in request.headers
            return as_reply(200, self.result)
        assert request.url.startswith(QUEUE)
        has(request, authorization=f"Key {KEY}")
        if request.method == "POST":
            return self._submit(request)
        app, _, rest = urlsplit(request.url).path.strip("/").partition("/requests/")
        request_id, _, what = rest.partition("/")
        kept = self.requests.get(request_id)
        if kept is None or kept["app"] != app:
            return as_reply(404, {"detail": QUOTED})
        if what == "cancel":
            assert request.method == "PUT"
            self.ends = "canceled"
            return as_reply(202, {"status": "CANCELLATION_REQUESTED"})
        return self._status(kept) if what == "status" else self._result(kept)

    def _submit(self, request: Request) -> Reply:
        has(request, x_fal_object_lifecycle_preference='{"expiration_duration_seconds": 3600}')
        path = urlsplit(request.url).path.strip("/")
        assert set(parse_qs(urlsplit(request.url).query)) <= {"fal_webhook"}
        given = body_of(request, MODELS[path])
        request_id = f"00000000-0000-0000-0000-{len(self.requests):012}"
        app = "/".join(path.split("/")[:2])
        self.requests[request_id] = {"app": app, "given": given, "left": self.holds}
        urls = dict.fromkeys(("response_url", "status_url", "cancel_url"), f"{QUEUE}/{app}/requests/{request_id}")
        return as_reply(200, {"request_id": request_id, "status": "IN_QUEUE", "queue_position": 0, **urls})

    def _status(self, kept: dict[str, Any]) -> Reply:
        if self.ends != "canceled" and kept["left"]:
            kept["left"] -= 1
            waiting = {"status": "IN_QUEUE", "queue_position": kept["left"]}
            return as_reply(202, waiting if kept["left"] else {"status": "IN_PROGRESS", "logs": None})
        return as_reply(200, {"status": "COMPLETED"})

    def _result(self, kept: dict[str, Any]) -> Reply:
        if self.ends == "canceled":
            return as_reply(499, {"detail": QUOTED, "error_type": "client_cancelled"})
        if self.ends == "blocked":
            return as_reply(422, {"detail": [{"loc": ["body"], "type": "content_policy_violation", "msg": QUOTED}]})
        if self.ends == "failed":
            return as_reply(503, {"detail": QUOTED, "error_type": "runner_disconnected"})
        given = kept["given"]
        file = {"url": self.elsewhere or "https://v3.fal.media/files/b/x/out", "content_type": "image/png"}
        if isinstance(given, Clip):
            self.modality = Modality.VIDEO
            return as_reply(200, {"video": file, "seed": given.seed})
        if isinstance(given, Speech):
            self.modality = Modality.AUDIO
            return as_reply(200, {"audio": file})
        n = given.num_images - self.short
        return as_reply(200, {"images": [file] * n, "seed": given.seed, "has_nsfw_concepts": [False] * n})


def signed(body: bytes, sent_at: int, key: Ed25519PrivateKey = SIGNER) -> dict[str, str]:
    """The headers of a callback."""
    lines = ["00000000-0000-0000-0000-000000000000", "user_1", str(sent_at)]
    message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
    names = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp")
    return {**dict(zip(names, lines, strict=True)), "x-fal-webhook-signature": key.sign(message).hex()}
