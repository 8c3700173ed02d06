"""A new state folder from what can be read of a damaged one."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from simpleflow.core import codec, transitions
from simpleflow.engines.sqlite.lease import is_in_use
from simpleflow.engines.sqlite.rows import pack
from simpleflow.engines.sqlite.salvage import Salvage, SalvagedRun, closing_event, salvage
from simpleflow.exceptions import InputError, RunBusy
from simpleflow.named_tuple import NamedTuple
from simpleflow.state_folder.database import FILE, SQL, open_database
from simpleflow.state_folder.faults import FAULTS, checksum, state_error
from simpleflow.stores.state import OLD, keep


class Rescued(NamedTuple):
    """A run, or another part of a state folder, and its fault."""

    workflow_id: str  # "" if it is no run, or if the workflow id is lost
    run_id: str
    events: int  # that were saved
    problem: str  # the lost part; "" if it is whole


def look(folder: Path) -> list[Rescued]:
    """Check a state folder without changing it: its runs, then the faults of the database and the marks.

    Raises InputError if it is no state folder, StateError if its files cannot be read.
    """
    found = salvage(_state_folder(folder))
    unreadable = [Rescued("", "", 0, text) for _, text in _marks(folder) if text]
    return [*map(_described, found.runs), *(Rescued("", "", 0, text) for text in found.problems), *unreadable]


def rescue(folder: Path, new: Path) -> list[Rescued]:
    """Save what can be read of a state folder in the folder ``new``; returns what ``look`` returns.

    A run that had ended and whose end is lost is closed as terminated. An open one goes on from its last event that
    can be read. Raises InputError if ``new`` exists and is not empty or ``folder`` is no state folder, RunBusy if a
    process uses ``folder``, StateError if files cannot be read or written.
    """
    _state_folder(folder)
    if _is_in_use(folder):
        raise RunBusy(f"state folder {folder} is in use by a living process: stop its runs first")
    try:
        if new.exists() and (not new.is_dir() or any(new.iterdir())):
            raise InputError(f"{new} exists and is not an empty folder; expected the name of a new folder")
        found = salvage(folder)
        os.makedirs(new, mode=0o700, exist_ok=True)
        os.makedirs(new / "owners", mode=0o700, exist_ok=True)
        db = open_database(str(new))
        try:
            _write(db, found)
        finally:
            db.close()
        lost = [Rescued("", "", 0, problem) for problem in _copy_marks(folder, new) if problem]
    except FAULTS as error:
        raise state_error(new, "written", error) from error
    return [*map(_described, found.runs), *(Rescued("", "", 0, text) for text in found.problems), *lost]


def _described(run: SalvagedRun) -> Rescued:
    if run.row is None:
        return Rescued("", "", 0, f"run number {run.number}: {run.problem}")
    return Rescued(run.row.workflow_id, run.row.run_id, run.read, run.problem)


def _state_folder(folder: Path) -> Path:
    try:
        found = (folder / FILE).exists()
    except OSError as error:
        raise state_error(folder, "read", error) from error
    if not found:
        raise InputError(f"{folder} is no state folder: there is no file {FILE} in it")
    return folder


def _is_in_use(folder: Path) -> bool:
    try:
        return is_in_use(str(folder / "owners"))
    except OSError as error:
        raise state_error(folder, "read", error) from error


def _write(db: sqlite3.Connection, found: Salvage) -> None:
    db.execute("begin immediate")
    numbers: dict[int, int] = {}
    open_ids: set[str] = set()
    run_ids: set[str] = set()
    for run in reversed(found.runs):  # of two open runs of a workflow id, the later one stays open
        if run.row is None or not run.texts or run.row.run_id in run_ids:
            continue
        run_ids.add(run.row.run_id)
        history = run.history
        if history.open and (run.row.status != transitions.OPEN or run.row.workflow_id in open_ids):
            event = closing_event(history, run.row.closed or history.events[-1].time)
            history.apply(event)
            run.texts += codec.encode_short([event])
        if history.open:
            open_ids.add(run.row.workflow_id)
        numbers[run.number] = run.number
        closed = None if history.closed is None else history.closed.time
        status = transitions.OPEN if history.open else history.state
        db.execute(SQL["keep_run"], (run.number, *run.row[:5], status, run.row.started, closed))
        db.executemany(
            SQL["add_events"],
            [((run.number << 32) + id, pack(text), checksum(text, id)) for id, text in enumerate(run.texts, 1)],
        )
    opened = {run.number for run in found.runs if run.number in numbers and run.history.open}
    db.executemany(SQL["add_message"], [each for each in found.messages if each[0] in opened])
    keep(db, found.marks.items())
    db.execute("commit")


def _marks(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file below ``objects``, where earlier releases kept marks, and why it cannot be read; "" if it can."""
    top = folder / OLD
    if not top.exists():
        return  # no step was done, or the marks are elsewhere
    failed: list[str] = []
    for parent, _, files in os.walk(top, onerror=lambda error: failed.append(f"marks below {error.filename}")):
        for name in files:
            path = Path(parent) / name
            try:
                path.read_bytes()
            except OSError as error:
                yield path, f"mark {path} cannot be read: {error.strerror}"
            else:
                yield path, ""
    yield from ((top, f"{text} cannot be listed") for text in failed)


def _copy_marks(folder: Path, new: Path) -> Iterator[str]:
    for path, problem in _marks(folder):
        if not problem:
            copy = new / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        yield problem
