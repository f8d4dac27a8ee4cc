"""`python -m infra.local run --port 8000 --data .local/data [--isolated]`."""

import argparse
import importlib.util
import os
import sys
from pathlib import Path

_NEEDED = ("boto3", "botocore", "chalice", "hypercorn", "jinja2", "ministack", "samtranslator", "stripe", "yaml")


def main() -> int:
    """The command line; returns the exit code. Every failure is one line that says what to do."""
    if sys.version_info < (3, 11):
        print("fotogenic: Python 3.11 or newer is needed", file=sys.stderr)
        return 1
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"fotogenic: {', '.join(missing)} not installed: run `make setup`", file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="python -m infra.local")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="run the whole service on this machine until Ctrl-C")
    command.add_argument("--port", type=int, default=8000, help="of the HTTP API; 0 for any free one")
    command.add_argument("--data", type=Path, default=Path(".local/data"), help="folder that keeps everything")
    command.add_argument("--isolated", action="store_true", help="each function alone, with its role's permissions")
    command.add_argument("--sweep-seconds", type=float, default=30.0, help="pause between two rounds of expiry")
    command.add_argument("--only-emulator", action="store_true", help="just the deployed AWS, nothing that runs on it")
    arguments = parser.parse_args()

    from infra.local.datadir import DataDir, LaptopError
    from infra.local.payments import keys_in
    from infra.local.supervisor import Laptop, run

    try:
        laptop = Laptop(
            DataDir(arguments.data),
            arguments.port,
            isolated=arguments.isolated,
            sweep_seconds=arguments.sweep_seconds,
            only_emulator=arguments.only_emulator,
            stripe_keys=keys_in(os.environ),
        )
    except LaptopError as error:
        print(f"fotogenic: {error}", file=sys.stderr)
        return 1
    return run(laptop)


if __name__ == "__main__":
    sys.exit(main())
