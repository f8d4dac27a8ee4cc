"""The gate, `make check`: every step in order with its seconds; stops at the first that fails, or goes on if asked."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = PROJECT / "infra" / "tools"
BUILD = PROJECT / ".local" / "build"
SAMPLES = TOOLS / "asl-samples"
STEP_SECONDS = 300
#: npm's tools say nothing home and ask for no update.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}


class CheckFailed(Exception):
    """A step found something; the message is what it found."""


def run(*command: str | Path) -> str:
    """What a tool prints. Raises CheckFailed with it when the tool objects or takes longer than STEP_SECONDS."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=PROJECT,
            env={**os.environ, **QUIET},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CheckFailed(f"{words[0]} took longer than {STEP_SECONDS} s") from None
    if done.returncode != 0:
        raise CheckFailed(done.stdout.strip() or f"{' '.join(words)} ended with code {done.returncode}")
    return done.stdout


def python(*arguments: str | Path) -> str:
    return run(sys.executable, "-m", *arguments)


def npm_tool(name: str, *arguments: str | Path) -> str:
    tool = TOOLS / "node_modules" / ".bin" / name
    if not tool.exists():
        raise CheckFailed(f"{name} is not installed: run `make tools` (it needs npm)")
    return run(tool, *arguments)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1].strip(" =")


def lint() -> str:
    return last_line(python("ruff", "check", "."))


def layout() -> str:
    return last_line(python("ruff", "format", "--check", "."))


def types() -> str:
    return last_line(python("mypy"))


def imports() -> str:
    return last_line(run(Path(sys.executable).with_name("lint-imports"), "--no-cache"))


def tidy() -> str:
    return last_line(python("pytest", "tests/tidy", "-q", "-p", "no:cacheprovider"))


def template() -> str:
    """Packages the deployment as `make run` does, and lints the template that comes out."""
    python("infra.build.package", "--out", BUILD, "--thin")
    run(Path(sys.executable).with_name("cfn-lint"), "--", BUILD / "sam.json")
    return "cfn-lint has nothing to say"


def workflows() -> str:
    """Lints the state machines. The bad sample must be refused, else the tool would prove nothing."""
    found = sorted((PROJECT / "infra" / "workflows").glob("*.asl.json"))
    for workflow in (SAMPLES / "good.asl.json", *found):
        npm_tool("asl-validator", "--json-path", workflow)
    try:
        npm_tool("asl-validator", "--json-path", SAMPLES / "bad.asl.json")
    except CheckFailed as refused:
        if "MISSING_TRANSITION_TARGET" in str(refused):
            return f"{len(found)} state machines, and the bad sample is refused"
        raise
    raise CheckFailed("asl-validator accepts the bad sample: it proves nothing")


def interface() -> str:
    """Lints the OpenAPI document that the routes generate."""
    document = BUILD / "openapi.json"
    BUILD.mkdir(parents=True, exist_ok=True)
    document.write_text(python("infra.tools.openapi"))
    python("openapi_spec_validator", document)
    return last_line(npm_tool("redocly", "lint", "--config", TOOLS / "redocly.yaml", "--format", "stylish", document))


STEPS: dict[str, Callable[[], str]] = {
    "lint": lint,
    "format": layout,
    "types": types,
    "imports": imports,
    "template": template,
    "workflows": workflows,
    "openapi": interface,
    "tidy": tidy,
}


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.tools.check", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="step", help=f"only these: {', '.join(STEPS)}")
    parser.add_argument("--keep-going", action="store_true", help="run every step even after one has failed")
    arguments = parser.parse_args()
    if unknown := set(arguments.steps) - set(STEPS):
        parser.error(f"no such step: {', '.join(sorted(unknown))}; there are {', '.join(STEPS)}")
    failed = 0
    for name in arguments.steps or STEPS:
        started = time.monotonic()
        try:
            said, mark = STEPS[name](), "ok  "
        except CheckFailed as problem:
            said, mark = str(problem), "FAIL"
            failed += 1
        print(f"{mark} {name:10} {time.monotonic() - started:5.1f} s  ", end="", flush=True)
        print(said if mark == "ok  " else f"\n{said}\n", flush=True)
        if failed and not arguments.keep_going:
            break
    print("check: failed" if failed else "check: everything holds")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
