"""Speech by a program beside the service: what it is given, what becomes of what it says, and what may be configured.

The program is a stand-in that checks its own arguments; with Piper's or eSpeak NG's own one on this machine, that runs
too: PIPER_VOICE=/path/voice.onnx names a voice.
"""

import io
import os
import shutil
import stat
import sys
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.media.measure import measure
from chalicelib.providers.configuration import Enabled, read
from chalicelib.providers.job import Done, Output, ProviderFailed, ProviderRefused
from chalicelib.providers.registry import REGISTRY
from chalicelib.providers.setup import Setup
from tests.unit.providers.jobs import PROMPT, job
from tests.unit.providers.test_contract import no_model, nowhere

#: Says silence: a tenth of a second for each letter it is given. Its header promises more, as one into a pipe does.
PROGRAM = """#!{python}
import os, sys, wave, io, struct
text = sys.stdin.read()
assert text.endswith("\\n") and text.count("\\n") == 1, "not one line"
assert not any(word in " ".join(sys.argv) for word in text.split() if len(word) > 4), "words among the arguments"
assert not [name for name in os.environ if name.startswith(("AWS", "SECRET"))], "the worker's own variables"
open({said!r}, "w").write(repr(sys.argv[1:]))
{also}
out = io.BytesIO()
with wave.open(out, "wb") as made:
    made.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
    made.writeframes(bytes(1600 * (len(text) - 1)))
data = bytearray(out.getvalue())
data[40:44] = struct.pack("<I", 0x7FFFF000)
sys.stdout.buffer.write(data)
"""


