"""Licences of what is shipped: of packages by their metadata, of pictures by the LICENSE that lies beside them."""

import re
from collections.abc import Iterable
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

#: Copyleft that would reach our own code. LGPL is another matter: see LGPL_ACCEPTED.
GPL = re.compile(r"\bA?GPL|GNU (?:Affero )?General Public|\bSSPL|\bBUSL|Commons Clause", re.IGNORECASE)
LGPL = re.compile(r"\bLGPL|GNU (?:Lesser|Library) General Public", re.IGNORECASE)
#: Name → why its lesser licence does not bind us.
LGPL_ACCEPTED = {
    "pi-heif": "its own code is BSD; the wheel links libheif and libde265 (LGPL) as replaceable shared libraries"
}

#: What others drew and we ship.
PICTURES = frozenset({".avif", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".webp"})

PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)


def pinned(requirements: str) -> list[str]:
    """The package names of a lock file."""
    return PINNED.findall(requirements)


def declared(about: PackageMetadata) -> list[str]:
    """What a package says of its licence: SPDX expression, classifiers, the first line of the free text."""
    said = [*(about.get_all("License-Expression") or [])]
    said += [text.strip().splitlines()[0] for text in about.get_all("License") or [] if text.strip()]
    said += [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    return [text for text in said if text and text != "UNKNOWN"]


def objection(name: str, said: Iterable[str]) -> str:
    """Why a package with those statements may not be shipped; empty when it may. Silence means no."""
    said = list(said)
    if not said:
        return f"{name} declares no licence"
    for text in said:
        if GPL.search(text):
            return f"{name} is under {text}"
        if LGPL.search(text) and name not in LGPL_ACCEPTED:
            return f"{name} is under {text}, and nobody has said why that is fine"
    return ""


def objections(names: Iterable[str]) -> list[str]:
    """Over the packages that are installed here; the others are for other systems."""
    found = []
    for name in names:
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue
        found.append(objection(name, declared(about)))
    return [text for text in found if text]


def unlicensed(paths: Iterable[Path]) -> list[str]:
    """Folders with pictures beside which no LICENSE says whose they are and that they may be shipped."""
    found = []
    for folder in sorted({path.parent for path in paths if path.suffix.lower() in PICTURES}):
        licence = folder / "LICENSE"
        text = licence.read_text() if licence.exists() else ""
        if "Copyright" not in text or GPL.search(text):
            found.append(f"{folder} holds pictures, and no LICENSE that lets them be shipped")
    return found
