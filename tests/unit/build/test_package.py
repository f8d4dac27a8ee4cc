"""What goes into the Lambda zip of our own, before the packages."""

from pathlib import Path

from infra.build import package


def test_drawings_are_left_out_of_the_zip_and_the_code_is_not(tmp_path: Path) -> None:
    staged = tmp_path / "project"

    package._stage(staged)

    files = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    assert {"app.py", "chalicelib/providers/local.py", "chalicelib/providers/engines/composing.py"} <= files
    assert not [name for name in files if name.endswith(".webp")]
    assert list((package.PROJECT / package.DRAWINGS).glob("*.webp")), "they moved: the zip would carry them again"
