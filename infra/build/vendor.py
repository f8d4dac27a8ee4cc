"""The packages that go into the Lambda zip: built for Lambda's platform, pruned, byte-compiled where possible."""

import shutil
import subprocess
import sys
from pathlib import Path

PYTHON_VERSION = "3.13"
_VERSION = tuple(map(int, PYTHON_VERSION.split(".")))
PLATFORM = "aarch64-manylinux_2_28"
# Part of the Lambda runtime already.
_IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer")
# Chalice needs these to deploy, not to run; it adds the two modules of its own that run to the zip itself.
_TO_DEPLOY = (
    "chalice", "pip", "setuptools", "_distutils_hack", "pkg_resources", "wheel", "click", "inquirer", "blessed",
    "jinxed", "wcwidth", "readchar", "editor", "runs", "xmod", "yaml", "_yaml", "pycparser", "bin",
)  # fmt: skip
_NEEDED_METADATA = ("METADATA", "LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


class VendorError(Exception):
    """The packages could not be fetched; the message is uv's last line."""


def install(requirements: Path, target: Path) -> None:
    """Fills `target` with the pinned, hashed `requirements`, less what Lambda does not need.

    Only wheels for Lambda's Python and processor are taken, so it works from any machine. Raises VendorError.
    """
    command = [_uv(), "pip", "install", "--quiet", "--target", str(target), "--python-version", PYTHON_VERSION]
    command += ["--python-platform", PLATFORM, "--only-binary", ":all:", "--require-hashes", "-r", str(requirements)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise VendorError("uv is not installed: run `make setup`") from None
    except subprocess.CalledProcessError as error:
        raise VendorError(error.stderr.strip().splitlines()[-1] if error.stderr.strip() else "uv failed") from None
    _prune(target)


def _uv() -> str:
    return shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv") or "uv"


def _prune(target: Path) -> None:
    for name in (*_IN_THE_RUNTIME, *_TO_DEPLOY):
        shutil.rmtree(target / name, ignore_errors=True)
    (target / "distutils-precedence.pth").unlink(missing_ok=True)
    for folder in [*target.rglob("tests"), *target.rglob("test"), *target.rglob("__pycache__")]:
        shutil.rmtree(folder, ignore_errors=True)
    for metadata in target.glob("*.dist-info"):
        if _is_left_out(metadata, target):
            shutil.rmtree(metadata)
            continue
        for file in sorted(metadata.rglob("*"), reverse=True):
            if file.is_dir():
                if not any(file.iterdir()):
                    file.rmdir()
            elif not file.name.upper().startswith(_NEEDED_METADATA):
                file.unlink()


def _is_left_out(metadata: Path, target: Path) -> bool:
    """Whether nothing of a distribution remains but its metadata."""
    record = metadata / "RECORD"
    files = [line.split(",")[0] for line in record.read_text().splitlines()] if record.exists() else []
    installed = [target / name for name in files if not name.startswith((metadata.name, "../")) and ".pyc" not in name]
    return not any(path.exists() for path in installed)


def compile_all(*folders: Path) -> str:
    """Byte-compiles for Lambda's Python where one is installed; returns a sentence about it.

    The zip is unpacked with other times than ours, so the byte code is tied to nothing and not checked at run time.
    """
    python = _lambda_python()
    if python is None:
        return f"no byte code: there is no Python {PYTHON_VERSION} here; functions start slower without it"
    command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", *map(str, folders)]
    done = subprocess.run(command, capture_output=True, check=False)
    return "byte code compiled" if done.returncode == 0 else f"no byte code: {python} cannot compile"


def _lambda_python() -> str | None:
    """An interpreter of Lambda's version that works: ours, one on the path, or one that pyenv keeps."""
    kept = (Path.home() / ".pyenv" / "versions").glob(f"{PYTHON_VERSION}.*/bin/python{PYTHON_VERSION}")
    candidates = [shutil.which(f"python{PYTHON_VERSION}"), *map(str, sorted(kept, reverse=True))]
    if sys.version_info[:2] == _VERSION:
        candidates.insert(0, sys.executable)
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None
