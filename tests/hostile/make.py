"""Writes the corpus of honest and hostile files to a folder: `python -m tests.hostile.make FOLDER`.

The same files each time, byte for byte, for one version of Pillow. `index.json` says what each is declared as and what
may come of it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.crooked import crooked
from tests.hostile.honest import honest


def corpus() -> Iterator[Case]:
    """Every case; names are unique."""
    yield from honest()
    yield from crooked()


def write(folder: Path) -> list[dict[str, object]]:
    """Writes all files to `folder` (made if need be) and returns the index."""
    folder.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, object]] = []
    for case in corpus():
        (folder / case.name).write_bytes(case.data)
        reasons = sorted(str(reason) if reason else "accepted" for reason in case.allowed)
        corners = [list(colour) for colour in case.corners] if case.corners else None
        index.append({"name": case.name, "declared": case.declared, "allowed": reasons, "corners": corners})
    (folder / "index.json").write_text(json.dumps(index, indent=1))
    return index


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.hostile.make FOLDER")
    print(f"{len(write(Path(sys.argv[1])))} files in {sys.argv[1]}")
