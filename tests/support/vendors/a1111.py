"""https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API, and its modules/api/models.py"""

import base64
import json
from typing import Any

from chalicelib.outbound.request import Reply, Request
from tests.support.vendors.standin import KEY, StandIn, Wanted, as_reply, body_of, has, is_photo

ORIGIN = "http://127.0.0.1:9"


class Settings(Wanted):
    return_grid: bool
    sd_model_checkpoint: str | None = None


class TextToImage(Wanted):
    prompt: str
    negative_prompt: str
    seed: int
    batch_size: int
    n_iter: int
    steps: int = 50
    send_images: bool
    save_images: bool
    do_not_save_samples: bool
    do_not_save_grid: bool
    override_settings: Settings
    width: int = 512
    height: int = 512


class ImageToImage(TextToImage):
    init_images: list[str]
    denoising_strength: float


class Extra(Wanted):
    image: str
    upscaling_resize: float
    upscaler_1: str


class A1111(StandIn):
    def begins(self, request: Request) -> bool:
        return request.method == "POST"

    def answer(self, request: Request) -> Reply:
        has(request, authorization="Basic " + base64.b64encode(KEY.encode()).decode())
        picture = base64.b64encode(self.result).decode()
        route = request.url.removeprefix(f"{ORIGIN}/sdapi/v1/")
        if route == "extra-single-image":
            extra = body_of(request, Extra)
            assert is_photo("image/jpeg", base64.b64decode(extra.image))
            return as_reply(200, {"html_info": "", "image": picture})
        wanted = body_of(request, ImageToImage if route == "img2img" else TextToImage)
        assert route in ("txt2img", "img2img")
        assert not wanted.save_images
        if isinstance(wanted, ImageToImage):
            assert is_photo("image/jpeg", base64.b64decode(wanted.init_images[0]))
        seeds = [wanted.seed + at for at in range(wanted.batch_size)]
        answer: dict[str, Any] = {"images": [picture] * (wanted.batch_size - self.short), "parameters": {}}
        return as_reply(200, {**answer, "info": json.dumps({"all_seeds": seeds})})
