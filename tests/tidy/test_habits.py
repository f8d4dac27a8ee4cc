"""The habits that one file shows, over every file of the project."""

import pytest

from tests.tidy import habits
from tests.tidy.tree import Module, modules, texts

ROOM = "chalicelib/credits/ledger.py"


def test_modules_and_functions_are_short() -> None:
    assert habits.too_long(modules()) == []


def test_a_long_module_and_a_long_function_are_found() -> None:
    assert habits.too_long([Module(ROOM, "x = 1\n" * 301)])
    assert habits.too_long([Module(ROOM, "def f():\n" + "    x = 1\n" * 60)])
    assert habits.too_long([Module(ROOM, "def f():\n" + "    x = 1\n" * 59)]) == []


def test_nothing_swallows_every_error() -> None:
    assert habits.swallows(modules()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "try:\n    f()\nexcept:\n    raise",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept (ValueError, BaseException):\n    ...",
        "for x in y:\n    try:\n        f()\n    except Exception:\n        continue",
        "with contextlib.suppress(Exception):\n    f()",
    ],
)
def test_a_swallowed_error_is_found(planted: str) -> None:
    assert habits.swallows([Module(ROOM, planted)])


def test_a_named_error_may_be_let_go() -> None:
    assert habits.swallows([Module(ROOM, "try:\n    f()\nexcept FileNotFoundError:\n    pass")]) == []


def test_nothing_is_left_to_do() -> None:
    assert habits.unfinished(texts()) == []


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "NotImplemented" + "Error"])
def test_work_left_undone_is_found(word: str) -> None:
    assert habits.unfinished([("a.py", f"# {word}: later")])


def test_the_project_speaks_of_itself_only() -> None:
    assert habits.banned(texts()) == []


@pytest.mark.parametrize(
    "words",
    ["see ../" + "sha" + "red/STYLE.md", "read sha" + "red/API.md", "as the spi" + "ke showed", "closes issue" + " 2"],
)
def test_a_banned_word_is_found(words: str) -> None:
    assert habits.banned([("a.md", words)])


def test_other_words_are_left_alone() -> None:
    fine = "a shared session; lib/sha" + "red/x; the issue is 2 things; made by AI generation"
    assert habits.banned([("a.py", fine)]) == []


def test_the_tree_holds_no_secret() -> None:
    assert habits.secrets(texts()) == []


@pytest.mark.parametrize(
    "secret",
    [
        "ftg_live_" + "a1" * 15 + "_" + "Zz9" * 2,
        "AK" + "IA" + "Q7" * 8,
        "aws_secret_access_key = " + "ab/+" * 10,
        "sk_" + "live_" + "x9" * 12,
        "whsec_" + "x9" * 16,
        "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIE" * 4,
    ],
)
def test_a_planted_secret_is_found_and_not_repeated(secret: str) -> None:
    found = habits.secrets([("a.txt", f"some text\nkey: {secret}\n")])
    assert len(found) == 1
    assert found[0].startswith("a.txt:2 holds")
    assert secret not in found[0]


def test_a_documented_example_is_no_secret() -> None:
    assert habits.secrets([("a.md", "`ftg_live_…`, AKIA" + "IOSFODNN7EXAMPLE, `whsec_<yours>`")]) == []


def test_files_are_named_for_a_role_or_a_subject() -> None:
    assert habits.badly_named(modules()) == []


@pytest.mark.parametrize(
    "path",
    [
        "chalicelib/credits/utils.py",
        "chalicelib/credits/repository.py",
        "chalicelib/newroom/helpers.py",
        "chalicelib/kernel/service.py",
        "chalicelib/stray.py",
    ],
)
def test_a_badly_named_file_is_found(path: str) -> None:
    assert habits.badly_named([Module(path, "")])


def test_app_only_registers() -> None:
    (app,) = [module for module in modules() if module.path == "app.py"]
    assert habits.does_more_than_register(app) == []
    for planted in ("def index():\n    return 1", "class A: ...", "x = 1\n" * 81):
        assert habits.does_more_than_register(Module("app.py", planted))


def test_every_test_can_fail() -> None:
    assert habits.cannot_fail(modules()) == []


@pytest.mark.parametrize("body", ["f()", "assert True", "assert (x == 1, 'always true')", "..."])
def test_a_test_that_cannot_fail_is_found(body: str) -> None:
    assert habits.cannot_fail([Module("tests/unit/test_a.py", f"def test_a():\n    {body}")])


def test_a_test_that_can_fail_is_left_alone() -> None:
    for body in ("assert f() == 1", "with pytest.raises(ValueError):\n        f()", "check_gone(x)"):
        assert habits.cannot_fail([Module("tests/unit/test_a.py", f"def test_a():\n    {body}")]) == []
