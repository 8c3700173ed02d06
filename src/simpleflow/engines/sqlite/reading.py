"""The embedded engine over a state folder that is only read: its executions can be read, and nothing else.

Either the folder may not be written: it is a backup, an artifact of CI, a read-only mount or the folder of another
user. Or the process only looks on while others work there. There is no lease, and nothing of dead processes is removed.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from simpleflow.engines.embedded import EmbeddedEngine, process_identity
from simpleflow.engines.executions import Executions
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.journal import SqliteJournal
from simpleflow.engines.sqlite.lease import is_alive
from simpleflow.state_folder import run_rows
from simpleflow.state_folder.database import FILE, check, is_small
from simpleflow.state_folder.reading import open_to_read


class ReadingEngine(SqliteEngine):
    """The engine of a folder that is only read.

    With ``upgrades``, a folder of an earlier format is brought up to date where this process may write. Raises
    StateError.
    """

    def __init__(self, folder: str, upgrades: bool = False) -> None:
        self._reads = ReadingJournal(folder, upgrades)
        EmbeddedEngine.__init__(self, Executions(self._reads), process_identity())

    @property
    def data_version(self) -> int:
        """A number that changes whenever another process has written into the folder. Raises StateError."""
        return self._reads.data_version


class ReadingJournal(SqliteJournal):
    """The journal of a folder that is only read. Methods that would write to it raise StateError."""

    def __init__(self, folder: str, upgrades: bool = False) -> None:
        self.folder = folder
        self._owners = os.path.join(folder, "owners")
        with self._errors("opened"), ExitStack() as undo:
            self._db = open_to_read(folder, upgrades)
            undo.callback(self._db.close)
            if is_small(os.path.join(folder, FILE)):
                check(self._db, folder)
                run_rows.check(self._db, folder)
            undo.pop_all()

    def receive(self) -> tuple[()]:
        """Nothing: no execution is driven here."""
        return ()

    @property
    def data_version(self) -> int:
        """See ``ReadingEngine``."""
        with self._errors("read"):
            (version,) = self._db.execute("pragma data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _alive(self, token: str) -> bool:
        return is_alive(self._owners, token)
