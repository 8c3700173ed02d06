"""Reads the pages of the documentation: code blocks, prose, links and headings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(?P<kind>[a-z]*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_FILE = re.compile(r"# (?P<edit>in )?(?P<name>[a-z_]+\.py)\n")


class Block(NamedTuple):
    """The text between two fences; ``line`` is that of the first fence."""

    kind: str
    text: str
    line: int
    output: str | None
    """For Python: the text block right below it, which shows what the code prints."""

    @property
    def file(self) -> str | None:
        """The file that this Python block is: its first line is a comment with the file's name."""
        match = _FILE.match(self.text)
        return match["name"] if match else None

    def write(self, folder: Path) -> None:
        """Write the file that this block is, if it is one.

        A block that begins with ``# in NAME.py`` changes that file: its functions replace those of the same name.
        """
        match = _FILE.match(self.text)
        if match is None:
            return
        path = folder / match["name"]
        text = _replaced(path.read_text(encoding="utf-8"), self.text) if match["edit"] else self.text
        path.write_text(text, encoding="utf-8")


def _replaced(text: str, new: str) -> str:
    """``text`` with each of its top-level functions that ``new`` defines replaced by the one in ``new``."""
    lines = text.splitlines(keepends=True)
    old = dict(_functions(text))
    for name, (begin, end) in sorted(_functions(new), key=lambda each: old[each[0]], reverse=True):
        at = slice(*old[name])
        lines[at] = new.splitlines(keepends=True)[begin:end]
    return "".join(lines)


def _functions(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The names of the top-level functions, each with its first line, from 0, and the line after its last."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.end_lineno is not None:
            yield node.name, (min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1, node.end_lineno)


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
    """The page without its fenced blocks."""
    return _FENCE.sub("", read(page))


def links(page: str) -> list[str]:
    return links_in(read(page))


def links_in(text: str) -> list[str]:
    """The targets of the links outside of fenced blocks."""
    return [match["target"] for match in _LINK.finditer(_FENCE.sub("", text))]


def anchors(page: str) -> set[str]:
    """The anchors that GitHub makes of the headings of the page."""
    return anchors_of(read(page))


def anchors_of(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings of this Markdown."""
    headings = (match["text"].lower() for match in _HEADING.finditer(_FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
