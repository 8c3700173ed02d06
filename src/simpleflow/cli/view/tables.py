"""Results as tables for people, and as JSON and CSV for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from simpleflow.cli.options import JSON
from simpleflow.cli.terminal import BOLD, Terminal
from simpleflow.cli.view.text_width import justify, width, wrap
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import cell as csv_cell
from simpleflow.shown_text import json_escaped, printable

_GAP = "  "
_MIN_LAST_COLUMN = 30  # cells; a narrower last column is not wrapped ...
_MIN_OF_TWO = 10  # ... unless there is only one other: names with their values


class TableLayout(NamedTuple):
    """How a table is laid out."""

    heading: Callable[[str], str] = str  # paints the titles
    columns: int = 0  # width of the terminal; 0: no limit


PLAIN = TableLayout()


def table_layout(terminal: Terminal) -> TableLayout:
    """Return the layout of tables on a terminal."""
    return TableLayout(lambda line: terminal.paint(line, BOLD), terminal.columns)


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], layout: TableLayout = PLAIN) -> str:
    """Return a table with aligned columns.

    Control characters are escaped, and wide characters count as two cells. If the table is too wide for the terminal,
    its last column is wrapped, or each row becomes a block of lines.
    """
    heading, columns = layout
    lines = [list(titles), *([printable(cell) for cell in row] for row in rows)]
    sizes = [[width(cell) for cell in line] for line in lines]
    widths = [max(column) for column in zip(*sizes, strict=True)]
    before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    if columns and before + widths[-1] > columns:
        least = _MIN_LAST_COLUMN if len(titles) > 2 else _MIN_OF_TWO
        if len(titles) > 1 and columns - before >= min(least, widths[-1]):
            return _wrapped(lines, widths[:-1], columns - before, heading)
        if len(titles) > 1:
            return _blocks(lines, columns, heading)
    found = []
    for line, size in zip(lines, sizes, strict=True):
        cells = [cell + " " * (width - own) for cell, own, width in zip(line, size, widths, strict=True)]
        found.append(_GAP.join(cells).rstrip())
    return "\n".join([heading(found[0]), *found[1:]])


def _wrapped(lines: list[list[str]], widths: list[int], room: int, heading: Callable[[str], str]) -> str:
    """Return the table with the texts of the last column wrapped to ``room`` cells."""
    found = []
    for line in lines:
        begin = "".join(justify(cell, "", cells) + _GAP for cell, cells in zip(line, widths, strict=False))
        first, *more = wrap(line[-1], room)
        found.append((begin + first).rstrip())
        found += [" " * width(begin) + each for each in more]
    return "\n".join([heading(found[0]), *found[1:]])


def _blocks(lines: list[list[str]], columns: int, heading: Callable[[str], str]) -> str:
    """Return each row as a block: a line with its first cell, then lines for each other cell that is not empty."""
    (_, *titles), *rows = lines
    indent = max(map(width, titles)) + 2 * len(_GAP)
    found = []
    for first, *rest in rows:
        found.append(heading(first))
        for title, cell in zip(titles, rest, strict=True):
            begin = _GAP + justify(title, "", indent - 2 * len(_GAP)) + _GAP
            for line in wrap(cell, max(_MIN_OF_TWO, columns - indent)) if cell else ():
                found.append((begin + line).rstrip())
                begin = " " * indent
    return "\n".join(found)


def objects(style: str, keys: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    """Return the objects as JSON or as CSV. All of them have these keys."""
    return as_json(found) if style == JSON else as_csv(keys, found)


def as_json(found: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> str:
    """Return the objects as a JSON list, or one of them as an object, indented."""
    import msgspec

    try:
        text = json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair can only be written as an escape
        return json.dumps(found, indent=2)
    return json_escaped(msgspec.json.format(text, indent=2).decode())  # json.dumps is slow when it indents


def as_csv(keys: Sequence[str], found: Iterable[Mapping[str, Any]]) -> str:
    """Return the objects as CSV, below a line with the keys.

    None becomes an empty cell. The items of a list are joined by ``; ``. Text that a spreadsheet would take for a
    formula begins with an apostrophe; line breaks and control characters are escaped.
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
    if isinstance(value, int | float):
        return str(value)  # a negative number is no formula
    return csv_cell("; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
