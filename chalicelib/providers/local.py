"""The embedded engines, on this machine's processor: no key, no network, nothing sent anywhere.

All are neural networks but the one that composes pictures of drawings, and has no network inside.

Their packages (the `engines` extra) are only imported when a job arrives, so that the API's function runs without them.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

from chalicelib.providers.capability import Capability, Model, Proof, Runs
from chalicelib.providers.engines.clips import Clip
from chalicelib.providers.engines.mishaps import told
from chalicelib.providers.engines.models import CLIP, COMPOSE, DENOISE, NAME, STYLE, UPSCALE, UPSCALE_4
from chalicelib.providers.hosted.asking import size_of
from chalicelib.providers.job import Done, Immediate, Job, Output, ProviderRefused
from chalicelib.providers.setup import Setup

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["CAPABILITY", "CLIP", "COMPOSE", "DENOISE", "NAME", "STYLE", "UPSCALE", "UPSCALE_4", "Provider"]

NOT_DEPICTABLE = (
    "This model can draw animals, people, foods, buildings, vehicles, everyday things and landscapes, and knows "
    "nothing that this prompt names: try one like 'two cats in the snow at night'."
)

CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.EMBEDDED,
    proof=Proof.REPLAY,
    credentials=(),
    max_concurrent=0,
    calls_back=False,
    models=(STYLE, UPSCALE, UPSCALE_4, DENOISE, CLIP, COMPOSE),
    regions=("deployment",),
    keeps_inputs_hours=0,
    trains_on_inputs=False,
    terms_url="https://www.apache.org/licenses/LICENSE-2.0",
    hosts=(),
)


class Stylizing(Protocol):
    """What this provider reads of the parameters of `stylize`."""

    strength: float
    preserve_color: bool

    def weights(self) -> tuple[float, ...] | None: ...


class Denoising(Protocol):
    """What it reads of the parameters of `denoise`."""

    level: int


class Moving(Protocol):
    """What it reads of the parameters of `animate`."""

    seconds: float
    motion: str | None


class Provider(Immediate):
    """Loads each engine at its first job and keeps it; jobs take turns. Safe to call from several threads."""

    name = NAME
    capability = CAPABILITY

    def __init__(self, _: Setup) -> None:
        self._lock = Lock()
        self._engines: dict[str, Any] = {}

    def submit(self, job: Job) -> Done:
        """JPEGs, PNGs if the photo has transparency, or an MP4; the same job gives the same bytes.

        Raises ProviderRefused for a job that does not fit the model, ProviderFailed when an engine breaks on it.
        """
        model, work = self._work_for(job)
        if not 1 <= job.n <= model.max_outputs:
            most = "gives the same result each time: ask for one" if model.max_outputs == 1 else "makes up to 4 at once"
            raise ProviderRefused("too_many_outputs", f"This model {most}.")
        with told():
            outputs = [_output(work(each), each.seed) for each in _singly(job)]
        return Done(outputs=tuple(outputs), request_id="", cost_microdollars=None)

    def _work_for(self, job: Job) -> "tuple[Model, Callable[[Job], Image | Clip]]":
        for model, operation, work in (
            (STYLE, "stylize", self._stylize),
            (UPSCALE, "upscale", self._double),
            (UPSCALE_4, "upscale", self._quadruple),
            (DENOISE, "denoise", self._denoise),
            (CLIP, "animate", _move),
            (COMPOSE, "generate", _compose),
        ):
            if (job.model, job.operation) == (model.id, operation):
                return model, work
        raise ProviderRefused("wrong_operation", "This model does not do that operation.")

    def _stylize(self, job: Job) -> "Image":
        pictures, stylizing = _module("pictures"), _module("stylizing")
        parameters = cast(Stylizing, job.parameters)
        original = pictures.fit(_photo(job, STYLE), STYLE.max_output_side_pixels)
        canvas = pictures.on_white(original)
        weights = parameters.weights()
        engine = self._engine("stylizing", "Stylizer")
        if weights is not None:
            painted = engine.in_styles(canvas, weights)
        elif job.reference is not None:
            painted = engine.in_style_of(canvas, pictures.open_photo(job.reference))
        else:
            raise ProviderRefused("reference_missing", "The picture whose style to take was not given.")
        finished: Image = stylizing.finished(painted, canvas, parameters.strength, parameters.preserve_color)
        if original.mode == "RGBA":
            finished.putalpha(original.getchannel("A"))
        return finished

    def _double(self, job: Job) -> "Image":
        larger: Image = self._engine("upscaling", "Upscaler").double(_photo(job, UPSCALE))
        return larger

    def _quadruple(self, job: Job) -> "Image":
        photo = _module("pictures").fit(_photo(job, UPSCALE_4), UPSCALE_4.max_output_side_pixels // 4)
        larger: Image = self._engine("upscaling", "Upscaler").quadruple(photo)
        return larger

    def _denoise(self, job: Job) -> "Image":
        level = cast(Denoising, job.parameters).level
        cleaned: Image = self._engine("denoising", "Denoiser").clean(_photo(job, DENOISE), level)
        return cleaned

    def _engine(self, module: str, name: str) -> Any:
        """The one engine of that name in this process."""
        with self._lock:
            if name not in self._engines:
                self._engines[name] = getattr(_module(module), name)()
            return self._engines[name]


def _singly(job: Job) -> list[Job]:
    """The job as one for each of its results."""
    return [replace(job, n=1, seed=job.seed + number) for number in range(job.n)]


def _output(result: "Image | Clip", seed: int) -> Output:
    width, height = result.width, result.height
    if isinstance(result, Clip):
        data, content_type, seconds = result.data, "video/mp4", result.seconds
    else:
        (data, content_type), seconds = _module("pictures").encode(result), None
    return Output(data=data, content_type=content_type, width=width, height=height, seconds=seconds, seed=seed)


def _move(job: Job) -> Clip:
    if job.prompt:
        raise ProviderRefused("prompt_not_taken", "This model moves the camera only and reads no words.")
    parameters = cast(Moving, job.parameters)
    clip: Clip = _module("moving").moved(_photo(job, CLIP), parameters.motion or "zoom-in", parameters.seconds)
    return clip


def _compose(job: Job) -> "Image":
    composing = _module("composing")
    width, height = size_of(job, COMPOSE.sizes[0])
    try:
        picture: Image = composing.composed(job.prompt or "", job.seed, width, height)
    except composing.NotDepictable as error:
        raise ProviderRefused("not_depictable", NOT_DEPICTABLE) from error
    return picture


def _module(name: str) -> Any:
    """A module of the engines' folder, imported now: it needs packages that not every function has."""
    return import_module(f"chalicelib.providers.engines.{name}")


def _photo(job: Job, model: Model) -> "Image":
    picture: Image = _module("pictures").photo_for(job, model)
    return picture
