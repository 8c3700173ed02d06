"""The readable part of the database in a state folder, damaged or not.

Theory of operation
-------------------
The files are copied, and only the copy is read, so that nothing is changed. Each table is read forwards until SQLite
fails, then backwards until it fails. Rows in between are looked for in the pages (``pages``).

An event counts if its checksum is right. Of each run, the events from the first one on count as long as none is missing
and each can follow the one before: such a beginning of a history is what a process finds that takes a run over.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simpleflow.core import codec, transitions
from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.engines.sqlite import pages
from simpleflow.engines.sqlite.rows import RunRow, readable_row, run_row, unpack
from simpleflow.exceptions import InputError, InvalidTransition, StateError
from simpleflow.shown_text import count
from simpleflow.state_folder import run_rows
from simpleflow.state_folder.database import FILE
from simpleflow.state_folder.faults import FAULTS, checksum
from simpleflow.stores.state import checksum as checksum_of_mark


@dataclass
class SalvagedRun:
    """A run, as far as it can be read."""

    row: RunRow | None  # None: the row that has its workflow id is lost
    number: int
    history: History
    texts: list[str]  # of its events
    problem: str = ""  # what is lost of it
    read: int = 0  # how many events could be read


@dataclass
class Salvage:
    """The readable part of a database."""

    runs: list[SalvagedRun] = field(default_factory=list)
    messages: list[tuple[int, str]] = field(default_factory=list)  # the number of the run, and the message
    marks: dict[str, bytes] = field(default_factory=dict)  # done marks by key
    problems: list[str] = field(default_factory=list)  # what SQLite says about the structure

    @property
    def is_whole(self) -> bool:
        """True if no damage was found."""
        return not self.problems and not any(run.problem for run in self.runs)


def salvage(folder: Path) -> Salvage:
    """Read the database of a state folder without changing it. Raises StateError if the files cannot be read.

    Call it in a process that has no connection to that database: reading its file gives up the locks of SQLite on it.
    """
    found = Salvage()
    with tempfile.TemporaryDirectory(prefix="simpleflow-") as copy:
        try:
            for suffix in ("", "-wal"):
                if os.path.exists(path := f"{folder / FILE}{suffix}"):
                    shutil.copyfile(path, f"{copy}/{FILE}{suffix}")
            data = (Path(copy) / FILE).read_bytes()
            log = Path(f"{copy}/{FILE}-wal")
            data = pages.with_log(data, log.read_bytes() if log.exists() else b"")
        except OSError as error:
            name = f" ({error.filename})" if error.filename else ""
            raise StateError(f"state folder {folder} cannot be read: {error.strerror}{name}") from error
        tables = _tables(f"{copy}/{FILE}", found.problems)
    runs = {number: each for number, row in tables["runs"].items() if (each := readable_row(row)) is not None}
    changed = {number for number, row in tables["runs"].items() if run_row(row) is None}
    texts = {place: _event_text(place, row) for place, row in tables["events"].items()}
    events = {place: text for place, text in texts.items() if text is not None}
    if found.problems or len(runs) < len(tables["runs"]) or len(events) < len(tables["events"]):
        for number, columns in pages.rows(data):
            if number not in runs and (as_run := run_row(columns[1:])) is not None:
                runs[number] = as_run
            elif number not in events and (text := _event_text(number, columns[1:])) is not None:
                events[number] = text
    found.messages = [
        (run, text) for run, text in tables["messages"].values() if isinstance(run, int) and isinstance(text, str)
    ]
    for key, (body, sum) in tables["marks"].items():
        if isinstance(key, str) and isinstance(body, bytes) and sum == checksum_of_mark(key, body):
            found.marks[key] = body
        else:
            found.problems.append(f"the done mark {key!r} is not as it was written")
    by_run: dict[int, dict[int, str]] = {number: {} for number in runs}
    last: dict[int, int] = {}
    for place, text in events.items():
        by_run.setdefault(place >> 32, {})[place & 0xFFFFFFFF] = text
    for place in (*events, *tables["events"]):
        last[place >> 32] = max(last.get(place >> 32, 0), place & 0xFFFFFFFF)
    for number in sorted(by_run):
        run = _run(number, runs.get(number), by_run[number], last.get(number, 0))
        _correct(run, number in changed)
        found.runs.append(run)
    return found


_LATEST_FORMAT = 2  # of SQLite's files, in the bytes 18 (to write) and 19 (to read)
_COLUMNS = {
    "runs": ("number", "run_id, workflow_id, root_id, name, version, status, started, closed, owner"),
    "events": ("place", "event, sum"),
    "messages": ("id", "run, message"),
    "marks": ("key", "body, sum"),
}


def _tables(path: str, problems: list[str]) -> dict[str, dict[Any, Any]]:
    found: dict[str, dict[Any, Any]] = {table: {} for table in _COLUMNS}
    with suppress(OSError), open(path, "rb") as file:
        if max(file.read(20)[18:], default=0) > _LATEST_FORMAT:
            problems.append("its header names a format that SQLite does not have, so it cannot be written")
    try:
        db = sqlite3.connect(path, isolation_level=None)
    except FAULTS as error:
        problems.append(str(error))
        return found
    db.text_factory = _text
    try:
        problems += [text for (text,) in db.execute("pragma integrity_check(20)") if text != "ok"]
    except FAULTS as error:
        problems.append(str(error))
    for table, (key, columns) in _COLUMNS.items():
        for order in ("asc", "desc"):
            try:
                for row in db.execute(f"select {key}, {columns} from {table} order by {key} {order}"):
                    found[table].setdefault(row[0], row[1:])
                break
            except (*FAULTS, OverflowError) as error:
                if "no such column: sum" in str(error):  # written by a release without checksums
                    columns = columns.replace("sum", "null")
                    found[table] |= dict(_rows_without_checksum(db))
                    break
                problems.append(f"table {table}: {error}")
    db.close()
    problems[:] = list(dict.fromkeys(" ".join(text.split()) for text in problems))
    return found


def _rows_without_checksum(db: sqlite3.Connection) -> Iterator[tuple[int, tuple[Any, None]]]:
    try:
        for place, text in db.execute("select place, event from events order by place"):
            yield place, (text, None)
    except FAULTS:
        return


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _event_text(place: int, row: Any) -> str | None:
    """The text of the event in a row; None if it is none, or is not as it was written."""
    if len(row) not in (1, 2) or place <= 1 << 32:
        return None
    try:
        text = unpack(row[0])
    except InputError:
        return None
    check = row[1] if len(row) == 2 else None
    return text if text.startswith(("{", "[")) and check in (None, checksum(text, place & 0xFFFFFFFF)) else None


def _run(number: int, row: RunRow | None, texts: dict[int, str], last: int) -> SalvagedRun:
    found = SalvagedRun(row, number, History(), [])
    for id in range(1, last + 1):
        try:
            event = codec.decode_event(texts[id])
            found.history.apply(event)
        except (KeyError, InputError, InvalidTransition, ValueError):
            break
        found.texts.append(texts[id])
    found.read = have = len(found.texts)
    if row is None:
        found.problem = f"its workflow id is lost, and with it its {count(have, 'event')}"
    elif have == 0:
        found.problem = "all its events are lost"
    elif have < last:
        found.problem = f"events {have + 1} to {last} are lost"
    elif row.status != transitions.OPEN and found.history.open:
        found.problem = f"the events after event {have} are lost"
    elif row.status == transitions.OPEN and not found.history.open:
        found.problem = "its row says that it is open, but it has ended"
    return found


def _correct(run: SalvagedRun, changed: bool) -> None:
    """Take from the history what the row of a run should say; ``changed``: it cannot be as it was written."""
    row, history = run.row, run.history
    if row is None or not run.read:
        return
    kind, begun = history.started.workflow_type, history.events[0].time
    changed = changed or (row.name, row.version) != (kind.name, kind.version)
    changed = changed or not run_rows.is_near(row.started, begun)
    if changed or not (history.open or row.status in (transitions.OPEN, history.state)):
        status = transitions.OPEN if history.open else history.state
        closed = None if history.closed is None else history.closed.time
        run.row = RunRow(row.run_id, row.workflow_id, row.root_id, kind.name, kind.version, status, begun, closed, "")
        run.problem = run.problem or "its row is not as it was written; its events tell what it should say"


def closing_event(history: History, time: float) -> e.Event:
    """The event that ends a run whose own end is lost."""
    reason = f"its events after event {len(history.events)} were lost with the state folder, which was damaged"
    attributes = e.WorkflowExecutionTerminated(
        cause="OPERATOR_INITIATED", child_policy=history.started.child_policy, reason=reason
    )
    return e.Event(len(history.events) + 1, time, attributes)
