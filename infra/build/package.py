"""Packages the deployment: `python -m infra.build.package --out DIR [--thin]` writes sam.json and deployment.zip."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.build import fragments, template, vendor

PROJECT = Path(__file__).resolve().parents[2]
STACK = PROJECT / "infra" / "stack"
SOURCES = ("app.py", "chalicelib", ".chalice")
# What pictures are composed of: only the engine worker does that, and its image copies the folder itself.
DRAWINGS = "chalicelib/providers/engines/art"
MAX_UNZIPPED_BYTES = 250_000_000  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"


class PackageError(Exception):
    """The deployment could not be packaged; the message says what to repair."""


@dataclass(frozen=True)
class Package:
    """What was written: the template and the zip, with its sizes in bytes."""

    template: Path
    archive: Path
    zipped_bytes: int
    unzipped_bytes: int
    remark: str


def build(out: Path, *, thin: bool = False) -> Package:
    """Writes the template and the zip into `out`.

    `thin` leaves the third-party packages out: on the laptop the code runs from the checkout.
    Raises PackageError, also when the zip is larger than Lambda takes.
    """
    try:
        stack = fragments.read_stack(STACK)
        with tempfile.TemporaryDirectory(prefix="fotogenic-package-") as folder:
            staged = Path(folder) / "project"
            _stage(staged)
            remark = "without packages"
            if not thin:
                vendor.install(PROJECT / "requirements.txt", staged / "vendor")
                remark = vendor.compile_all(staged / "vendor", staged / "chalicelib")
            merged = Path(folder) / "stack.json"
            merged.write_text(json.dumps(stack))
            written = Path(folder) / "out"
            _chalice_package(staged, merged, written)
            finished = template.complete(json.loads((written / "sam.json").read_text()))
            out.mkdir(parents=True, exist_ok=True)
            (out / "sam.json").write_text(json.dumps(finished, indent=1))
            shutil.copyfile(written / "deployment.zip", out / "deployment.zip")
    except (fragments.FragmentError, template.TemplateError, vendor.VendorError) as error:
        raise PackageError(str(error)) from None
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        unzipped_bytes = sum(entry.file_size for entry in archive.infolist())
    if unzipped_bytes > MAX_UNZIPPED_BYTES:
        raise PackageError(f"the zip unpacks to {unzipped_bytes / 1e6:.0f} MB; Lambda takes 250 MB")
    archive_path = out / "deployment.zip"
    return Package(out / "sam.json", archive_path, archive_path.stat().st_size, unzipped_bytes, remark)


def _stage(staged: Path) -> None:
    """Copies what the functions need, and an empty requirements.txt so that Chalice installs nothing itself."""
    staged.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "deployments", "deployed", "venv")
    for source in SOURCES:
        path = PROJECT / source
        if not path.exists():
            raise PackageError(f"{source} is missing in {PROJECT}")
        if path.is_dir():
            shutil.copytree(path, staged / source, ignore=ignore)
        else:
            shutil.copyfile(path, staged / source)
    shutil.rmtree(staged / DRAWINGS)
    (staged / "requirements.txt").write_text("")


def _chalice_package(staged: Path, merged: Path, written: Path) -> None:
    # Chalice imports app.py from the staged copy: the checkout must not shadow it, nor the user's AWS settings leak in.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and k != "PYTHONPATH"}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    # By the same interpreter; `-P` because `-c` would put the current folder in front of the path.
    command = [sys.executable, "-P", "-c", _CHALICE, "--project-dir", str(staged)]
    command += ["package", "--merge-template", str(merged), str(written)]
    done = subprocess.run(command, cwd=staged, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).strip().splitlines() if line.strip()]
        raise PackageError("chalice package failed: " + " / ".join(lines[-3:]))


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.build.package", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write sam.json and deployment.zip into")
    parser.add_argument("--thin", action="store_true", help="leave the third-party packages out")
    arguments = parser.parse_args()
    try:
        package = build(arguments.out, thin=arguments.thin)
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    print(f"{package.template}\n{package.archive}")
    print(f"zip {package.zipped_bytes / 1e6:.1f} MB, unzipped {package.unzipped_bytes / 1e6:.1f} MB; {package.remark}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
