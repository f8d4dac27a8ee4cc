"""What the pages say must be so: commands exist and parse, links resolve."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

FENCE = re.compile(
    r"^(?P<fence>```+)[ \t]*(?P<language>\w*)[^\n]*\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
SHELL = frozenset({"bash", "console", "sh", "shell"})
INLINE = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"(?:^|[\s;&|(])make((?:[ \t]+[A-Z_]+=\S+|[ \t]+[a-z][a-z-]*)+)")
TARGET = re.compile(r"^([a-z][a-z-]*)[ \t]*:(?!=)", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
#: Steps of other targets, which nobody types.
INNER_TARGETS = frozenset({"clean", "lock", "setup", "tools"})


def shell_blocks(text: str) -> list[str]:
    """The shell blocks of a page. In a `console` block only the lines after `$ ` are commands."""
    blocks = []
    for found in FENCE.finditer(text):
        body = found["body"]
        if found["language"] == "console":
            body = "\n".join(line[2:] for line in body.splitlines() if line.startswith("$ "))
        if found["language"] in SHELL:
            blocks.append(body)
    return blocks


def does_not_parse(block: str) -> str:
    """What bash says against a block; empty when it parses."""
    checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    return checked.stderr.strip()


def targets(makefile: str) -> set[str]:
    """The targets that a Makefile has for people, real files left out."""
    phony = set(re.sub(r"\\\n", " ", "\n".join(re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE))).split())
    return {name for name in TARGET.findall(makefile) if name in phony}


def named_targets(page: str) -> set[str]:
    """The targets that a page tells people to make: in shell blocks and in `code`."""
    code = "\n".join([*shell_blocks(page), *INLINE.findall(FENCE.sub("", page))])
    code = "\n".join(line.split(" #")[0] for line in code.splitlines())
    words = (word for found in MAKE.finditer(code) for word in found[1].split())
    return {word for word in words if "=" not in word}


def makefile_disagrees(page: str, makefile: str) -> list[str]:
    """Targets that only one of the two knows."""
    have, say = targets(makefile), named_targets(page)
    return sorted(
        [f"`make {name}` is named and does not exist" for name in say - have]
        + [f"`make {name}` exists and is not named" for name in have - say - INNER_TARGETS]
    )


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = HEADING.findall(FENCE.sub("", page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(pages: Iterable[tuple[str, str]], root: Path) -> list[str]:
    """Relative links that lead to no file, or to no heading."""
    found = []
    for path, text in pages:
        for match in LINK.finditer(FENCE.sub("", text)):
            link = unquote(match[1] or match[2])
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (root / path).parent / name if name else root / path
            if link.startswith("/") or not target.exists():
                found.append(f"{path}: {link} leads nowhere")
            elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
                found.append(f"{path}: {link} names no heading")
    return found
