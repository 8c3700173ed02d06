"""How much room text takes in a terminal, in cells: most characters take one, some two, and some none."""

from __future__ import annotations

import unicodedata

_NONE = frozenset({"Mn", "Me", "Cf"})  # marks upon the character before, and what is not seen


def width(text: str) -> int:
    """The cells that the text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def cut(text: str, cells: int) -> str:
    """As much of the text as has room in so many cells."""
    if text.isascii():
        return text[:cells]
    taken = 0
    for at, each in enumerate(text):
        taken += _width(each)
        if taken > cells:
            return text[:at]
    return text


def justify(left: str, right: str, cells: int) -> str:
    """The two with blanks in between, so that they take so many cells; one blank where there is no room for them."""
    gap = cells - width(left) - width(right)
    return left + " " * max(gap, 1 if right else 0) + right


def wrap(text: str, cells: int) -> list[str]:
    """The text in lines of so many cells at most, cut at blanks where there are some; at least one line."""
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
    if unicodedata.category(character) in _NONE:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
