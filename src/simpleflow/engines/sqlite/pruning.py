"""Removing old runs from a state folder, and giving back the space that they took.

Theory of operation
-------------------
*What goes.* An execution, its children and those that continue them are a family; a family goes as a whole, or stays.
It stays while one of its executions is open, also if no process drives it: the next start takes it up. It stays while a
process lives that has driven it, which may still read it. Of the others, the policy keeps some. Done marks, claims and
what marks keep are in another table, which is not touched: a step that is done stays done.

*While others work.* Other processes may run workflows over the same folder, and need the write lock for each event. So
rows are removed in short transactions, with pauses between them. Space is given back in steps too, by SQLite's
incremental vacuum. A database of an earlier release has to be rewritten once (VACUUM) before it can do that. This
holds the lock all the time, so it is done only while no other process uses the folder.

*Interrupted.* Rows go before logs. A kill in between leaves logs without a run. The next call removes them once they
are a day old, since a run that is just beginning has logs too, and may not be in the database yet.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from simpleflow import settings
from simpleflow.constants import DAY
from simpleflow.core import transitions
from simpleflow.engines.sqlite.lease import is_alive, is_in_use
from simpleflow.engines.sqlite.rows import RunRow, run_row
from simpleflow.exceptions import StateError
from simpleflow.named_tuple import NamedTuple
from simpleflow.state_folder import logs, run_rows
from simpleflow.state_folder.database import FILE, SQL, is_small, open_database, transaction
from simpleflow.state_folder.faults import FAULTS, damaged, state_error
from simpleflow.state_folder.reading import may_write, open_to_read

log = logging.getLogger(__name__)

_AFTER_RUN = 1.0  # seconds that the end of a run may take for it
_LOCKED = 0.05  # seconds of one transaction; others wait so long
_PAUSE = 0.005  # seconds between two transactions, in which others get the lock
_PAGES = 500  # pages of one step of the vacuum
_INCREMENTAL = 2  # the value of ``pragma auto_vacuum``


class Keep(NamedTuple):
    """The runs that are kept. A run is removed if neither member keeps it; None keeps nothing."""

    runs: int | None = None  # the latest ones of each workflow type
    seconds: float | None = None  # those that ended in the last seconds


class Pruned(NamedTuple):
    """The runs and bytes that were removed, or would be."""

    runs: list[RunRow]  # the latest one first, children included
    log_bytes: int  # of the logs of these runs
    freed: int  # bytes of the database that were given back to the system
    left: int  # families that the policy removes, for which the time was too short
    unused: int  # bytes of the database that hold nothing and were not given back


class _Family(NamedTuple):
    """An execution, its children, and those that continue them."""

    runs: list[tuple[int, RunRow]]  # with their numbers, in the order of their starts

    @property
    def closed(self) -> float:
        """When the last one ended, in epoch seconds."""
        return max(row.closed or row.started for _, row in self.runs)


def prune(folder: str, keep: Keep, dry_run: bool = False, seconds: float | None = None) -> Pruned:
    """Remove closed runs with their logs, and give the space back.

    Args:
        folder: the state folder; nothing happens if it holds no runs.
        keep: which runs stay.
        dry_run: remove nothing, and return what would be removed.
        seconds: stop after so many; the next call goes on. None: no limit. Only then a database of an earlier release
            is rewritten.

    Raises StateError.
    """
    if not os.path.exists(os.path.join(folder, FILE)):
        return Pruned([], 0, 0, 0, 0)
    writable = may_write(folder)
    if not writable and not dry_run:
        raise StateError(
            f"state folder {folder} is read-only, so no runs can be removed; allow this user to write there"
        )
    until = None if seconds is None else time.monotonic() + seconds
    with _errors(folder, "read"):
        db = open_database(folder, checks=False) if writable else open_to_read(folder)
    try:
        with _errors(folder, "read"):
            if is_small(os.path.join(folder, FILE)):
                run_rows.check(db, folder)
            families = _removable(db, folder, keep)
        if dry_run:
            gone, left = families, 0
        else:
            with _errors(folder, "written"):
                removed = _remove(db, families, until)
            gone, left = families[:removed], len(families) - removed
        runs = [row for family in gone for _, row in reversed(family.runs)]
        log_bytes = _remove_folders([logs.folder_of(folder, row.run_id) for row in runs], dry_run)
        freed = unused = 0
        if not dry_run:
            with _errors(folder, "read"):
                known = {logs.file_name(run_id) for (run_id,) in db.execute(SQL["run_ids"])}
            log_bytes += _remove_orphans(folder, known)
            with _errors(folder, "written"):
                freed, unused = _give_back(db, folder, until)
        return Pruned(runs, log_bytes, freed, left, unused)
    finally:
        with suppress(sqlite3.Error):
            db.close()


def prune_after_run(folder: str) -> None:
    """Remove what the settings SIMPLEFLOW_KEEP_RUNS and SIMPLEFLOW_KEEP_DAYS do not keep, for a moment.

    The end of the next run removes the rest. An error is told, and not raised.
    """
    days = settings.SIMPLEFLOW_KEEP_DAYS
    try:
        prune(folder, Keep(settings.SIMPLEFLOW_KEEP_RUNS, None if days is None else days * DAY), seconds=_AFTER_RUN)
    except StateError as error:
        log.warning("old runs were not removed: %s", error)


def _removable(db: sqlite3.Connection, folder: str, keep: Keep) -> list[_Family]:
    """The families that go, the latest first."""
    families: dict[str, _Family] = {}
    for number, *columns in db.execute(SQL["rows_of_runs"]):
        row = run_row(columns)
        if row is None:
            raise damaged(folder, f"row {number} of its runs is not as it was written")
        families.setdefault(row.root_id, _Family([])).runs.append((number, row))
    owners = os.path.join(folder, "owners")
    alive: dict[str, bool] = {}
    counts: dict[str, int] = {}
    oldest = time.time() - (keep.seconds or 0)
    found = []
    for family in sorted(families.values(), key=lambda each: each.runs[0][0], reverse=True):
        rows = [row for _, row in family.runs]
        if any(row.status == transitions.OPEN for row in rows):
            continue
        name = rows[0].name
        counts[name] = counts.get(name, 0) + 1
        if keep.runs is not None and counts[name] <= keep.runs:
            continue
        if keep.seconds is not None and family.closed > oldest:
            continue
        for owner in {row.owner for row in rows if row.owner} - alive.keys():
            alive[owner] = is_alive(owners, owner)
        if not any(alive.get(row.owner) for row in rows):
            found.append(family)
    return found


def _remove(db: sqlite3.Connection, families: list[_Family], until: float | None) -> int:
    """Remove families in short transactions, the first ones first; returns how many, those that the time allows."""
    at = 0
    while at < len(families) and (until is None or time.monotonic() < until):
        if at:
            time.sleep(_PAUSE)
        with transaction(db):
            end = time.monotonic() + _LOCKED
            while at < len(families):
                for number, _ in families[at].runs:
                    db.execute(SQL["remove_events_of"], (number, number))
                    db.execute(SQL["remove_messages_of"], (number,))
                    db.execute(SQL["remove_run"], (number,))
                at += 1
                if time.monotonic() > end:
                    break
    return at


def _give_back(db: sqlite3.Connection, folder: str, until: float | None) -> tuple[int, int]:
    """Give pages without content back to the system; returns how many bytes that were, and how many stay."""
    size, unused = _sizes(db)
    if _pragma(db, "auto_vacuum") == _INCREMENTAL:
        before = unused
        while unused and (until is None or time.monotonic() < until):
            # Each step is a transaction. Only a script runs this statement to its end.
            db.executescript(f"pragma incremental_vacuum({_PAGES})")
            left = _sizes(db)[1]
            if left >= unused:
                break
            unused = left
            time.sleep(_PAUSE)
        if unused < before:
            _shorten(db)
    elif unused * 4 > size and until is None and not is_in_use(os.path.join(folder, "owners")):
        db.execute("pragma auto_vacuum = incremental")
        db.execute("vacuum")
        _shorten(db)
    after, unused = _sizes(db)
    page = _pragma(db, "page_size")
    return max(0, size - after) * page, unused * page


def _shorten(db: sqlite3.Connection) -> None:
    """Move what the log holds into the database and cut both, unless another process reads from the log just now."""
    db.execute("pragma busy_timeout = 200")
    db.execute("pragma wal_checkpoint(truncate)").fetchall()


def _sizes(db: sqlite3.Connection) -> tuple[int, int]:
    """The pages of the database, and those among them without content."""
    return _pragma(db, "page_count"), _pragma(db, "freelist_count")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute(f"pragma {name}").fetchone()
    return int(value)


def _remove_folders(paths: Iterable[str], dry_run: bool = False) -> int:
    """Remove folders of logs; returns their bytes. Logs that cannot be removed stay."""
    total = 0
    for path in paths:
        total += sum(_file_sizes(path))
        if not dry_run:
            shutil.rmtree(path, ignore_errors=True)
    return total


def _remove_orphans(folder: str, known: set[str]) -> int:
    """Remove the folders of logs that are not of these names; returns their bytes."""
    path = os.path.join(folder, logs.FOLDER)
    try:
        with os.scandir(path) as entries:
            found = [each.path for each in entries if each.name not in known and _is_old_folder(each)]
    except OSError:
        return 0
    return _remove_folders(found)


def _is_old_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and time.time() - entry.stat(follow_symlinks=False).st_mtime > DAY


def _file_sizes(folder: str) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield os.lstat(os.path.join(place, name)).st_size


@contextmanager
def _errors(folder: str, action: str) -> Iterator[None]:
    try:
        yield
    except FAULTS as error:
        raise state_error(folder, action, error) from error
