"""What the tidy tests look at: the project's own files, and what kind of file each Python module is."""

import ast
import os
import subprocess
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Never ours, whatever git says.
FOREIGN_FOLDERS = frozenset({".git", ".local", ".venv", "__pycache__", "node_modules"})
#: Written by tools from other people's names: not prose, not code.
LOCK_FILES = frozenset({"package-lock.json", "requirements.txt", "requirements-dev.txt", "uv-requirements.txt"})

ROLES = frozenset({"gateway", "routes", "service", "store", "worker"})
#: Folders of chalicelib that are not rooms.
FOUNDATIONS = frozenset({"aws", "edge", "kernel"})


class Kind(Enum):
    """What the house rules make of a module."""

    PURE = "pure"
    ROLE = "role"
    EDGE = "edge"  # aws, edge, wiring, vendors and EXEMPT: they may touch the world
    OUTSIDE = "outside chalicelib"


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the root, with `/`, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.path.removesuffix(".py").split("/"))

    @property
    def room(self) -> str | None:
        """The room that it belongs to: a folder of chalicelib that is not a foundation."""
        inside = len(self.parts) > 2 and self.parts[0] == "chalicelib"
        return self.parts[1] if inside and self.parts[1] not in FOUNDATIONS else None

    @property
    def role(self) -> str | None:
        return self.parts[-1] if self.room and self.parts[-1] in ROLES else None

    @property
    def kind(self) -> Kind:
        if self.parts[0] != "chalicelib":
            return Kind.OUTSIDE
        if self.role:
            return Kind.ROLE
        if self.parts[1] in ("aws", "edge", "wiring") or self.path in EXEMPT or self.is_vendor:
            return Kind.EDGE
        return Kind.PURE

    @property
    def is_vendor(self) -> bool:
        """A provider's own file: the registry finds it by the `CAPABILITY` that it declares."""
        if self.room != "providers" or len(self.parts) != 3:
            return False
        return any("CAPABILITY" in assigned_names(statement) for statement in self.tree.body)


#: Pure by place, but not by purpose: file → why.
EXEMPT = {
    "chalicelib/kernel/clock.py": "the one place where the real clock is read",
    "chalicelib/media/decoder.py": "the confined child process that decodes a photo",
}


def assigned_names(statement: ast.stmt) -> set[str]:
    """The plain names that a statement assigns."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project: tracked, or new and not ignored; in an export without git, all but foreign folders."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = sorted(set(listed.stdout.decode().split("\0")) - {""})
    else:
        names = sorted(_walk())
    found = (ROOT / name for name in names if FOREIGN_FOLDERS.isdisjoint(Path(name).parts))
    return tuple(path for path in found if path.is_file())


def _walk() -> list[str]:
    names = []
    for folder, folders, filenames in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in FOREIGN_FOLDERS]
        names += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in filenames]
    return names


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the project."""
    return tuple(Module(relative(path), path.read_text()) for path in files() if path.suffix == ".py")


def service_modules() -> tuple[Module, ...]:
    """What runs on AWS: chalicelib and app.py."""
    return tuple(module for module in modules() if module.parts[0] in ("chalicelib", "app"))


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """(path, text) of every file that is text and written by us."""
    found = []
    for path in files():
        if path.name in LOCK_FILES:
            continue
        try:
            found.append((relative(path), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # a picture or another binary
    return tuple(found)


def documents() -> tuple[tuple[str, str], ...]:
    """(path, text) of every Markdown page."""
    return tuple((path, text) for path, text in texts() if path.endswith(".md"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
