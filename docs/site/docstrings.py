"""Docstrings of the code as reStructuredText: an indented block below a paragraph is shown as it is."""

from __future__ import annotations


def with_literal_blocks(lines: list[str]) -> list[str]:
    """The lines of a docstring, with a mark before each indented block that follows an empty line.

    Sections such as ``Args:`` are indented too, but no empty line stands above them.
    """
    found: list[str] = []
    for number, line in enumerate(lines):
        above = lines[number - 1] if number else ""
        before = next((each for each in reversed(lines[:number]) if each.strip()), "")
        begins = line.strip() and not above.strip() and _indent(line) >= _indent(before) + 4
        if begins and before.strip() and not before.rstrip().endswith("::"):
            found += [" " * _indent(before) + "::", ""]
        found.append(line)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
