"""Tells Stripe, or the stand-in, what is sold: `python -m infra.local.catalog DATA`, run by the supervisor.

What the operator does by `fotogenic catalog sync`, in a process with the environment of the functions.
"""

import os
import sys
from pathlib import Path

from infra.local.datadir import DataDir
from infra.local.functions import Deployment
from infra.local.processes import end_with_parent


def main() -> None:
    """Prints what was changed, a line each; a failure is a traceback and exit code 1."""
    end_with_parent()
    os.environ.update(Deployment.read(DataDir(Path(sys.argv[1])).functions).warm_environment())
    # Only now: what is wired reads the environment.
    from chalicelib import wiring
    from infra.fotogenic import catalog

    for action, what in catalog.sync(wiring.services()):
        print(f"{action} {what}", flush=True)


if __name__ == "__main__":
    main()
