"""The events of executions in a state folder, as a journal reads them; also once it is closed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from types import TracebackType

from simpleflow.core import events as e
from simpleflow.core.event_log import Reader
from simpleflow.core.history import History
from simpleflow.engines.sqlite.rows import MAX_EVENTS, EventRow, decoded
from simpleflow.exceptions import InputError, InvalidTransition, UnknownResource
from simpleflow.state_folder.database import SQL
from simpleflow.state_folder.faults import FAULTS, damaged, state_error
from simpleflow.state_folder.reading import open_to_read

_PACKED = 8  # characters that a byte of a packed text may stand for
_PAGE_CHARACTERS = 1 << 20  # that are read back at once, at most, but for a longer event alone


class KeptEvents:
    """The half of a journal that reads events; see ``engines.journal.Journal``."""

    folder: str
    _db: sqlite3.Connection
    _closed = False
    _numbers: dict[str, int]  # by run id, of the executions that this process has begun or claimed

    def contexts(self, run_id: str) -> list[str]:
        with self._errors("read"):
            row = self._db.execute(SQL["run_number"], (run_id,)).fetchone()
            texts = [] if row is None else self._db.execute(SQL["contexts_of"], row * 2).fetchall()
        return [text for (text,) in texts if isinstance(text, str)]

    def load(self, run_id: str, after: int = 0, limit: int | None = None) -> list[e.Event]:
        most = MAX_EVENTS if limit is None else limit
        with self._errors("read"):
            number = self._number(run_id)
            first = (number << 32) + after + 1
            rows = self._db.execute(SQL["events_between"], (first, (number + 1) << 32, most)).fetchall()
        if not rows and after:
            return []
        return self._events(run_id, rows, after + 1, whole=not after and limit is None)

    def reader(self, run_id: str) -> Reader:
        number = self._numbers[run_id]

        def read(after: int, limit: int) -> list[e.Event]:
            rows: list[EventRow] = []
            size = 0
            span = (number << 32) + after + 1, (number + 1) << 32, limit
            with self._errors("read"), self._reading() as db:
                for row in db.execute(SQL["events_between"], span):
                    size += len(row[1]) if isinstance(row[1], str) else _PACKED * len(row[1])
                    if rows and size > _PAGE_CHARACTERS:
                        break  # so a long event is decoded for those alone who ask for it
                    rows.append(row)
            return self._events(run_id, rows, after + 1, whole=False)

        return read

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """The connection; another one for reading once this journal is closed."""
        if not self._closed:
            yield self._db
            return
        with closing(open_to_read(self.folder)) as db:
            yield db

    def last_events(self, run_id: str, limit: int) -> list[e.Event]:
        with self._errors("read"):
            number = self._number(run_id)
            span = number << 32, (number + 1) << 32, limit
            rows = self._db.execute(SQL["last_events"], span).fetchall()[::-1]
        return self._events(run_id, rows, rows[0][0] & 0xFFFFFFFF if rows else 1, whole=False)

    def _number(self, run_id: str) -> int:
        row = self._db.execute(SQL["run_number"], (run_id,)).fetchone()
        if row is None:
            raise UnknownResource(f"there is no execution with run id {run_id!r}")
        return int(row[0])

    def _events(self, run_id: str, rows: Sequence[EventRow], first: int, whole: bool) -> list[e.Event]:
        try:
            events = list(decoded(rows, first))
            if whole and any(check is None for _, _, check in rows):
                History(events)  # written without checksums: see at least if they fit together
            return events
        except (InputError, InvalidTransition) as error:
            raise damaged(self.folder, f"run {run_id}: {error}") from error

    def _errors(self, action: str) -> _Errors:
        return _Errors(self.folder, action)


class _Errors:
    """Raises errors of SQLite and of the system as StateError. Several stand in a step: a generator takes longer."""

    __slots__ = ("_action", "_folder")

    def __init__(self, folder: str, action: str) -> None:
        self._folder = folder
        self._action = action

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, FAULTS):
            raise state_error(self._folder, self._action, error) from error
        if isinstance(error, UnicodeEncodeError):
            raise InputError(f"{error.object!r:.100} holds bytes that are not UTF-8; expected plain text") from error
