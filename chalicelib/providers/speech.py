"""Speech by programs that the operator installs beside the engines: Piper or eSpeak NG. Nothing leaves this deployment.

Both are under the GPL and no part of what ships; see docs/PROVIDERS.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Annotated, Any, Literal, Protocol, cast

from pydantic import Field, field_validator

from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.engines.mishaps import told
from chalicelib.providers.hosted.asking import model_of, prompt_of
from chalicelib.providers.hosted.entry import Entry
from chalicelib.providers.job import Done, Immediate, Job, Output, ProviderRefused
from chalicelib.providers.price import Price
from chalicelib.providers.setup import Setup

NAME = "speech"
_VOICE = r"^[A-Za-z0-9_.-]{1,80}$"
#: By its name, looked up in /usr/local/bin and /usr/bin, or by its path: never another program.
_PIPER, _ESPEAK = r"^(/[A-Za-z0-9._/-]+/)?piper$", r"^(/[A-Za-z0-9._/-]+/)?espeak-ng$"


class PiperVoice(Entry):
    """`model` is the path of a voice's ONNX file; its JSON lies beside it."""

    name: Annotated[str, Field(pattern=_VOICE)]
    engine: Literal["piper"]
    model: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+\.onnx$")]
    program: Annotated[str, Field(pattern=_PIPER)] = "piper"


class EspeakVoice(Entry):
    """`voice` is as `espeak-ng --voices` lists it."""

    name: Annotated[str, Field(pattern=_VOICE)]
    engine: Literal["espeak-ng"]
    voice: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9+-]{1,40}$")]
    program: Annotated[str, Field(pattern=_ESPEAK)] = "espeak-ng"


class Configuration(Entry):
    """The first voice is meant where an order names none."""

    voices: Annotated[
        tuple[Annotated[PiperVoice | EspeakVoice, Field(discriminator="engine")], ...],
        Field(min_length=1, max_length=50),
    ]

    @field_validator("voices")
    @classmethod
    def _each_once(cls, voices: tuple[PiperVoice | EspeakVoice, ...]) -> tuple[PiperVoice | EspeakVoice, ...]:
        if len({voice.name for voice in voices}) < len(voices):
            raise ValueError("two voices have the same name")
        return voices


SPEECH = Model(
    id=f"{NAME}/reader-1",
    provider=NAME,
    modality=Modality.AUDIO,
    operations=("speak",),
    price=Price(assets=1, steps=()),
    description="Reads a text aloud, in the voices that this service has installed.",
    generative=True,
    max_input_pixels=0,
    max_output_side_pixels=0,
    max_outputs=1,
    takes=("voice", "speed"),
    sizes=(),
    allowed=(),
    max_seconds=600,
    parameters_note="WAV. The same text, voice and speed give the same sound.",
)

CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.EMBEDDED,
    proof=Proof.REPLAY,
    credentials=("voices",),
    max_concurrent=0,
    calls_back=False,
    models=(SPEECH,),
    regions=("deployment",),
    keeps_inputs_hours=0,
    trains_on_inputs=False,
    terms_url="https://www.gnu.org/licenses/gpl-3.0.html",
    hosts=(),
)


def capability(configuration: Mapping[str, Any]) -> Capability:
    """With the names of the voices."""
    names = tuple(voice["name"] for voice in configuration["voices"])
    return replace(CAPABILITY, models=(replace(SPEECH, allowed=(("voice", names),)),))


class Speaking(Protocol):
    """What this provider reads of the parameters of `speak`."""

    voice: str | None
    speed: float


class Provider(Immediate):
    """Starts a program for each job."""

    name = NAME

    def __init__(self, setup: Setup) -> None:
        self.capability = capability(setup.configuration)
        self._voices = {voice["name"]: voice for voice in setup.configuration["voices"]}

    def submit(self, job: Job) -> Done:
        """One WAV. Raises ProviderRefused for a job that does not fit, ProviderFailed when the program breaks on it."""
        model_of(job, self.capability)
        parameters = cast(Speaking, job.parameters)
        voice = self._voices.get(parameters.voice or next(iter(self._voices)))
        if voice is None:
            raise ProviderRefused("unknown_voice", "This model has no such voice.")
        with told():
            speaking = import_module("chalicelib.providers.engines.speaking.gateway")
            by_piper = voice["engine"] == "piper"
            command = speaking.piper if by_piper else speaking.espeak
            of = voice["model"] if by_piper else voice["voice"]
            speech = speaking.spoken(command(voice["program"], of, parameters.speed), prompt_of(job))
        output = Output(
            data=speech.data, content_type="audio/wav", width=None, height=None, seconds=speech.seconds, seed=job.seed
        )
        return Done(outputs=(output,), request_id="", cost_microdollars=None)
