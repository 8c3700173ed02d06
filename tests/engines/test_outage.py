"""A state folder that is full for a while: nothing that has ended is lost."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.engines.sqlite.journal import SqliteJournal
from simpleflow.exceptions import StateError
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin

done: list[str] = []
databases: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collects the connections of journals, so that an activity can fill the disk, as SQLite sees it."""
    done.clear()
    databases.clear()
    begin = SqliteJournal.__init__

    def remember(journal: SqliteJournal, *args: Any) -> None:
        begin(journal, *args)
        databases.append(journal._db)

    monkeypatch.setattr(SqliteJournal, "__init__", remember)


def fill() -> None:
    [(pages,)] = databases[-1].execute("pragma page_count").fetchall()
    databases[-1].execute(f"pragma max_page_count = {pages}")


def free() -> None:
    databases[-1].execute("pragma max_page_count = 1000000")


@activity.with_attributes()
def work(name: str, full_for: float | None = None) -> str:
    done.append(name)
    if full_for is not None:
        fill()
        if full_for > 0:
            threading.Timer(full_for, free).start()
    return random.randbytes(10_000).hex()  # it does not fit into the pages that there are


class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self, full_for: float) -> bool:
        futures.wait(self.submit(Step("load", (work, "load", full_for))))
        return self.submit(Step("report", (work, "report"))).ran


def test_a_run_waits_until_there_is_room_again(tmp_path: Path) -> None:
    told: list[str] = []
    assert Executor(Flow, state=tmp_path / "state", on_wait=told.append).run([0.5]) is True
    assert done == ["load", "report"]
    assert told[0].startswith(f"state folder {tmp_path / 'state'} could not be written: database or disk is full; ")
    assert told[0].endswith("database or disk is full; free some space; trying again for 600 s")
    assert len(told) == 2
    assert told[1].startswith("the state folder works again, after ")


def test_a_run_that_gives_up_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_RETRY_SECONDS", "1")
    with pytest.raises(StateError, match="could not be written: database or disk is full"):
        Executor(Flow, state=tmp_path / "state").run([-1])
    assert done == ["load"]
    kinds: list[str] = []
    executor = Executor(Flow, state=tmp_path / "state", on_begin=lambda beginning: kinds.append(beginning.kind))
    with pytest.raises(StateError):  # it does the work again, which fills the disk again
        executor.run([-1])
    assert kinds == ["resumed"]
