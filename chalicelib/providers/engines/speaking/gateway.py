"""A text read aloud by a program beside this one: Piper (neural) or eSpeak NG (formants), both under the GPL-3.0.

They are no part of what ships, and run as processes of their own: text in, a WAV file out. The text is never among the
arguments, where other processes could read it.
"""

import io
import subprocess
import wave
from dataclasses import dataclass

from chalicelib.providers.job import ProviderFailed

#: The worker's own limit is 120 seconds.
MAX_SECONDS = 100
#: Nothing of this process's own.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
#: eSpeak NG's own words a minute.
WORDS_A_MINUTE = 175


@dataclass(frozen=True, slots=True)
class Speech:
    """A WAV file, and how long it is."""

    data: bytes
    seconds: float


def piper(program: str, model: str, speed: float) -> list[str]:
    """The command, without the noise that would make each reading another."""
    quiet = ["--noise-scale", "0", "--noise-w-scale", "0"]
    return [program, "-m", model, "-f", "-", "--length-scale", f"{1 / speed:.3f}", *quiet]


def espeak(program: str, voice: str, speed: float) -> list[str]:
    return [program, "--stdin", "--stdout", "-b", "1", "-v", voice, "-s", str(round(WORDS_A_MINUTE * speed))]


def spoken(command: list[str], text: str) -> Speech:
    """What that program says. Raises ProviderFailed."""
    # Each line would be a file of its own to Piper.
    line = " ".join(text.split()) + "\n"
    try:
        ran = subprocess.run(
            command, input=line.encode(), capture_output=True, env=ENVIRONMENT, timeout=MAX_SECONDS, check=True
        )
    except FileNotFoundError as error:
        raise ProviderFailed("engine_missing", "The program of this voice is not installed here.") from error
    except subprocess.TimeoutExpired as error:
        raise ProviderFailed("engine_failed", "The text took too long to read: try a shorter one.") from error
    except (OSError, subprocess.CalledProcessError):  # what it printed may quote the text
        raise ProviderFailed("engine_failed", "The program of this voice could not finish.") from None
    return _whole(ran.stdout)


def _whole(data: bytes) -> Speech:
    """The samples under a header that says how many they are: into a pipe, nobody can write that before the end."""
    out = io.BytesIO()
    try:
        with wave.open(io.BytesIO(data)) as said:
            channels, width, rate, *_ = said.getparams()
            # A header that promises more than is there is believed by `readframes` alone.
            samples = said.readframes(len(data))
        with wave.open(out, "wb") as whole:
            whole.setparams((channels, width, rate, 0, "NONE", "not compressed"))
            whole.writeframes(samples)
    except (EOFError, wave.Error, ZeroDivisionError) as error:
        raise ProviderFailed("engine_failed", "The program of this voice gave no sound.") from error
    if not samples:
        raise ProviderFailed("engine_failed", "The program of this voice gave no sound.")
    return Speech(out.getvalue(), len(samples) / (channels * width * rate))
