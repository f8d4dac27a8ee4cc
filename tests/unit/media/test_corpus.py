"""The real cleaner against every file of the corpus, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.media import limits
from chalicelib.media.photo import Reason
from tests.hostile.make import write

ROOT = Path(__file__).parents[3]
#: Flat colours through JPEG, AVIF, a colour profile and back.
COLOUR_TOLERANCE = 14

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The index of the corpus, and what the judge says of it."""
    folder = tmp_path_factory.mktemp("corpus")
    index = write(folder)
    judge = subprocess.run(
        [sys.executable, "-m", "tests.hostile.judge", str(folder)], cwd=ROOT, capture_output=True, check=True
    )
    verdict = json.loads(judge.stdout)
    return {"index": index, **verdict}


def test_the_corpus_is_large_and_says_what_it_expects(judged: dict[str, Any]) -> None:
    names = [case["name"] for case in judged["index"]]
    expected = {reason for case in judged["index"] if len(case["allowed"]) == 1 for reason in case["allowed"]}

    assert len(names) == len(set(names)) == len(judged["outcomes"])
    assert len(names) >= 250
    assert expected == {"accepted", *map(str, Reason)}, "a reason that no file is sure to meet"


def test_every_file_is_accepted_or_rejected_for_the_reason_it_should_be(judged: dict[str, Any]) -> None:
    wrong = [
        (outcome["name"], outcome["reason"], case["allowed"])
        for case, outcome in zip(judged["index"], judged["outcomes"], strict=True)
        if outcome["reason"] not in case["allowed"]
    ]

    assert wrong == []


def test_accepted_photos_are_upright_and_in_their_true_colours(judged: dict[str, Any]) -> None:
    wrong = [
        (outcome["name"], outcome["corners"])
        for case, outcome in zip(judged["index"], judged["outcomes"], strict=True)
        if outcome["reason"] == "accepted"
        and case["corners"]
        and distance(outcome["corners"], case["corners"]) > COLOUR_TOLERANCE
    ]

    assert wrong == []


def test_accepted_photos_hold_their_pixels_and_nothing_else(judged: dict[str, Any]) -> None:
    accepted = [outcome for outcome in judged["outcomes"] if outcome["reason"] == "accepted"]

    assert len(accepted) > 90
    assert [outcome for outcome in accepted if outcome["leftovers"]] == []


def test_lossy_photos_stay_jpeg_and_the_rest_become_png(judged: dict[str, Any]) -> None:
    types = {outcome["name"]: outcome.get("content_type") for outcome in judged["outcomes"]}

    assert {types[f"plain.{kind}"] for kind in ("jpeg", "webp", "avif", "heic")} == {"image/jpeg"}
    assert {types[name] for name in ("plain.png", "plain.gif", "lossless.webp")} == {"image/png"}
    assert {types[f"transparent.{kind}"] for kind in ("png", "webp", "avif", "heic")} == {"image/png"}


def test_no_child_took_more_memory_than_it_may(judged: dict[str, Any]) -> None:
    assert 10_000 < judged["peak_child_kib"] < limits.CHILD_ADDRESS_SPACE_BYTES // 1024


def test_what_is_said_to_people_names_the_impostor_and_quotes_no_file(judged: dict[str, Any]) -> None:
    said = {outcome["name"]: outcome["sentence"] for outcome in judged["outcomes"] if outcome["reason"] != "accepted"}

    assert said["page.html.jpg"].startswith("This is an HTML page, not a JPEG image.")
    assert said["drawing.svg.jpg"].startswith("This is an SVG drawing, not a JPEG image.")
    assert said["png-declared-jpeg"] == "This is a PNG image, but it was declared as a JPEG image."
    assert all(sentence.endswith(".") and "SECRET" not in sentence for sentence in said.values())


def distance(seen: list[list[int]], meant: list[list[int]]) -> int:
    """The largest difference in any channel of any corner."""
    pairs = zip(seen, meant, strict=True)
    return max(abs(one - other) for have, want in pairs for one, other in zip(have, want, strict=True))