class Beside:
    """A machine with that program on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, folder / "said"
        self.install()

    def install(self, also: str = "") -> None:
        for name in ("piper", "espeak-ng"):
            program = self.folder / name
            program.write_text(PROGRAM.format(python=sys.executable, said=str(self.said), also=also))
            program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def voices(self) -> list[dict[str, Any]]:
        return [
            {"name": "joe", "engine": "piper", "model": "/voices/joe.onnx", "program": f"{self.folder}/piper"},
            {"name": "robot", "engine": "espeak-ng", "voice": "en-gb", "program": f"{self.folder}/espeak-ng"},
        ]


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Beside:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-real")
    return Beside(tmp_path)


def enabled(voices: Any) -> Enabled:
    return read({"speech": {"voices": voices}}, REGISTRY)


def speak(voices: Any, parameters: dict[str, Any] | None = None, **changes: Any) -> Output:
    found = enabled(voices)
    assert found.faults == ()
    offer, model = found.offer("speech"), found.model("speech/reader-1")
    provider = offer.make(Setup(configuration=offer.configuration, send=nowhere, invoke=no_model))
    done = provider.submit(replace(job(model, "speak", parameters or {}), **changes))
    assert isinstance(done, Done)
    (output,) = done.outputs
    assert isinstance(output, Output)
    return output


def test_without_voices_there_is_no_such_model() -> None:
    found = read({}, REGISTRY)
    assert found.lacking["speech"] == ("voices",)
    assert "speech" not in found.offers


def test_a_text_is_read_aloud_and_its_length_is_what_was_said(beside: Beside) -> None:
    output = speak(beside.voices())

    assert (output.content_type, output.width, output.seed) == ("audio/wav", None, 7)
    assert output.seconds == pytest.approx(len(PROMPT) / 10)
    assert measure(output.data).seconds == pytest.approx(output.seconds)
    with wave.open(io.BytesIO(output.data)) as heard:
        assert heard.getnframes() == 800 * len(PROMPT)


def test_each_engine_is_asked_in_its_own_way(beside: Beside) -> None:
    speak(beside.voices(), {"speed": 2})
    piper = ["-m", "/voices/joe.onnx", "-f", "-", "--length-scale", "0.500"]
    assert beside.said.read_text() == repr([*piper, "--noise-scale", "0", "--noise-w-scale", "0"])
    speak(beside.voices(), {"voice": "robot", "speed": 0.5})
    assert beside.said.read_text() == repr(["--stdin", "--stdout", "-b", "1", "-v", "en-gb", "-s", "88"])


def test_several_lines_are_one_text_to_the_program(beside: Beside) -> None:
    assert speak(beside.voices(), prompt="one\n\ntwo\r\n\u2028three").seconds == pytest.approx(
        len("one two three") / 10
    )


@pytest.mark.parametrize(
    "also",
    ["sys.exit(3)", "print('Traceback: ' + text); sys.exit(1)", "sys.exit(0)", "print('no sound'); sys.exit(0)"],
)
def test_a_program_that_breaks_fails_the_job_and_is_not_quoted(beside: Beside, also: str) -> None:
    beside.install(also)
    with pytest.raises(ProviderFailed) as failed:
        speak(beside.voices())
    assert failed.value.code == "engine_failed"
    assert PROMPT not in failed.value.message
    assert failed.value.__cause__ is None or PROMPT not in str(failed.value.__cause__)


def test_a_program_that_hangs_is_ended(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.providers.engines.speaking.gateway.MAX_SECONDS", 0.3)
    beside.install("import time; time.sleep(60)")
    with pytest.raises(ProviderFailed, match="engine_failed"):
        speak(beside.voices())


def test_a_voice_whose_program_is_not_there_says_so(beside: Beside) -> None:
    (beside.folder / "piper").unlink()
    with pytest.raises(ProviderFailed, match="engine_missing"):
        speak(beside.voices())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"prompt": None}, "prompt_missing"),
        ({"n": 2}, "too_many_outputs"),
        ({"operation": "generate"}, "wrong_operation"),
    ],
)
def test_what_does_not_fit_is_refused(beside: Beside, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        speak(beside.voices(), **changes)
    assert refused.value.code == code


def test_only_voices_that_are_there_can_be_named(beside: Beside) -> None:
    assert enabled(beside.voices()).model("speech/reader-1").allowed == (("voice", ("joe", "robot")),)
    with pytest.raises(ProviderRefused, match="unknown_voice"):
        speak(beside.voices(), {"voice": "nobody"})


@pytest.mark.parametrize(
    "change",
    [
        {"program": "/bin/sh"},
        {"program": "piper -m x"},
        {"program": "/tmp/../bin/piper;sh"},
        {"model": "relative.onnx"},
        {"model": "/voices/joe.onnx --output-dir /"},
        {"engine": "festival"},
        {"name": "jo e"},
        {"name": "robot"},
    ],
)
def test_a_configuration_can_start_nothing_else(beside: Beside, change: dict[str, Any]) -> None:
    joe, robot = beside.voices()
    found = enabled([{**joe, **change}, robot])
    assert "speech" not in found.offers
    assert [fault.where.split(".")[0] for fault in found.faults] == ["speech"]


REAL = [
    pytest.param(
        {"name": "v", "engine": "espeak-ng", "voice": "en-gb"},
        id="espeak-ng",
        marks=pytest.mark.skipif(not shutil.which("espeak-ng"), reason="eSpeak NG is not installed here"),
    ),
    pytest.param(
        {
            "name": "v",
            "engine": "piper",
            "model": os.environ.get("PIPER_VOICE", "/none.onnx"),
            "program": shutil.which("piper") or "piper",
        },
        id="piper",
        marks=pytest.mark.skipif(
            not (shutil.which("piper") and os.environ.get("PIPER_VOICE")), reason="Piper and a voice are not here"
        ),
    ),
]


@pytest.mark.parametrize("voice", REAL)
def test_the_program_itself_speaks_the_same_each_time_and_faster_when_asked(voice: dict[str, Any]) -> None:
    once, again, fast = (speak([voice], {"speed": speed}) for speed in (1, 1, 2))

    assert once.data == again.data
    assert once.seconds is not None
    assert fast.seconds is not None
    assert 0.8 < once.seconds < 10
    assert 0.35 < fast.seconds / once.seconds < 0.75
