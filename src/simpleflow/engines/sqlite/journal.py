"""The journal in SQLite: one file, several processes, each of which writes its own executions.

Theory of operation
-------------------
*Ownership.* Each process has a lease (see ``lease``), whose token stands in ``runs.owner`` of the executions that it
drives. A process writes to an execution only inside a transaction in which it has checked that the execution is open
and its own (the query ``fence``). The transaction is immediate: it holds the database's only write lock from its first
statement, so the check stays true until the commit. A process that has lost an execution gets LeaseLost and has
written nothing.

*Taking over.* ``claim`` finds the owner of an open execution, and refuses if that owner's lease is held. Otherwise it
writes its own token into all open executions of the family, in the same transaction. Of several processes that try,
one does this first; the others then see an owner that lives.

*One open execution for each workflow id* is the unique index ``one_open_run``. A new execution is inserted at the
commit, after the ends of the same operation, so that an execution and the one that continues it never are open at the
same time. ``begin`` finds a conflict with another process early; the index decides.

*Messages* go into a table, with the number of the execution that gets them. Their sender inserts them in a transaction
in which the execution is open, and the owner closes an execution in one, too. So a message is either there before the
end, and its owner reads it first (``EmbeddedEngine.respond_decision_task_completed`` holds the lock from before it
reads to its commit), or it is refused. ``pragma data_version`` tells cheaply whether another connection has written
since; only then the owner looks into the table.

*Durability.* Transactions are short, and no user code runs inside one. ``synchronous=NORMAL`` with a write-ahead log:
committed rows survive the death of any process. A power cut may lose the last moments; then an activity is run again.
Done marks are written in the transaction of the event that they follow from, and the log is synced then as
``stores.state`` says. Without marks, SQLite syncs it when it is full.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from operator import itemgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from simpleflow.core import codec, transitions
from simpleflow.core import events as e
from simpleflow.engines.base import EVERY_RUN, RunDescription, RunFilter
from simpleflow.engines.journal import Message, StoredRun
from simpleflow.engines.sqlite.kept_events import KeptEvents
from simpleflow.engines.sqlite.lease import Lease
from simpleflow.engines.sqlite.outage import Outage
from simpleflow.engines.sqlite.rows import LONG, EventRow, pack, runs_query
from simpleflow.exceptions import LeaseLost, RunBusy, StateError
from simpleflow.state_folder import run_rows
from simpleflow.state_folder.database import FILE, SQL, make_folder, open_database
from simpleflow.state_folder.faults import checksum, damaged, is_token
from simpleflow.stores import state
from simpleflow.stores.base import Change

if TYPE_CHECKING:
    from simpleflow.engines.run import Run


_CHECK_SECONDS = 0.02  # between two looks at whether the folder is there
_BEGIN = "begin immediate"
_RUN, _EVENT = itemgetter(0), itemgetter(1)
_ROWS = 1_000  # that are made at once, so that a long answer does not need much memory


class SqliteJournal(KeptEvents):
    """See ``engines.journal.Journal``.

    Args:
        folder: the state folder.
        outage: waits while the folder cannot be written.

    Raises StateError if the folder cannot be used.
    """

    def __init__(self, folder: str, outage: Outage | None = None) -> None:
        self.folder = folder
        self._path = os.path.abspath(folder)
        self._outage = outage if outage is not None else Outage()
        self._numbers = {}
        self._begun: list[tuple[str | float, ...]] = []  # rows of ``runs`` that the next commit inserts
        self._checked_at = 0.0  # monotonic time of the last ``_check_presence``
        self._seen_version: int | None = None  # the data_version at which messages were last read
        with self._errors("opened"), ExitStack() as undo:
            owners = os.path.join(folder, "owners")
            make_folder(folder)
            os.makedirs(owners, mode=0o700, exist_ok=True)
            self._db = open_database(folder)
            undo.callback(self._db.close)
            state.take_over(self._db, folder)
            self._syncs = state.Syncs(folder)
            self._lease = Lease(owners)
            undo.callback(self._lease.release)
            self._bury_the_dead()
            self._db.execute(SQL["add_owner"], (self._lease.token, os.getpid()))
            self._files = [(path, _identity(path)) for path in (os.path.join(folder, FILE), self._lease.path)]
            undo.pop_all()

    @property
    def must_commit(self) -> bool:
        return self._db.in_transaction

    def hold(self) -> None:
        if not self._db.in_transaction:
            with self._errors("written"):
                self._db.execute(_BEGIN)

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        self.hold()
        with self._errors("read"):
            row = self._db.execute(SQL["open_run"], (workflow_id,)).fetchone()
        if row is not None and row[1] not in self._numbers:  # else the open one is ours, and ends in this transaction
            self._raise_busy(workflow_id, row[3])
        self._begun.append((run_id, workflow_id, root_id, workflow_type.name, workflow_type.version, now))

    def commit(self, written: Sequence[tuple[Run, e.Event]], changes: Sequence[Change] = ()) -> int:
        if self._db.in_transaction:  # what is in it already cannot be written twice
            return self._commit(written, changes)
        return self._outage.outlast(lambda: self._commit(written, changes)) if written else 0

    def _commit(self, written: Sequence[tuple[Run, e.Event]], changes: Sequence[Change]) -> int:
        runs = {run.run_id: run for run in dict.fromkeys(map(_RUN, written))}
        self._check_presence(ends=not all(run.history.open for run in runs.values()))
        with self._errors("written"), _Transaction(self._db):
            begun = {str(row[0]): row for row in self._begun} if self._begun else {}
            for run_id, run in runs.items():
                if run_id not in begun:
                    self._fence(run)
                    self._close_run(run)
            for run_id, row in begun.items():
                try:
                    number = self._db.execute(SQL["begin_run"], (*row, self._lease.token)).lastrowid
                except sqlite3.IntegrityError as error:
                    raise RunBusy(f"workflow id {row[1]!r} has an open execution") from error
                self._numbers[run_id] = number or 0
                self._close_run(runs[run_id])
            size = sum(self._add(written[at : at + _ROWS]) for at in range(0, len(written), _ROWS))
            if changes:
                state.write(self._db, changes)
        self._begun = []
        if changes:
            with self._errors("written"):
                self._syncs.committed(removes=any(each.body is None for each in changes))
        return size

    def _add(self, written: Sequence[tuple[Run, e.Event]]) -> int:
        """Insert events; returns how many characters they have."""
        texts = codec.encode_short(list(map(_EVENT, written)))
        numbers = self._numbers
        rows: list[EventRow] = [
            ((numbers[run.run_id] << 32) + event.id, text if len(text) < LONG else pack(text), checksum(text, event.id))
            for (run, event), text in zip(written, texts, strict=True)
        ]
        self._db.executemany(SQL["add_events"], rows)
        return sum(map(len, texts))

    def rollback(self) -> None:
        self._begun = []
        if self._db.in_transaction:
            with self._errors("written"):
                self._db.execute("rollback")

    def claim(self, workflow_id: str) -> list[StoredRun]:
        with self._errors("read"):
            row = self._db.execute(SQL["open_run"], (workflow_id,)).fetchone()
        if row is not None and not self._is_alive(row[3]):
            self._await_workers(workflow_id, row[3])
        with self._errors("written"), _Transaction(self._db):
            row = self._db.execute(SQL["open_run"], (workflow_id,)).fetchone()
            if row is None:
                return []
            _, _, root_id, owner = row
            if self._is_alive(owner):
                self._raise_busy(workflow_id, owner)
            family = self._db.execute(SQL["open_family"], (root_id,)).fetchall()
            if not family or not all(run_rows.is_run_id(each[2]) for each in family):
                raise run_rows.not_as_written(self.folder, row[1])
            self._db.execute(SQL["own_family"], (self._lease.token, root_id))
            self._db.execute(SQL["remove_owner"], (owner,))
        self._lease.bury(owner)
        self._seen_version = None  # there may be messages for them
        self._numbers |= {run_id: number for number, _, run_id, _ in family}
        return [StoredRun(workflow_id, run_id, root_id) for _, workflow_id, run_id, root_id in family]

    def release(self, root_id: str) -> None:
        with self._errors("written"), _Transaction(self._db):
            self._db.execute(SQL["release_family"], (root_id, self._lease.token))

    def send(self, message: Message) -> bool:
        self.hold()
        source = message.source
        content = {
            "kind": message.kind,
            "content": message.content,
            "source": [source.workflow_id, source.run_id] if source else None,
            "initiated_id": message.initiated_id,
        }
        with self._errors("written"):
            row = self._db.execute(SQL["open_run"], (message.workflow_id,)).fetchone()
            if row is None or (message.run_id and message.run_id != row[1]):
                return False
            self._db.execute(SQL["add_message"], (row[0], json.dumps(content)))
        return True

    def receive(self) -> Iterable[Message]:
        self._check_presence()
        with self._errors("read"):
            (version,) = self._db.execute("pragma data_version").fetchone()
            if version == self._seen_version:
                return ()
            self._seen_version = version
            rows = self._db.execute(SQL["messages_of"], (self._lease.token,)).fetchall()
        try:
            return [_message(*row) for row in rows]
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise damaged(self.folder, f"a message to a run is not as it was written: {error}") from error

    def received(self, message: Message) -> None:
        self.hold()
        with self._errors("written"):
            self._db.execute(SQL["remove_message"], (message.id,))

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription] | None:
        query, values = runs_query(wanted, before, limit)
        with self._errors("read"):
            rows: list[Any] = self._db.execute(query, values).fetchall()
        owners = {owner for *_, status, _, _, owner in rows if status == "open"}
        alive = {owner for owner in owners if self._is_alive(owner)}
        return [self._description(row, row[-1] in alive) for row in rows]

    def close(self) -> None:
        # An error here must not hide the one that ended the run. Others go by the lease, not by this row.
        self._closed = True
        with suppress(sqlite3.Error):
            self._db.execute(SQL["remove_owner"], (self._lease.token,))
        with suppress(sqlite3.Error):
            self._db.close()
        self._lease.release()

    def _check_presence(self, ends: bool = True) -> None:
        """Raise StateError if the folder was removed or moved: SQLite would go on with a file without a name.

        The lease is one of its files: without it, other processes take this one for dead. Looks only now and then,
        and when an execution ends.
        """
        now = time.monotonic()
        if now - self._checked_at < _CHECK_SECONDS and not ends:
            return
        self._checked_at = now
        for path, identity in self._files:
            try:
                found = _identity(path)
            except OSError as error:
                found = error.strerror
            if found != identity:
                raise StateError(
                    f"state folder {self.folder} was removed, moved or replaced while a run used it ({path}); what "
                    "the run did last is not kept: put the folder back, or start the run again"
                )

    def _bury_the_dead(self) -> None:
        """Remove what processes that were killed have left: their lock files, and their rows in ``owners``."""
        try:
            self._lease.bury_all_dead()
        except OSError:
            pass  # they do no harm, and cost a file each
        tokens = [token for (token,) in self._db.execute(SQL["all_owners"])]
        for token in tokens:
            if not (is_token(token) and self._is_alive(token)):
                self._db.execute(SQL["remove_owner"], (token,))

    def _await_workers(self, workflow_id: str, owner: str) -> None:
        """Wait until the workers of a dead process have ended. Raises RunBusy if they do not."""
        with self._errors("read"):
            left = self._lease.workers_left(owner)
        if left:
            raise RunBusy(
                f"workflow id {workflow_id!r} has an open execution whose process died, and a worker of that process "
                f"is still at work (one of the processes {left}): end it, then start the run again"
            )

    @property
    def state_folder(self) -> str | None:
        return self._path

    @property
    def workers_path(self) -> str | None:
        return self._lease.workers_path

    def _is_alive(self, owner: str) -> bool:
        """True if the process with that token lives. The token comes from the database, and names a file."""
        if not is_token(owner):
            raise damaged(self.folder, f"the owner of a run is {owner!r:.60}")
        with self._errors("read"):
            return self._alive(owner)

    def _alive(self, token: str) -> bool:
        return self._lease.alive(token)

    def _description(self, row: Sequence[Any], alive: bool) -> RunDescription:
        workflow_id, run_id, name, version, status, started, closed, owner = row
        if not run_rows.is_run((run_id, workflow_id, run_id, name, version, status, started, closed, owner)):
            raise run_rows.not_as_written(self.folder, run_id)
        return RunDescription(
            workflow_id, run_id, name, version, status, started, closed, status == transitions.OPEN and alive
        )

    def _fence(self, run: Run) -> None:
        if self._db.execute(SQL["fence"], (self._numbers[run.run_id], self._lease.token)).fetchone() is None:
            raise LeaseLost(f"run {run.run_id} of workflow id {run.workflow_id!r} is no longer driven by this process")

    def _close_run(self, run: Run) -> None:
        closed = run.history.closed
        if closed is not None:
            number = self._numbers[run.run_id]
            self._db.execute(SQL["close_run"], (run.history.state, closed.time, number))
            self._db.execute(SQL["remove_messages_of"], (number,))

    def _raise_busy(self, workflow_id: str, owner: str) -> None:
        row = self._db.execute(SQL["owner_pid"], (owner,)).fetchone()
        by = f"process {row[0]} drives it" if row is not None and self._is_alive(owner) else "no process drives it"
        raise RunBusy(f"workflow id {workflow_id!r} has an open execution ({by}); wait for it, or use another id")


class _Transaction:
    """The open transaction, or a new one: it is committed at the end of a block, or rolled back after an error."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        if not self._db.in_transaction:
            self._db.execute(_BEGIN)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._db.execute("commit")
        finally:
            if self._db.in_transaction:  # else SQLite has rolled it back itself
                self._db.execute("rollback")


def _identity(path: str) -> object:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _message(id: int, workflow_id: str, run_id: str, text: str) -> Message:
    content = json.loads(text)
    source = content["source"]
    execution = e.WorkflowExecution(workflow_id=source[0], run_id=source[1]) if source else None
    return Message(content["kind"], workflow_id, run_id, content["content"], execution, content["initiated_id"], id)
