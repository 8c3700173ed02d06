"""Faults of a state folder: errors of SQLite and of the system as errors of one line.

Theory of operation
-------------------
An error is one of two kinds. *Damage*: bytes of the database are not what was written. Nothing that this process does
helps; the message names the two commands that look at it and save what can be read. *Trouble*: the folder cannot be
used now, because the disk is full, it is read-only or gone. The same command works once that has changed.

SQLite finds damage in the structure of the file, not in the texts of rows. So each event has a checksum
(``checksum``), rows of runs are compared with the events (``run_rows``), and rows of other tables are checked where
they are read. Our statements are right for the schema. So if
SQLite says that a table or a column does not exist, the schema is damaged.
"""

from __future__ import annotations

import os
import re
import sqlite3
import zlib

from simpleflow import shell_words
from simpleflow.exceptions import StateError

_DAMAGE = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_SCHEMA,
    sqlite3.SQLITE_TOOBIG,
}
THEN_AGAIN = ", then run the same command again"
"""End of an advice. Who tries again by itself leaves it out."""

_ADVICE = {
    sqlite3.SQLITE_FULL: f"free some space{THEN_AGAIN}",
    sqlite3.SQLITE_IOERR: "see if the disk is full or fails, or if files may not grow (ulimit -f)",
    sqlite3.SQLITE_READONLY: "allow this user to write there, or name another folder with --state or SIMPLEFLOW_STATE",
    sqlite3.SQLITE_BUSY: "another program has held its database for long: end that program",
}
"""Remedies for errors of SQLite, by code."""

_SHORT_READ = sqlite3.SQLITE_IOERR_SHORT_READ
_TOKEN = r"[A-Za-z0-9_-]{0,64}"


FAULTS = (sqlite3.Error, OSError, UnicodeDecodeError)
"""The errors of SQLite, Python's module for it and the system. The second cannot decode texts of a damaged schema."""


def checksum(text: str, event_id: int) -> int:
    """The checksum of an event: of its JSON text and its number in the history."""
    return zlib.crc32(text.encode(), event_id)


def is_token(token: object) -> bool:
    """True if this may be the token of an owner; it becomes the name of a file. The empty one stands for no owner."""
    return isinstance(token, str) and re.fullmatch(_TOKEN, token) is not None


def is_damage(error: Exception) -> bool:
    """True if an error of SQLite means that the database is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # from Python's module: a text is not UTF-8
        return isinstance(error, sqlite3.OperationalError)
    return code & 0xFF in _DAMAGE or code == _SHORT_READ


def damaged(folder: object, problem: object) -> StateError:
    """The error that a state folder is damaged, and what to do about it."""
    name = shell_words.quoted(str(folder))
    return StateError(
        f"state folder {folder} is damaged: {problem}; see simpleflow state.check {name}, and save what can be read "
        f"with simpleflow state.rescue {name} NEW_FOLDER"
    )


def _may_be_written(folder: str) -> bool:
    """True if the system allows to write the database, its log and their folder."""
    files = [os.path.join(folder, name) for name in ("history.sqlite", "history.sqlite-wal", "history.sqlite-shm")]
    return os.access(folder, os.W_OK) and all(os.access(each, os.W_OK) for each in files if os.path.exists(each))


def state_error(folder: object, action: str, error: Exception) -> StateError:
    """The error for one of SQLite or of the system. ``action``: opened, read or written."""
    if isinstance(error, UnicodeDecodeError) or (isinstance(error, sqlite3.Error) and is_damage(error)):
        text = str(error) if getattr(error, "sqlite_errorcode", None) is not None else "a text is not UTF-8"
        return damaged(folder, text)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY and _may_be_written(str(folder)):
        return damaged(folder, "its header says that it may not be written")
    advice = "check the folder, or name another one with --state or SIMPLEFLOW_STATE"
    problem = str(error)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, FileExistsError | NotADirectoryError) and not os.path.isdir(str(folder)):
        problem = f"{error.filename} is a file; expected a folder"
    elif code == sqlite3.SQLITE_CANTOPEN and os.path.isdir(str(folder)) and not _may_be_written(str(folder)):
        problem, advice = "it is read-only", _ADVICE[sqlite3.SQLITE_READONLY]
    elif isinstance(error, OSError) and error.strerror:
        problem = f"{error.strerror} ({error.filename})" if error.filename is not None else error.strerror
    elif isinstance(error, sqlite3.Error):
        advice = _ADVICE.get(code, advice)
    return StateError(f"state folder {folder} could not be {action}: {problem}; {advice}")
