"""The embedded engine over a state folder that may not be written: its executions can be read, and nothing else.

Such a folder is a backup, an artifact of CI, a read-only mount or a folder of somebody else. There is no lease, since
its file cannot be made, and nothing of dead processes is removed.
"""

from __future__ import annotations

import os

from simpleflow.engines.embedded import EmbeddedEngine, process_identity
from simpleflow.engines.executions import Executions
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.journal import SqliteJournal
from simpleflow.engines.sqlite.lease import is_alive
from simpleflow.state_folder.database import FILE
from simpleflow.state_folder.reading import may_write, open_to_read


def open_engine(folder: str | os.PathLike[str]) -> SqliteEngine:
    """The engine of a folder; one that only reads where this process may not write. Raises StateError."""
    path = os.fspath(folder)
    if may_write(path) or not os.path.exists(os.path.join(path, FILE)):
        return SqliteEngine(path)
    return ReadingEngine(path)


class ReadingEngine(SqliteEngine):
    """The engine of a folder that may not be written. Raises StateError."""

    def __init__(self, folder: str) -> None:
        EmbeddedEngine.__init__(self, Executions(ReadingJournal(folder)), process_identity())


class ReadingJournal(SqliteJournal):
    """The journal of a folder that may not be written. What would write to it raises StateError."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._owners = os.path.join(folder, "owners")
        with self._errors("opened"):
            self._db = open_to_read(folder)

    def receive(self) -> tuple[()]:
        """Nothing: no execution is driven here."""
        return ()

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _alive(self, token: str) -> bool:
        return is_alive(self._owners, token)
