"""The database of a state folder: how it is opened, made, brought to the present format and checked."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from simpleflow.constants import RELEASE
from simpleflow.exceptions import StateError
from simpleflow.nearest_state import NAME
from simpleflow.state_folder import run_rows
from simpleflow.state_folder.faults import damaged

VERSION = 4
"""Of the schema, in ``pragma user_version``."""

READ_AS_IT_IS = 3
"""The first format that is read like the present one."""

FILE = "history.sqlite"

_SMALL = 1 << 20
"""Bytes; a database up to this size is checked as a whole when it is opened. That takes some milliseconds."""

_LOG_PAGES = 4_000
"""Pages of 4 kB that the write-ahead log holds before they go into the database, which syncs both files. With SQLite's
1,000 a run would wait for the disk more than three times as often. Up to 4,062 pages, one block of index is enough."""


def _text(file: str) -> str:
    with open(os.path.join(os.path.dirname(__file__), file), encoding="utf-8") as found:
        return found.read()


def _queries() -> dict[str, str]:
    named = (block.partition("\n") for block in _text("queries.sql").split("-- name: ")[1:])
    return {name.strip(): query.strip() for name, _, query in named}


SQL = _queries()


def make_folder(folder: str) -> None:
    """Make a state folder if there is none, for its owner alone, and keep it out of version control.

    Raises OSError, and StateError for one in the root folder, where cron and systemd start commands.
    """
    path = os.path.abspath(folder)
    made = not os.path.isdir(path)
    if made and path == os.path.join("/", NAME):
        raise StateError(
            f"the state folder would be made as {path}, since the current folder is /; name one with --state FOLDER or "
            "SIMPLEFLOW_STATE"
        )
    os.makedirs(path, mode=0o700, exist_ok=True)
    if made or os.path.basename(path) == NAME:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        # There may be one already, or the folder may be full or read-only, which others tell.
        with suppress(OSError), open(os.open(os.path.join(path, ".gitignore"), flags, 0o600), "wb") as file:
            file.write(b"*\n")


def open_database(folder: str, checks: bool = True) -> sqlite3.Connection:
    """Open the database of a state folder, and make it if there is none; ``checks``: check it, if it is small.

    Raises sqlite3.Error, OSError, and StateError for a damaged one or one of a later format.
    """
    # The threads of a server share an engine, one at a time.
    path = os.path.join(folder, FILE)
    # For its owner alone; SQLite makes it 644. A file that exists is not opened: to close it would give up the locks
    # that another connection of this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    with ExitStack() as undo:
        undo.callback(db.close)
        if not os.stat(path).st_size:
            _begin(db)
        _use_log(db)
        _bring_up_to_date(db, folder)
        if checks and is_small(path):
            check(db, folder)
            run_rows.check(db, folder)
        undo.pop_all()
    return db


def _begin(db: sqlite3.Connection) -> None:
    """Write the first page of a new database, which is synced when the log is switched on: once, and not eight times.

    No file holds what was there before: there was nothing, and a single page is written as a whole or not at all.
    """
    with suppress(sqlite3.OperationalError):  # another process does the same just now
        db.execute("pragma synchronous = off")
        db.execute("pragma journal_mode = memory")
        db.execute("pragma auto_vacuum = incremental")  # so that removed rows give space back


def is_small(path: str) -> bool:
    """True if the database is checked as a whole when it is opened."""
    return os.stat(path).st_size <= _SMALL


def check(db: sqlite3.Connection, folder: str) -> None:
    """Raise StateError if SQLite finds the structure of the database damaged."""
    (found,) = db.execute("pragma integrity_check(1)").fetchone()
    if found != "ok":
        raise damaged(folder, " ".join(str(found).removeprefix("*** in database main ***").split()))


def tables() -> list[str]:
    """The statements that make the tables."""
    return [each for each in _text("schema.sql").split(";\n") if each.strip()]


def create(db: sqlite3.Connection) -> None:
    """Make the tables in an empty database, inside the transaction that is open."""
    for each in tables():
        db.execute(each)
    _sign(db)
    db.execute(f"pragma user_version = {VERSION}")


def _use_log(db: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. SQLite does not wait here if another process does the same, so retry."""
    db.execute("pragma synchronous = normal")
    db.execute(f"pragma wal_autocheckpoint = {_LOG_PAGES}")
    deadline = time.monotonic() + 30
    while True:
        try:
            db.execute("pragma journal_mode = wal")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _bring_up_to_date(db: sqlite3.Connection, folder: str) -> None:
    version, names = format_of(db)
    if version > VERSION or version < 0:
        raise other_format(db, folder, version)
    if version == VERSION and "about" in names:
        check_tables(names, folder)
        return
    with transaction(db):
        version, names = format_of(db)  # another process may have done it while this one waited for the lock
        if version == 0 and "runs" in names:
            raise damaged(folder, "its database has tables, but no format")
        if version == 0:
            create(db)
        else:
            if version == 1:
                db.execute(SQL["keep_events_of_version_1"])
                db.execute(next(each for each in tables() if "create table events" in each))
                db.execute(SQL["move_events_of_version_1"])
                db.execute(SQL["drop_events_of_version_1"])
            elif "about" not in names:
                db.execute(SQL["add_checksums"])
            for each in tables():
                if "table if not exists" in each:
                    db.execute(each)
            _sign(db)
            db.execute(f"pragma user_version = {VERSION}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """A transaction that holds the write lock from its start; it is rolled back after an error."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:  # else SQLite has rolled it back
            db.execute("rollback")
        raise


def check_tables(names: set[str], folder: str) -> None:
    """Raise StateError if one of the tables is missing."""
    missing = {"runs", "events", "messages", "owners", "marks", "one_open_run"} - names
    if missing:
        raise damaged(folder, f"its database has no table {min(missing)}")


def format_of(db: sqlite3.Connection) -> tuple[int, set[str]]:
    """The format of a database, and the names of its tables and indexes."""
    (version,) = db.execute("pragma user_version").fetchone()
    return version, {name for (name,) in db.execute("select name from sqlite_master")}


def _sign(db: sqlite3.Connection) -> None:
    db.execute(SQL["remove_signature"])
    db.execute(SQL["sign"], (VERSION, RELEASE))


def other_format(db: sqlite3.Connection, folder: str, version: int) -> StateError:
    """The error for a database of a later format."""
    try:
        written, release = db.execute(SQL["signature"]).fetchone()
    except (sqlite3.Error, TypeError):
        written, release = version, None
    by = f"simpleflow {release}" if release and written == version else "a later release of simpleflow"
    if release and written != version:
        by += f", or is damaged (simpleflow {release} wrote it in format {written})"
    return StateError(
        f"state folder {folder} was written by {by} (format {version}, expected {VERSION} for simpleflow "
        f"{RELEASE}); use that release, or another folder"
    )
