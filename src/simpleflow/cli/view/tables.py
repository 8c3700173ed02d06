"""Results as tables for people, and as JSON and CSV for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from simpleflow.cli.options import JSON
from simpleflow.cli.terminal import BOLD, Terminal
from simpleflow.cli.view.text_width import justify, width, wrap
from simpleflow.step.report import printable

_GAP = "  "
_LEAST = 30  # cells of a last column whose texts are given several lines


class TableLayout(NamedTuple):
    """How a table is shown: ``heading`` paints titles; ``columns`` of the terminal, 0 for any number."""

    heading: Callable[[str], str] = str
    columns: int = 0


PLAIN = TableLayout()


def table_layout(terminal: Terminal) -> TableLayout:
    """How a table is shown there."""
    return TableLayout(lambda line: terminal.paint(line, BOLD), terminal.columns)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], layout: TableLayout = PLAIN) -> str:
    """Aligned columns below their titles.

    What a terminal would obey is escaped; wide characters take two places. A table that is too wide for the terminal
    has the texts of its last column in several lines, or each of its rows as a block.
    """
    heading, columns = layout
    lines = [list(titles), *([printable(cell) for cell in row] for row in rows)]
    sizes = [[width(cell) for cell in line] for line in lines]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    if columns and before + widths[-1] > columns:
        if len(titles) > 1 and columns - before >= min(_LEAST, widths[-1]):
            return _wrapped(lines, widths[:-1], columns - before, heading)
        if len(titles) > 1:
            return _blocks(lines, heading)
    found = []
    for line, size in zip(lines, sizes, strict=True):
        cells = [cell + " " * (width - own) for cell, own, width in zip(line, size, widths, strict=True)]
        found.append(_GAP.join(cells).rstrip())
    return "\n".join([heading(found[0]), *found[1:]])


def _wrapped(lines: list[list[str]], widths: list[int], room: int, heading: Callable[[str], str]) -> str:
    """The table with what is in the last column in lines of so much room."""
    found = []
    for line in lines:
        begin = "".join(justify(cell, "", cells) + _GAP for cell, cells in zip(line, widths, strict=False))
        first, *more = wrap(line[-1], room)
        found.append((begin + first).rstrip())
        found += [" " * width(begin) + each for each in more]
    return "\n".join([heading(found[0]), *found[1:]])


def _blocks(lines: list[list[str]], heading: Callable[[str], str]) -> str:
    """Each row as a line of its first cell, and a line for each of the others that is not empty."""
    (_, *titles), *rows = lines
    indent = max(map(width, titles))
    found = []
    for first, *rest in rows:
        found.append(heading(first))
        found += [f"  {justify(title, '', indent)}  {cell}" for title, cell in zip(titles, rest, strict=True) if cell]
    return "\n".join(found)


def objects(style: str, keys: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    """The objects, all with these keys, as JSON or as CSV."""
    return as_json(found) if style == JSON else as_csv(keys, found)


def as_json(found: Sequence[Mapping[str, Any]]) -> str:
    """A list of the objects, indented."""
    import msgspec

    try:
        text = json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can show
        return json.dumps(found, indent=2)
    return msgspec.json.format(text, indent=2).decode()  # Python's own encoder is slow when it indents


def as_csv(keys: Sequence[str], found: Iterable[Mapping[str, Any]]) -> str:
    """A line of the keys, and a line for each object.

    Nothing is written for None; lists are written with ``; `` in between.
    """
    import csv
    import io

    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows([_cell(each[key]) for key in keys] for each in found)
    return file.getvalue().removesuffix("\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
