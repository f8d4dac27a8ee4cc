"""Habits that can be read off one file: sizes, names, what is caught, what is left undone, tests that cannot fail."""

import ast
import re
from collections.abc import Iterable

from tests.tidy.purity import dotted
from tests.tidy.tree import FOUNDATIONS, ROLES, Module

MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_APP_LINES = 80

#: Names that say nothing, and other houses' names for our five role files.
VAGUE_NAMES = frozenset(
    {"base", "common", "core", "helper", "helpers", "lib", "manager", "misc", "tools", "util", "utils"}
)
OTHER_ROLE_NAMES = frozenset(
    {
        "client",
        "controller",
        "dao",
        "endpoints",
        "handler",
        "handlers",
        "jobs",
        "repository",
        "services",
        "tasks",
    }
)

#: Written in pieces, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK|WI" + r"P|NotImpl" + r"ementedError)\b")
AUTHORS = r"(?:AI|LLM|language model) (?:agent|assistant|model|tool)"
BANNED_WORDS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\.\./" + "shared",
        r"(?<![\w/.-])" + "shared" + r"/",
        r"\bspi" + r"kes?\b",
        r"\bissue" + r" #?\d",
        r"\bin produc" + r"tion,? (?:you|we|this|one) (?:would|should)",
        r"\b(?:written|generated|made|created) (?:by|with) (?:an? )?" + AUTHORS,
        r"\bas an AI\b",
        r"\bco-auth" + r"ored-by\b",
    )
)
#: Credentials that must never be in the tree. AWS's own documentation keys end in EXAMPLE.
SECRETS = {
    "an API key of ours": re.compile(r"ftg_(?:live|test)_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}\b"),
    "an AWS secret": re.compile(r"(?i)aws_?secret_?access_?key\W{1,5}(?!\S*EXAMPLE)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"),
    "a Stripe key": re.compile(r"\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{20,}"),
    "a webhook secret": re.compile(r"\bwhsec_[0-9A-Za-z+/]{24,}"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/]{16}"),
}


def too_long(modules: Iterable[Module]) -> list[str]:
    """Modules and functions that do not fit in a head or on a screen."""
    found = []
    for module in modules:
        lines = module.text.count("\n")
        if lines > MAX_MODULE_LINES:
            found.append(f"{module.path} has {lines} lines, more than {MAX_MODULE_LINES}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    found.append(f"{module.path}:{node.lineno} {node.name} has {length} lines")
    return found


def swallows(modules: Iterable[Module]) -> list[str]:
    """`except:`, and whatever catches everything and then does nothing."""
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler):
                if node.type is None:
                    found.append(f"{module.path}:{node.lineno} bare except")
                elif _catches_all(node.type) and all(_does_nothing(statement) for statement in node.body):
                    found.append(f"{module.path}:{node.lineno} swallows {ast.unparse(node.type)}")
            elif isinstance(node, ast.Call) and dotted(node.func) in ("suppress", "contextlib.suppress"):
                found += [
                    f"{module.path}:{node.lineno} suppresses {ast.unparse(a)}" for a in node.args if _catches_all(a)
                ]
    return found


def _catches_all(caught: ast.expr) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(dotted(name) in ("Exception", "BaseException") for name in names)


def _does_nothing(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass | ast.Continue)


def unfinished(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Lines that promise work instead of doing it."""
    return _found(texts, [UNFINISHED])


def banned(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Lines that name what a reader of this project cannot see or need not know."""
    return _found(texts, BANNED_WORDS)


def secrets(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Where a credential stands, and its kind; never the credential."""
    return [
        f"{path}:{_line(text, match)} holds {kind}"
        for path, text in texts
        for kind, pattern in SECRETS.items()
        for match in pattern.finditer(text)
    ]


def _found(texts: Iterable[tuple[str, str]], patterns: Iterable[re.Pattern[str]]) -> list[str]:
    patterns = list(patterns)
    return [
        f"{path}:{_line(text, match)} {match.group()!r}"
        for path, text in texts
        for pattern in patterns
        for match in pattern.finditer(text)
    ]


def _line(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start()) + 1


def badly_named(modules: Iterable[Module]) -> list[str]:
    """Files of a room whose name says neither a role nor a subject, and role files outside a room."""
    found = []
    for module in modules:
        name = module.parts[-1]
        if module.parts[0] != "chalicelib" or len(module.parts) < 2:
            continue
        if name in VAGUE_NAMES or (module.room and name in OTHER_ROLE_NAMES):
            found.append(f"{module.path}: {name!r} says neither a role nor a subject")
        if name in ROLES and module.role is None:
            found.append(f"{module.path}: a role file belongs in a room")
        if len(module.parts) == 2 and name not in ("__init__", "wiring"):
            found.append(f"{module.path}: only wiring stands beside the rooms")
        if name == "__init__" and module.parts[1] in FOUNDATIONS and module.tree.body[1:]:
            found.append(f"{module.path}: an __init__ here holds at most a docstring")
    return found


def does_more_than_register(app: Module) -> list[str]:
    """What app.py does beyond making the app and registering Blueprints."""
    found = [f"app.py has {lines} lines"] if (lines := app.text.count("\n")) > MAX_APP_LINES else []
    beyond = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.While
    return found + [f"app.py:{n.lineno} defines or loops" for n in ast.walk(app.tree) if isinstance(n, beyond)]


def cannot_fail(modules: Iterable[Module]) -> list[str]:
    """Test functions that check nothing, or only what is always true."""
    return [
        f"{module.path}:{node.lineno} {node.name} checks nothing"
        for module in modules
        if module.path.startswith("tests/") and module.parts[-1].startswith("test_")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        if not any(_checks(inner) for inner in ast.walk(node))
    ]


def _checks(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant | ast.Tuple)
    if isinstance(node, ast.Call):
        name = dotted(node.func).rsplit(".", 1)[-1]
        return name in ("raises", "fail", "warns") or name.lstrip("_").startswith(("assert", "check", "expect", "must"))
    return False
