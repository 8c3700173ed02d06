"""The database of a state folder that is only read: for commands that only show, or since it may not be written.

A folder that may not be written is a backup, a read-only mount, or the folder of another user.

Theory of operation
-------------------
SQLite reads a database with a write-ahead log only if the index of the log is there, or can be made. Where it cannot,
there are two cases. Without a log, all is in the database, and no process has it open: it is read as a file that does
not change. With a log, a process was killed, or the folder was copied while it was in use. The database then lacks the
content of the log; a temporary copy of both brings them together.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack

from simpleflow.exceptions import StateError
from simpleflow.state_folder.database import (
    FILE,
    READ_AS_IT_IS,
    VERSION,
    check_tables,
    format_of,
    open_database,
    other_format,
)


def may_write(folder: str) -> bool:
    """True if this process may write into the folder, and into its database if there is one."""
    path = os.path.join(folder, FILE)
    return os.access(folder, os.W_OK | os.X_OK) and (not os.path.exists(path) or os.access(path, os.W_OK))


def open_to_read(folder: str, upgrades: bool = False) -> sqlite3.Connection:
    """Open the database of a state folder to read it, and nothing else.

    Where this process may write, it sees what other processes write from now on. With ``upgrades``, it also brings a
    database of an earlier format up to date there, which is an error otherwise. Raises sqlite3.Error, OSError, and
    StateError for a damaged one or one of another format.
    """
    path = os.path.abspath(os.path.join(folder, FILE))
    writable = may_write(folder)
    # SQLite makes the index of the log only for one who may write. The connection itself may not.
    db = _connection(path, "mode=rw") if writable else _connect(path)
    with ExitStack() as undo:
        undo.callback(db.close)
        version, names = format_of(db)
        if version > VERSION or version < 0:
            raise other_format(db, folder, version)
        if version < READ_AS_IT_IS or "about" not in names:
            if writable and upgrades:
                undo.close()
                open_database(folder, checks=False).close()
                return open_to_read(folder)
            advice = "is read-only; copy it to where it can be written, and use the copy"
            if writable:
                advice = "is only read here; simpleflow workflow.list brings it up to date"
            raise StateError(f"state folder {folder} has format {version}, expected {VERSION}, and {advice}")
        check_tables(names, folder)
        undo.pop_all()
    return db


def _connect(path: str) -> sqlite3.Connection:
    try:
        return _connection(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    log = path + "-wal"
    if not os.path.exists(log) or not os.path.getsize(log):
        return _connection(path, "immutable=1")
    import shutil  # here, since it is seldom needed
    import tempfile

    with tempfile.TemporaryDirectory(prefix="simpleflow-") as copies:
        for each in (path, log):
            shutil.copyfile(each, os.path.join(copies, os.path.basename(each)))
        return _connection(os.path.join(copies, FILE), "mode=rw")  # the files stay open when they lose their names


def _connection(path: str, mode: str) -> sqlite3.Connection:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    db = sqlite3.connect(f"file://{quoted}?{mode}", uri=True, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        db.execute("select count(*) from sqlite_master").fetchone()
        db.execute("pragma query_only = on")
    except BaseException:
        db.close()
        raise
    return db
