"""Nothing that is shipped is under a licence that would bind its users' code."""

from pathlib import Path

import pytest

from tests.tidy import licences
from tests.tidy.tree import ROOT, files

#: The lock of the zip, and of the engine worker's image.
SHIPPED = [ROOT / "requirements.txt", *(path for path in files() if path.match("infra/engines/requirements*.txt"))]


def test_what_is_shipped_has_a_licence_and_it_is_not_gpl() -> None:
    names = sorted({name for lock in SHIPPED for name in licences.pinned(lock.read_text())})
    assert {"chalice", "pydantic"} <= set(names)
    assert licences.objections(names) == []


@pytest.mark.parametrize(
    "said",
    [
        ["GPL-3.0-or-later"],
        ["AGPL-3.0"],
        ["MIT", "License :: OSI Approved :: GNU General Public License v2 (GPLv2)"],
        ["GNU Affero General Public License v3"],
        ["LGPL-2.1"],
        [],
    ],
)
def test_a_licence_that_binds_or_is_missing_is_refused(said: list[str]) -> None:
    assert licences.objection("acme", said) != ""


@pytest.mark.parametrize("said", [["MIT"], ["Apache-2.0 OR BSD-3-Clause"], ["License :: OSI Approved :: BSD License"]])
def test_a_free_licence_is_accepted(said: list[str]) -> None:
    assert licences.objection("acme", said) == ""


def test_every_accepted_exception_is_still_needed() -> None:
    named = {name for lock in SHIPPED for name in licences.pinned(lock.read_text())}
    assert set(licences.LGPL_ACCEPTED) <= named


def test_pictures_that_are_shipped_have_a_licence_beside_them() -> None:
    shipped = [path for path in files() if path.is_relative_to(ROOT / "chalicelib")]

    assert any(path.suffix == ".webp" for path in shipped)
    assert licences.unlicensed(shipped) == []


@pytest.mark.parametrize("text", [None, "All rights are ours.", "Copyright (c) Acme, under the GPL-3.0"])
def test_pictures_without_a_free_licence_are_found(text: str | None, tmp_path: Path) -> None:
    (tmp_path / "cat.webp").touch()
    if text is not None:
        (tmp_path / "LICENSE").write_text(text)

    assert len(licences.unlicensed([tmp_path / "cat.webp"])) == 1
