"""The width of text on a terminal, in cells. Most characters take one cell, some take two, and some take none."""

from __future__ import annotations

import unicodedata

_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})  # Unicode categories of combining marks and invisible characters


def width(text: str) -> int:
    """Return how many cells the text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, cells: int) -> str:
    """Return as much of the start of the text as fits into ``cells``."""
    if text.isascii():
        return text[:cells]
    taken = 0
    for at, each in enumerate(text):
        taken += _width(each)
        if taken > cells:
            return text[:at]
    return text


def justify(left: str, right: str, cells: int) -> str:
    """Join two texts with blanks so that they fill ``cells``. If they are too long, one blank separates them."""
    gap = cells - width(left) - width(right)
    return left + " " * max(gap, 1 if right else 0) + right


def wrap(text: str, cells: int) -> list[str]:
    """Split the text into lines of at most ``cells``, at blanks where possible. Returns at least one line."""
    lines, line = [], ""
    for word in text.split(" "):
        if line and width(line) + 1 + width(word) > cells:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
        while width(line) > cells and (head := cut(line, cells)):
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line] if line or not lines else lines


def _width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
