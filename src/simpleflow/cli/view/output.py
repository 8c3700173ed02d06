"""Where the result of a command goes: standard output, and nothing else goes there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from simpleflow.cli.errors import one_line
from simpleflow.cli.options import JSON, TABLE, session
from simpleflow.cli.terminal import YELLOW, Terminal, results_only
from simpleflow.cli.view.tables import TableLayout, objects, table, table_layout


class Output:
    """Where results go: standard output, and nothing else goes there."""

    def __init__(self, style: str, write: Callable[[str], None], layout: TableLayout) -> None:
        self.style = style
        self.layout = layout
        self._write = write

    def write(self, text: str) -> None:
        """Write a result, unless it is empty."""
        if text:
            self._write(text)

    def rows(
        self,
        keys: Sequence[str],
        found: Sequence[Mapping[str, Any]],
        titles: Sequence[str],
        cells: Sequence[Sequence[str]],
    ) -> None:
        """A table of ``cells``, or the objects with ``keys``, as was asked for. No table if there are no rows."""
        if self.style != TABLE:
            each = [{key: one[key] for key in keys} for one in found]
            self.write(objects(self.style, keys, each if self.style == JSON else [_flat(one) for one in each]))
        elif cells:
            self.write(table(titles, cells, self.layout))

    def say(self, text: str) -> None:
        """A line for people, on standard error."""
        session().terminal.write(f"{text}\n")

    def warn(self, text: str) -> None:
        """A line that says what is likely not meant."""
        terminal = session().terminal
        terminal.write(f"{terminal.paint('warning:', YELLOW)} {one_line(text)}\n")

    def ask(self, question: str) -> None:
        """A question for people; the line is left open for the answer."""
        session().terminal.write(question)


@contextmanager
def open_output(style: str = TABLE) -> Iterator[Output]:
    """Give where results go; what user code prints inside goes to standard error."""
    shown = table_layout(Terminal(sys.stdout, session().color))  # asked now: in there, standard output is another
    with results_only() as write:
        yield Output(style, write, shown)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Objects, and lists of anything but text, as JSON."""
    import json

    def flat(value: Any) -> Any:
        nested = isinstance(value, dict) or (
            isinstance(value, list) and not all(isinstance(each, str) for each in value)
        )
        return json.dumps(value, ensure_ascii=False) if nested else value

    return {key: flat(value) for key, value in row.items()}
