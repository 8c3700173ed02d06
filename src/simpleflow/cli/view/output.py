"""The output of a command: results on standard output, and messages for people on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from simpleflow.cli.options import JSON, TABLE, session
from simpleflow.cli.terminal import Terminal, results_only
from simpleflow.cli.view.tables import TableLayout, as_json, objects, table, table_layout
from simpleflow.shown_text import escaped


class Output:
    """Writes results to standard output and everything else to standard error."""

    def __init__(self, style: str, write: Callable[[str], None], layout: TableLayout) -> None:
        self.style = style  # table, json or csv
        self.layout = layout  # of tables
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
        """Write a table of ``cells``, or the objects with ``keys``, as ``style`` says. Skip an empty table."""
        if self.style != TABLE:
            each = [{key: one[key] for key in keys} for one in found]
            text = objects(self.style, keys, each if self.style == JSON else [_flat(one) for one in each])
            self.write(text if self.style == JSON else headed(text))
        elif cells:
            self.write(headed(table(titles, cells, self.layout)))

    def one(self, keys: Sequence[str], found: Mapping[str, Any], cells: Sequence[Sequence[str]]) -> None:
        """Write one object: as JSON it is an object and no list, as a table a line for each of the ``cells``."""
        if self.style == JSON:
            self.write(as_json({key: found[key] for key in keys}))
        else:
            self.rows(keys, [found], ("what", "value"), cells)

    def say(self, text: str) -> None:
        """Write a line for people to standard error."""
        session().terminal.write(f"{text}\n")

    def warn(self, text: str) -> None:
        """Write a warning as one line to standard error."""
        session().warn(text)

    def ask(self, question: str) -> None:
        """Write a question to standard error, without a line break, so that the answer is typed behind it."""
        session().terminal.write(question)


def headed(text: str) -> str:
    """The text of a table, without its first line after ``--no-header``."""
    return text if session().header else text.partition("\n")[2]


@contextmanager
def open_output(style: str = TABLE) -> Iterator[Output]:
    """Open the output of a command. Text that user code prints inside this context goes to standard error."""
    shown = table_layout(Terminal(sys.stdout, session().color))  # made here because standard output is redirected below
    with results_only() as write:
        yield Output(style, write, shown)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Replace objects, and lists that hold anything but text, by their JSON text."""
    import json

    def flat(value: Any) -> Any:
        nested = isinstance(value, dict) or (
            isinstance(value, list) and not all(isinstance(each, str) for each in value)
        )
        if isinstance(value, str):
            return escaped(value)  # one line for each row, for programs that read lines
        return json.dumps(value, ensure_ascii=False) if nested else value

    return {key: flat(value) for key, value in row.items()}
