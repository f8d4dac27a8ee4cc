"""Portraits: a person cut out, or what is behind them out of focus. Nothing leaves this deployment.

Its packages are no part of the `engines` extra, because mediapipe asks for old versions of others: see
docs/PROVIDERS.md. The operator says that they are there.
"""

from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.engines.mishaps import told
from chalicelib.providers.hosted.asking import model_of
from chalicelib.providers.hosted.entry import Entry
from chalicelib.providers.job import Done, Immediate, Job, Output
from chalicelib.providers.price import Price
from chalicelib.providers.setup import Setup

if TYPE_CHECKING:
    from PIL.Image import Image

NAME = "portrait"


class Configuration(Entry):
    """`enabled` says that the worker has the packages."""

    enabled: Literal[True]


def _model(name: str, operation: str, description: str, takes: tuple[str, ...]) -> Model:
    return Model(
        id=f"{NAME}/{name}",
        provider=NAME,
        modality=Modality.IMAGE,
        operations=(operation,),
        price=Price(assets=1, steps=()),
        description=description,
        generative=False,
        # 16 megapixels take 8 processor-seconds and 1.5 GB of memory.
        max_input_pixels=16_000_000,
        max_output_side_pixels=16_384,
        max_outputs=1,
        takes=takes,
        sizes=(),
        allowed=(),
        max_seconds=0,
        parameters_note="For photos of people, up to 16 megapixels; one without anybody is refused, and not charged.",
    )


CUTOUT = _model("cutout-1", "cutout", "Cuts people out of a photo, on a transparent ground.", ())
BLUR = _model("blur-1", "blur", "Puts what is behind people out of focus.", ("strength",))

CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.EMBEDDED,
    proof=Proof.REPLAY,
    credentials=("enabled",),
    max_concurrent=0,
    calls_back=False,
    models=(CUTOUT, BLUR),
    regions=("deployment",),
    keeps_inputs_hours=0,
    trains_on_inputs=False,
    terms_url="https://www.apache.org/licenses/LICENSE-2.0",
    hosts=(),
)


class Blurring(Protocol):
    """What this provider reads of the parameters of `blur`."""

    strength: float


class Provider(Immediate):
    """Loads the engine at its first job and keeps it. Safe to call from several threads."""

    name = NAME
    capability = CAPABILITY

    def __init__(self, _: Setup) -> None:
        self._lock = Lock()
        self._engine: Any = None

    def submit(self, job: Job) -> Done:
        """One PNG for a cut-out; else a JPEG, or a PNG if the photo has transparency. The same job, the same bytes.

        Raises ProviderRefused for a job that does not fit the model, ProviderFailed when the engine breaks on it.
        """
        model = model_of(job, CAPABILITY)
        with told():
            pictures = import_module("chalicelib.providers.engines.pictures")
            result = self._made(job, pictures.photo_for(job, model))
            data, content_type = pictures.encode(result)
        output = Output(
            data=data, content_type=content_type, width=result.width, height=result.height, seconds=None, seed=job.seed
        )
        return Done(outputs=(output,), request_id="", cost_microdollars=None)

    def _made(self, job: Job, photo: "Image") -> "Image":
        with self._lock:
            if self._engine is None:
                self._engine = import_module("chalicelib.providers.engines.portraits").Portraits()
        if job.operation == CUTOUT.operations[0]:
            return cast("Image", self._engine.cut_out(photo))
        return cast("Image", self._engine.blur(photo, cast(Blurring, job.parameters).strength))
