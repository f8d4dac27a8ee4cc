"""`python -m infra.local.stripe [LISTENER] --data DIR [--port 0] [--webhook-url URL] [--seed TEXT]`."""

import argparse
import os
import signal
import socket
import sys
import threading
import traceback
from importlib.util import find_spec
from pathlib import Path


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.stripe", description=__doc__)
    parser.add_argument(
        "listener", nargs="?", type=int, help="descriptor of a listening socket; we end with our parent"
    )
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 for any free one")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--webhook-url", help="where events go, on this machine; without it they are only listed")
    parser.add_argument("--seed", help="makes ids the same in every run")
    arguments = parser.parse_args()
    missing = [name for name in ("jinja2", "stripe") if find_spec(name) is None]
    if missing:
        print(f"stand-in: {', '.join(missing)} not installed: run `make setup`", file=sys.stderr)
        return 1

    from infra.local.datadir import LaptopError, listen_on
    from infra.local.processes import end_with_parent
    from infra.local.stripe.running import StandIn

    if arguments.listener is not None:
        end_with_parent()
        listener = socket.socket(fileno=arguments.listener)
    else:
        listener = listen_on(arguments.port)
    try:
        stand_in = StandIn(listener, arguments.data, arguments.webhook_url, arguments.seed)
    except (LaptopError, OSError, ValueError) as error:
        print(f"stand-in: {error}", file=sys.stderr)
        return 1
    threading.excepthook = _end
    # Blocked before any thread starts, so that the signal waits for us wherever we are.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    stand_in.start()
    print(f"ready {stand_in.base_url}", flush=True)
    signal.sigwait(ends)
    stand_in.stop()
    return 0


def _end(why: threading.ExceptHookArgs) -> None:
    """Without one of its threads it would look alive and deliver nothing: better it ends, and is started again."""
    traceback.print_exception(why.exc_type, why.exc_value, why.exc_traceback)
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
