"""Done marks in the database of a state folder: the bucket string ``state:///folder``.

Theory of operation
-------------------
*One database.* The marks stand in a table beside the histories (``engines.sqlite``). The engine writes a mark in the
transaction that keeps the marker ``completed`` of its step, with ``write`` on its own connection. The commands, and
runs that share marks, use the store below, which has its own connection.

*Durable writes.* What is committed survives the death of any process. Against a power cut, the write-ahead log is
synced as a folder of marks is. After removals it is always synced, since a mark that came back would make a run skip a
stale step. After other writes it is synced at most once a second, so that a step that took seconds is never lost.

*Connections.* Each call opens a new connection, which takes a tenth of a millisecond. Nothing is open between two
calls, so a folder may be copied, moved or deleted then. A run keeps one open while it goes on (``kept_open``). A folder
that may not be written can be read, see ``state_folder.reading``.

*Older folders* have the marks as files in ``objects``. They are taken over once, when the database is first opened to
write or to list, and the folder gets another name.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from simpleflow.exceptions import StateError, StoreError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import count
from simpleflow.state_folder.database import FILE, make_folder, open_database, transaction
from simpleflow.state_folder.faults import FAULTS, damaged, state_error
from simpleflow.state_folder.reading import may_write, open_to_read
from simpleflow.stores.base import Change, Stored, as_names, clean, join, shown, stem_of
from simpleflow.stores.location import state_url

SYNC_SECONDS = 1.0  # least time between two syncs after marks were written
OLD = "objects"  # folder of the marks of earlier releases
_TAKEN = "objects.taken-over"

_PUT = "insert or replace into marks values (?, ?, ?, ?)"
_CHUNK = 500  # keys of one query
_MANY = 16  # keys from which on they may be read with those between them
_BETWEEN = "select key, body, sum, modified from marks where key between ? and ? order by key limit ?"
_CREATE = "insert or ignore into marks values (?, ?, ?, ?)"
_DELETE = "delete from marks where key = ?"


def write(db: sqlite3.Connection, changes: Iterable[Change]) -> None:
    """Write and remove marks, in order. Call it inside a transaction."""
    for change in changes:
        key = join(change.prefix, change.name)
        if change.body is None:
            db.execute(_DELETE, (key,))
        else:
            db.execute(_PUT, _row(key, change.body))


def keep(db: sqlite3.Connection, marks: Iterable[tuple[str, bytes]]) -> None:
    """Write marks, by key, unless there are such. Call it inside a transaction."""
    db.executemany(_CREATE, [_row(key, body) for key, body in marks])


def checksum(key: str, body: bytes) -> int:
    """The checksum of a mark."""
    return zlib.crc32(body, zlib.crc32(key.encode()))


def _row(key: str, body: bytes) -> tuple[str, bytes, float, int]:
    return key, body, time.time(), checksum(key, body)


class Syncs:
    """Syncs the write-ahead log after transactions with marks, see the theory of operation."""

    def __init__(self, folder: str) -> None:
        self._log = os.path.join(folder, FILE + "-wal")
        self._synced = float("-inf")  # monotonic time of the last sync

    def committed(self, removes: bool) -> None:
        """A transaction has written marks, or has removed some."""
        now = time.monotonic()
        if not removes and now - self._synced < SYNC_SECONDS:
            return
        self._synced = now
        try:
            log = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # it was moved into the database, which syncs
        try:
            os.fsync(log)
        finally:
            os.close(log)  # SQLite has no locks on this file, so none is lost


class StateStore:
    """The marks in the database of the state folder ``path``. The first mark creates the folder and the database."""

    def __init__(self, path: str) -> None:
        self.folder = os.path.abspath(path)
        self.url = state_url(self.folder)
        self._lock = threading.RLock()
        self._users = 0  # of ``kept_open``
        self._kept: _Connection | None = None

    def __repr__(self) -> str:
        return f"StateStore({self.folder!r})"

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``; none if there is no database."""
        with self._reading(f"list the done marks below {shown(clean(prefix))}") as db:
            return list(self._below(db, prefix))

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``; this takes about a microsecond each."""
        with self._reading(f"read the done marks below {shown(clean(prefix))}") as db:
            return self._below(db, prefix)

    def variants(self, prefix: str, names: Sequence[str]) -> list[str]:
        """Return the names below ``prefix`` that are one of ``names``, a dot, and any text without dots and slashes."""
        found: list[str] = []
        with self._reading(f"list the claims below {shown(clean(prefix))}") as db:
            if db is None:
                return found
            for name in dict.fromkeys(names):
                start = join(prefix, name)
                # "/" comes right after ".".
                keys = db.execute("select key from marks where key >= ? and key < ?", (f"{start}.", f"{start}/"))
                found += [f"{name}{key[len(start) :]}" for (key,) in keys if stem_of(key) == start]
        return sorted(found)

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark."""
        with self._writing(f"write the done mark {shown(name)} below {shown(clean(prefix))}") as db:
            db.execute(_PUT, _row(join(prefix, name), body))

    def create(self, prefix: str, name: str, body: bytes) -> bool:
        """Write the mark if it does not exist."""
        with self._writing(f"create the mark {shown(name)} below {shown(clean(prefix))}", syncs=False) as db:
            return db.execute(_CREATE, _row(join(prefix, name), body)).rowcount == 1

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark, or None."""
        mark = self.read(prefix, name).get(name)
        return None if mark is None else mark.body

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist."""
        names = as_names(names)
        with self._reading(f"read {count(len(names), 'done mark')} below {shown(clean(prefix))}") as db:
            if db is None:
                return {}
            found: dict[str, Stored] = {}
            start = join(prefix, "") if clean(prefix) else ""
            names_of = {start + name if name.isascii() else join(prefix, name): name for name in names}
            keys = list(names_of)
            for at in range(0, len(keys), _CHUNK):
                for key, body, sum, modified in _rows(db, keys[at : at + _CHUNK]):
                    if key in names_of:
                        found[names_of[key]] = Stored(self._checked(key, body, sum), modified)
            return {name: found[name] for name in names if name in found}

    def delete(self, prefix: str, names: Iterable[str], durable: bool = True) -> None:
        """Remove the marks that exist."""
        names = as_names(names)
        keys = [(join(prefix, name),) for name in names]
        if not _exists(self.folder):
            return
        with self._writing(
            f"remove {count(len(names), 'done mark')} below {shown(clean(prefix))}", durable, durable
        ) as db:
            db.executemany(_DELETE, keys)

    def apply(self, changes: Iterable[Change]) -> None:
        """Write and remove marks in one transaction."""
        changes = list(changes)
        if changes:
            with self._writing("write done marks", removes=any(each.body is None for each in changes)) as db:
                write(db, changes)

    def _checked(self, key: str, body: bytes, sum: int) -> bytes:
        if sum != checksum(key, body):
            raise damaged(self.folder, f"the done mark {shown(key)} is not as it was written")
        return body

    def _below(self, db: sqlite3.Connection | None, prefix: str) -> dict[str, bytes]:
        """The contents of the marks below ``prefix``, by name, sorted."""
        start = join(prefix, "") if clean(prefix) else ""
        if db is None:
            return {}
        # "0" comes right after "/". Text sorts by its UTF-8 bytes, as Python's does.
        between = (start, start[:-1] + "0") if start else ("", "\U0010ffff")
        query = "select key, body, sum from marks where key >= ? and key < ? order by key"
        return {key[len(start) :]: self._checked(key, body, sum) for key, body, sum in db.execute(query, between)}

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep one connection open for the calls inside the ``with`` block, instead of a new one for each."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._close_kept()

    def _close_kept(self) -> None:
        if self._kept is not None:
            self._kept.db.close()
            self._kept = None

    @contextmanager
    def _connection(self, creates: bool) -> Iterator[_Connection | None]:
        """A connection for one call; None if there is no database."""
        found = self._kept
        if found is None or (creates and found.reads_only):
            found = _connect(self.folder, creates)
            if self._users:
                self._close_kept()
                self._kept = found
        try:
            yield found
        finally:
            if found is not None and found is not self._kept:
                found.db.close()

    @contextmanager
    def _reading(self, action: str) -> Iterator[sqlite3.Connection | None]:
        """A connection to read with; None if there is no database."""
        with self._lock, self._errors(action), self._connection(creates=False) as found:
            yield None if found is None else found.db

    @contextmanager
    def _writing(self, action: str, removes: bool = False, syncs: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction."""
        with self._lock, self._errors(action), self._connection(creates=True) as found:
            assert found is not None
            with transaction(found.db):
                yield found.db
            if syncs:
                found.syncs.committed(removes)

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except FAULTS as error:
            raise StoreError(str(state_error(self.folder, f"used to {action}", error))) from error
        except StateError as error:
            raise StoreError(str(error)) from error


class _Connection(NamedTuple):
    db: sqlite3.Connection
    syncs: Syncs
    reads_only: bool = False


def _connect(folder: str, creates: bool) -> _Connection | None:
    """A new connection to the database in a folder; None if there is no database."""
    if not _exists(folder):
        if not creates:
            return None
        make_folder(folder)
    takes_over = os.path.isdir(os.path.join(folder, OLD)) and may_write(folder)
    if not creates and not takes_over and os.path.exists(os.path.join(folder, FILE)):
        return _Connection(open_to_read(folder, upgrades=True), Syncs(folder), reads_only=True)
    db = open_database(folder, checks=False)
    try:
        take_over(db, folder)
    except BaseException:
        db.close()
        raise
    return _Connection(db, Syncs(folder))


def _rows(db: sqlite3.Connection, keys: Sequence[str]) -> list[Any]:
    """The rows of the marks with these keys, and maybe others: key, body, checksum and time."""
    if len(keys) > _MANY:
        # Those that are read together often stand together: to go through them is quicker than to look for each.
        last, most = max(keys), 2 * len(keys)
        found = db.execute(_BETWEEN, (min(keys), last, most)).fetchall()
        if len(found) < most or found[-1][0] >= last:
            return found
    query = f"select key, body, sum, modified from marks where key in ({','.join('?' * len(keys))})"
    return db.execute(query, keys).fetchall()


def _exists(folder: str) -> bool:
    """True if there are marks, or were: in the database, or from an earlier release."""
    return os.path.exists(os.path.join(folder, FILE)) or os.path.isdir(os.path.join(folder, OLD))


def take_over(db: sqlite3.Connection, folder: str) -> None:
    """Take over the marks of an earlier release, if there are any, and tell it."""
    old = os.path.join(folder, OLD)
    if not os.path.isdir(old):
        return
    from simpleflow.stores.directory import DirectoryStore

    found = DirectoryStore(old).contents("")
    with transaction(db):
        keep(db, found.items())
    try:
        os.rename(old, os.path.join(folder, _TAKEN))
    except OSError:
        return  # another process has just done it, or this one may not: the marks in the database count
    import logging

    text = "took over %s done marks from %s into %s"
    logging.getLogger(__name__).warning(text, len(found), old, os.path.join(folder, FILE))
