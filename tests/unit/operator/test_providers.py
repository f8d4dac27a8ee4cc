"""What an operator is told of a providers file: everything but its secrets."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.fotogenic import providers
from infra.fotogenic.__main__ import main
from tests.support.vendors import own
from tests.support.vendors.comfyui import WORKFLOW

CANARY = "secret-canary"
GPU = own("comfyui", {"name": "flux", "operations": ["generate"], "workflow": WORKFLOW, "sizes": ["512x512"]})


def check(folder: Path, raw: Any, *words: str) -> int:
    file = folder / "providers.json"
    file.write_text(raw if isinstance(raw, str) else json.dumps(raw))
    return main(["providers", "check", str(file), *words])


def test_a_file_that_is_right_is_told_with_its_prices_and_without_its_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = {"openai": {"api_key": CANARY}, "self_hosted": [{**GPU, "api_key": CANARY}]}

    assert check(tmp_path, raw) == 0
    said = capsys.readouterr().out

    assert CANARY not in said
    assert "openai/gpt-image-1-mini" in said
    assert "own-comfyui/flux" in said
    assert "+1 above 2 quality" in said
    assert "needs api_token" in said
    assert "wrong" not in said


def test_what_is_wrong_is_exit_status_1_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = {
        "openai": {"api_key": ""},
        "fal": {"api_key": CANARY, CANARY.upper(): 1},
        "prices": {"local/style-1": CANARY},
    }

    assert check(tmp_path, raw, "--json") == 1
    said = json.loads(capsys.readouterr().out)

    assert CANARY not in json.dumps(said)
    wrong = [fault["where"] for fault in said["faults"]]
    assert {"openai.api_key", "prices[local/style-1]"} <= set(wrong)
    assert {each["provider"] for each in said["providers"]} == {"local"}
    assert said["lacking"]["replicate"] == ["api_token"]


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "line 1, column 2"), ("[]", "no JSON object"), ("\x00", "no JSON"), ('"' + "x" * 70_000 + '"', "more than")],
)
def test_a_file_that_is_none_is_exit_status_2_and_one_line(
    text: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, text) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert main(["providers", "check", str(tmp_path / "none")]) == 2


def test_rule_7_every_declared_model_is_audited_without_reading_a_secret() -> None:
    prices = dict(providers.declared_prices())
    assert {"local/style-1", "openai/gpt-image-2", "fal/kokoro"} <= set(prices)
    assert min(prices.values()) >= 1
