"""The pages of the documentation, taken apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(?P<kind>[a-z]*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_FILE = re.compile(r"# (?P<name>[a-z_]+\.py)\n")


class Block(NamedTuple):
    """What stands between two fences; ``line`` is that of the first one."""

    kind: str
    text: str
    line: int
    output: str | None
    """For Python: the text block right below it, which is what it prints."""

    @property
    def file(self) -> str | None:
        """Python whose first line is a comment with a file's name is that file."""
        match = _FILE.match(self.text)
        return match["name"] if match else None


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    text = read(page)
    matches = list(_FENCE.finditer(text))
    found, is_output = [], False
    for number, match in enumerate(matches):
        after = matches[number + 1] if number + 1 < len(matches) else None
        if is_output:
            is_output = False
            continue
        below = after is not None and after["kind"] == "text" and text[match.end() : after.start()].strip() == ""
        is_output = match["kind"] == "python" and below
        output = after["text"] if is_output and after is not None else None
        found.append(Block(match["kind"], match["text"], text.count("\n", 0, match.start()) + 1, output))
    return found


def prose(page: str) -> str:
    """The page without what stands between fences."""
    return _FENCE.sub("", read(page))


def links(page: str) -> list[str]:
    return [match["target"] for match in _LINK.finditer(prose(page))]


def anchors(page: str) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = (match["text"].lower() for match in _HEADING.finditer(prose(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
