"""The journal in SQLite: one file, several processes, each writing its own executions.

Transactions are short and immediate, and no user code runs inside one. ``synchronous=NORMAL`` with a write-ahead log: what
was committed survives the death of any process; a power cut may lose the last moments, so that an activity is run again.
"""

from __future__ import annotations

import importlib.resources
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simpleflow.core import codec
from simpleflow.core import events as e
from simpleflow.engines.base import RunDescription
from simpleflow.engines.journal import Kept, Message
from simpleflow.engines.sqlite.lease import Lease
from simpleflow.exceptions import LeaseLost, RunBusy, StateError, UnknownResource

if TYPE_CHECKING:
    from simpleflow.engines.embedded import Run

VERSION = 1


def _queries() -> dict[str, str]:
    text = importlib.resources.files(__package__).joinpath("queries.sql").read_text("utf-8")
    named = (block.partition("\n") for block in text.split("-- name: ")[1:])
    return {name.strip(): query.strip() for name, _, query in named}


SQL = _queries()


class SqliteJournal:
    """See ``engines.journal.Journal``. Raises StateError if the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._errors("opened"):
            (folder / "owners").mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / "history.sqlite", timeout=30, isolation_level=None)
            self._db.execute("pragma journal_mode = wal")
            self._db.execute("pragma synchronous = normal")
            self._create()
            self._lease = Lease(folder / "owners")
            self._db.execute(SQL["add_owner"], (self._lease.token, os.getpid()))
        self._numbers: dict[str, int] = {}
        self._begun: list[tuple[str, ...]] = []
        self._messages: list[tuple[int, str]] = []
        self._received: list[int] = []
        self._seen_version: int | None = None

    def begin(self, workflow_id: str, run_id: str, root_id: str, workflow_type: e.WorkflowType, now: float) -> None:
        with self._errors("read"):
            row = self._db.execute(SQL["open_run"], (workflow_id,)).fetchone()
        if row is not None and row[1] in self._numbers:
            pass  # ours, and it ends in the same operation: it is continued as new
        elif row is not None:
            self._raise_busy(workflow_id, row[3])
        self._begun.append((run_id, workflow_id, root_id, workflow_type.name, workflow_type.version, now))  # type: ignore[arg-type]

    def commit(self, written: Sequence[tuple[Run, e.Event]]) -> None:
        if not (written or self._begun or self._messages or self._received):
            return
        runs = {run.run_id: run for run, _ in written}
        begun = {row[0] for row in self._begun}
        with self._transaction():
            for run in runs.values():
                if run.run_id not in begun:
                    self._fence(run)
                    self._close_run(run)
            for row in self._begun:
                try:
                    self._numbers[row[0]] = self._db.execute(SQL["begin_run"], (*row, self._lease.token)).lastrowid or 0
                except sqlite3.IntegrityError as error:
                    raise RunBusy(f"workflow id {row[1]!r} has an open execution") from error
            for run in runs.values():
                if run.run_id in begun:
                    self._close_run(run)
            numbers = self._numbers
            self._db.executemany(
                SQL["add_events"],
                [(numbers[run.run_id], event.id, codec.encode_event(event).decode()) for run, event in written],
            )
            self._db.executemany(SQL["add_message"], self._messages)
            self._db.executemany(SQL["remove_message"], [(id,) for id in self._received])
        self._drop_pending()

    @property
    def must_commit(self) -> bool:
        return bool(self._messages or self._received)

    def rollback(self) -> None:
        self._drop_pending()

    def claim(self, workflow_id: str) -> list[Kept]:
        with self._transaction():
            row = self._db.execute(SQL["open_run"], (workflow_id,)).fetchone()
            if row is None:
                return []
            _, _, root_id, owner = row
            if self._lease.alive(owner):
                self._raise_busy(workflow_id, owner)
            family = self._db.execute(SQL["open_family"], (root_id,)).fetchall()
            self._db.execute(SQL["own_family"], (self._lease.token, root_id))
            self._db.execute(SQL["remove_owner"], (owner,))
        self._lease.bury(owner)
        self._seen_version = None
        self._numbers |= {run_id: number for number, _, run_id, _ in family}
        return [Kept(workflow_id, run_id, root_id) for _, workflow_id, run_id, root_id in family]

    def load(self, run_id: str) -> list[e.Event]:
        with self._errors("read"):
            row = self._db.execute(SQL["run_number"], (run_id,)).fetchone()
            if row is None:
                raise UnknownResource(f"there is no execution with run id {run_id!r}")
            return [codec.decode_event(text) for (text,) in self._db.execute(SQL["events_of"], row)]

    def send(self, message: Message) -> bool:
        with self._errors("read"):
            row = self._db.execute(SQL["open_run"], (message.workflow_id,)).fetchone()
        if row is None or (message.run_id and message.run_id != row[1]):
            return False
        source = message.source
        content = {
            "kind": message.kind,
            "content": message.content,
            "source": [source.workflow_id, source.run_id] if source else None,
            "initiated_id": message.initiated_id,
        }
        self._messages.append((row[0], json.dumps(content)))
        return True

    def receive(self) -> Iterable[Message]:
        with self._errors("read"):
            (version,) = self._db.execute("pragma data_version").fetchone()
            if version == self._seen_version:
                return ()
            self._seen_version = version
            rows = self._db.execute(SQL["messages_of"], (self._lease.token,)).fetchall()
        return [_message(*row) for row in rows]

    def received(self, message: Message) -> None:
        self._received.append(message.id)

    def list_runs(self) -> list[RunDescription] | None:
        with self._errors("read"):
            rows = self._db.execute(SQL["all_runs"]).fetchall()
        alive = {owner: self._lease.alive(owner) for *_, status, _, _, owner in rows if status == "open"}
        return [RunDescription(*row, alive.get(owner, False)) for *row, owner in rows]

    def close(self) -> None:
        with self._errors("closed"):
            self._db.execute(SQL["remove_owner"], (self._lease.token,))
            self._db.close()
            self._lease.release()

    def _create(self) -> None:
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version == 0:
            schema = importlib.resources.files(__package__).joinpath("schema.sql").read_text("utf-8")
            with self._transaction():
                # Another process may have been faster.
                (version,) = self._db.execute("pragma user_version").fetchone()
                if version == 0:
                    for statement in schema.split(";\n"):
                        self._db.execute(statement)
                    self._db.execute(f"pragma user_version = {VERSION}")
                    version = VERSION
        if version != VERSION:
            raise StateError(
                f"state folder {self.folder} was written by another release of simpleflow (format {version}, "
                f"expected {VERSION}); use that release, or another folder"
            )

    def _fence(self, run: Run) -> None:
        if self._db.execute(SQL["fence"], (self._numbers[run.run_id], self._lease.token)).fetchone() is None:
            raise LeaseLost(f"run {run.run_id} of workflow id {run.workflow_id!r} is no longer driven by this process")

    def _close_run(self, run: Run) -> None:
        closed = run.history.closed
        if closed is not None:
            self._db.execute(SQL["close_run"], (run.history.state, closed.time, self._numbers[run.run_id]))

    def _raise_busy(self, workflow_id: str, owner: str) -> None:
        row = self._db.execute(SQL["owner_pid"], (owner,)).fetchone()
        by = f"process {row[0]} drives it" if row is not None else "nobody drives it"
        raise RunBusy(f"workflow id {workflow_id!r} has an open execution ({by}); wait for it, or use another id")

    def _drop_pending(self) -> None:
        self._begun, self._messages, self._received = [], [], []

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._errors("written"):
            self._db.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"state folder {self.folder} could not be {what}: {error}; "
                "check the folder, or name another one with --state or SIMPLEFLOW_STATE"
            ) from error


def _message(id: int, workflow_id: str, run_id: str, text: str) -> Message:
    content = json.loads(text)
    source = content["source"]
    execution = e.WorkflowExecution(workflow_id=source[0], run_id=source[1]) if source else None
    return Message(content["kind"], workflow_id, run_id, content["content"], execution, content["initiated_id"], id)
