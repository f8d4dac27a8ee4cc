"""README and docs: every command parses and exists, every link leads somewhere."""

from pathlib import Path

import pytest

from tests.tidy import pages
from tests.tidy.tree import ROOT, documents

MAKEFILE = ".PHONY: run test\nrun: setup\n\t@python -m run\ntest:\n\tpytest\n.venv/x: y\n"


def test_readme_and_makefile_name_the_same_commands() -> None:
    assert pages.makefile_disagrees((ROOT / "README.md").read_text(), (ROOT / "Makefile").read_text()) == []


def test_a_command_that_only_one_of_them_knows_is_found() -> None:
    assert pages.makefile_disagrees("Type `make run` and `make test`.", MAKEFILE) == []
    assert pages.makefile_disagrees("```sh\nmake run PORT=1 && make test\n```\n", MAKEFILE) == []
    assert pages.makefile_disagrees("`make run`", MAKEFILE) == ["`make test` exists and is not named"]
    assert pages.makefile_disagrees("`make run test` `make fly`", MAKEFILE) == [
        "`make fly` is named and does not exist"
    ]


def test_every_shell_block_parses() -> None:
    wrong = {
        path: said
        for path, text in documents()
        for block in pages.shell_blocks(text)
        if (said := pages.does_not_parse(block))
    }
    assert wrong == {}
    assert pages.shell_blocks((ROOT / "README.md").read_text()) != []


@pytest.mark.parametrize("block", ["if true; then", "echo 'a", "curl $(echo a"])
def test_a_block_that_does_not_parse_is_found(block: str) -> None:
    (found,) = pages.shell_blocks(f"Text\n\n```bash\n{block}\n```\n\nmore\n")
    assert pages.does_not_parse(found) != ""


def test_a_console_block_is_read_after_its_prompts() -> None:
    assert pages.shell_blocks("```console\n$ make run\nready (at once\n```\n```json\n{\n```\n") == ["make run"]


def test_links_lead_somewhere() -> None:
    assert pages.dead_links(documents(), ROOT) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# The house, of rooms\n")
    good = '[b](b.md) [b](b.md#the-house-of-rooms) [x](https://example.com/a) <img src="b.md">\n```\n[no](no.md)\n```\n'
    assert pages.dead_links([("a.md", good)], tmp_path) == []
    for planted in ("[c](c.md)", "![c](c.png)", "[b](b.md#the-garden)", '<img src="c.jpg">', "[b](/b.md)"):
        assert len(pages.dead_links([("a.md", planted)], tmp_path)) == 1
