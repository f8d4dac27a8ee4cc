"""The embedded engines: neural networks on this machine's processor, no key, no network, nothing sent anywhere.

Their packages (the `engines` extra) are only imported when a job arrives, so that the API's function runs without them.
"""

from collections.abc import Callable
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.job import Done, Immediate, Job, Output, ProviderError, ProviderFailed, ProviderRefused
from chalicelib.providers.price import Price
from chalicelib.providers.setup import Setup

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "local"

STYLE = Model(
    id="local/style-1",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("stylize",),
    price=Price(assets=1, steps=()),
    description="Repaints a photo in one of 26 styles, in a blend of them, or in the style of another picture.",
    generative=True,
    max_input_pixels=40_000_000,
    # The network sees the whole picture at once: 1.2 GB of memory and 8 seconds on two cores at 2048 x 2048.
    max_output_side_pixels=2048,
    max_outputs=1,
    takes=("style", "style_upload_id", "strength", "preserve_color"),
    sizes=(),
    max_seconds=0,
    parameters_note=(
        "The result has the photo's size, up to 2048 pixels on the longer side; larger photos are made smaller. "
        "A style taken from another picture is painted at 384 pixels and enlarged, so it is softer than a built-in one."
    ),
)

UPSCALE = Model(
    id="local/upscale-1",
    provider=NAME,
    modality=Modality.IMAGE,
    operations=("upscale",),
    price=Price(assets=2, steps=()),
    description="Makes a photo twice as wide and twice as high, with sharp edges and without inventing content.",
    generative=False,
    # 4 megapixels take about 30 processor-seconds.
    max_input_pixels=4_000_000,
    max_output_side_pixels=32_768,
    max_outputs=1,
    takes=("scale",),
    sizes=(),
    max_seconds=0,
    parameters_note="Photos of up to 4 megapixels. Transparency is kept.",
)

CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.EMBEDDED,
    proof=Proof.REPLAY,
    credentials=(),
    max_concurrent=0,
    calls_back=False,
    models=(STYLE, UPSCALE),
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


class Provider(Immediate):
    """Loads each engine at its first job and keeps it; jobs take turns. Safe to call from several threads."""

    name = NAME
    capability = CAPABILITY

    def __init__(self, _: Setup) -> None:
        self._lock = Lock()
        self._engines: dict[str, Any] = {}

    def submit(self, job: Job) -> Done:
        """One JPEG, or one PNG if the photo has transparency; the same job gives the same bytes.

        Raises ProviderRefused for a job that does not fit the model, ProviderFailed when an engine breaks on it.
        """
        work = self._work_for(job)
        if job.n != 1:
            raise ProviderRefused("too_many_outputs", "This model gives the same result each time: ask for one.")
        try:
            result = work(job)
            data, content_type = _module("pictures").encode(result)
        except ProviderError:
            raise
        except ImportError as error:
            raise ProviderFailed("engine_missing", "The engine of this model is not installed here.") from error
        except MemoryError as error:
            raise ProviderFailed("out_of_memory", "There is not enough memory here for this photo.") from error
        except Exception as error:  # onnxruntime's errors share no base of their own
            raise ProviderFailed("engine_failed", "The engine could not finish this job.") from error
        output = Output(
            data=data,
            content_type=content_type,
            width=result.width,
            height=result.height,
            seconds=None,
            seed=job.seed,
        )
        return Done(outputs=(output,), request_id="", cost_microdollars=None)

    def _work_for(self, job: Job) -> "Callable[[Job], Image]":
        if (job.model, job.operation) == (STYLE.id, "stylize"):
            return self._stylize
        if (job.model, job.operation) == (UPSCALE.id, "upscale"):
            return self._upscale
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

    def _upscale(self, job: Job) -> "Image":
        larger: Image = self._engine("upscaling", "Upscaler").double(_photo(job, UPSCALE))
        return larger

    def _engine(self, module: str, name: str) -> Any:
        """The one engine of that name in this process."""
        with self._lock:
            if name not in self._engines:
                self._engines[name] = getattr(_module(module), name)()
            return self._engines[name]


def _module(name: str) -> Any:
    """A module of the engines' folder, imported now: it needs packages that not every function has."""
    return import_module(f"chalicelib.providers.engines.{name}")


def _photo(job: Job, model: Model) -> "Image":
    """The job's photo, if the model takes it. Raises ProviderRefused."""
    if job.photo is None:
        raise ProviderRefused("photo_missing", "This model works on a photo, and none was given.")
    picture: Image = _module("pictures").open_photo(job.photo)
    if picture.width * picture.height > model.max_input_pixels:
        most = model.max_input_pixels // 1_000_000
        raise ProviderRefused("photo_too_large", f"This model takes photos of up to {most} megapixels.")
    return picture
