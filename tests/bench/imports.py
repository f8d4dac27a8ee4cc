"""What a cold start of the API function costs before the first request: processor time in a fresh interpreter."""

import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.table import Row, emit
from tests.support.stack import PROJECT

ROUNDS = 5
CLIENT = "create_client('dynamodb', region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x')"
PROGRAMS = {
    "bare": f"import json, botocore.session; botocore.session.get_session().{CLIENT}",
    "app": "import app",
    "first": f"import app; from chalicelib.aws.session import botocore_session; botocore_session().{CLIENT}",
}
TELL = "; import time; print(time.process_time())"


def cpu_milliseconds(program: str) -> float:
    """From the interpreter's start to the program's end."""
    done = subprocess.run(
        [sys.executable, "-c", program + TELL], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return float(done.stdout) * 1000


def measure() -> Iterator[Row]:
    """The programs take turns, so that other load on the machine hits all of them; the first turn only compiles."""
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for turn in range(ROUNDS + 1):
        for name, program in PROGRAMS.items():
            spent = cpu_milliseconds(program)
            if turn:
                taken[name].append(spent)
    spent_by = {name: statistics.median(times) for name, times in taken.items()}
    note = "a bare handler with one botocore client; CPU of a fresh process, .pyc warm"
    yield Row("cold start: import app.py", spent_by["app"], spent_by["bare"], "ms", note)
    yield Row("cold start: import app.py + DynamoDB client", spent_by["first"], spent_by["bare"], "ms", "the same")


if __name__ == "__main__":
    emit(measure())
