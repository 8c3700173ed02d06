"""Done marks in the database of the state folder: written with the markers, and taken over from earlier releases."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.engines.sqlite.journal import SqliteJournal
from simpleflow.exceptions import StateError, StoreError
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin, mark
from simpleflow.stores import open_store

PREFIX = "flow/steps"


@activity.with_attributes()
def work(name: str) -> str:
    return name


class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self, *forced: str) -> list[bool]:
        self.add_forced_steps(forced)
        first = self.submit(Step("first", (work, "first"), keep_result=True, force_steps_if_executed=["second"]))
        futures.wait(first)
        second = self.submit(Step("second", (work, "second")))
        return [first.ran, second.ran, first.value == "first"]


def run(state: Path, *forced: str) -> tuple[Any, Executor]:
    executor = Executor(Flow, state=state)
    return executor.run(list(forced)), executor


def types(executor: Executor) -> list[str]:
    return [str(event["eventType"]) for event in executor.history]


def test_a_step_takes_one_decision_and_eight_events(tmp_path: Path) -> None:
    class Many(Workflow, WorkflowStepMixin):
        name = "many"

        def run(self, count: int) -> None:
            for number in range(count):
                futures.wait(self.submit(Step(f"s{number}", (work, "x"))))

    found = [types(_many(Many, tmp_path / str(count), count)) for count in (3, 4)]
    assert len(found[1]) - len(found[0]) == 8
    assert found[1].count("DecisionTaskCompleted") - found[0].count("DecisionTaskCompleted") == 1


def _many(workflow: type[Workflow], state: Path, count: int) -> Executor:
    executor = Executor(workflow, state=state, adopt=True)
    executor.run([count])
    return executor


STRANGE = ["\ud83d", "é\x00", 10**30, -0.0, 1e-7, 1e300, {"a": [[[]]] * 20}, list(range(100))]


def test_a_mark_keeps_what_the_work_returned(tmp_path: Path) -> None:
    class Strange(Workflow, WorkflowStepMixin):
        name = "strange"

        def run(self, values: list[Any]) -> list[Any]:
            steps = [Step(f"s{at}", (work, each), keep_result=True) for at, each in enumerate(values)]
            return [self.submit(step).value for step in steps]

    assert [Executor(Strange, state=tmp_path).run([STRANGE]) for _ in range(2)] == [STRANGE] * 2
    store = open_store(f"state://{tmp_path}")
    for at, value in enumerate(STRANGE):
        assert mark.read("", store.get("strange/steps", f"s{at}") or b"").result == value


def test_a_skipped_step_takes_little_room(tmp_path: Path) -> None:
    class Many(Workflow, WorkflowStepMixin):
        name = "many"

        def run(self) -> None:
            for number in range(500):
                self.submit(Step(f"step.{number}", (work, "x")))

    def size() -> int:
        Executor(Many, state=tmp_path).run()
        with contextlib.closing(sqlite3.connect(tmp_path / "history.sqlite")) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        return (tmp_path / "history.sqlite").stat().st_size

    sizes = [size() for _ in range(3)]
    assert (sizes[2] - sizes[1]) / 500 <= 200


def test_marks_are_written_and_removed_with_the_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    assert run(state)[0] == [True, True, True]
    store = open_store(f"state://{state}")
    before = store.contents(PREFIX)
    first = mark.read("first", before["first"])
    assert (first.result, first.workflow_id, first.made_with is not None) == ("first", "flow", True)
    assert run(state)[0] == [False, False, True]
    assert store.contents(PREFIX) == before

    commit = SqliteJournal.commit

    def fail_to_complete(journal: SqliteJournal, written: Any, changes: Any = ()) -> int:
        if any(change.body is not None for change in changes):
            raise StateError("as expected")
        return commit(journal, written, changes)

    monkeypatch.setattr(SqliteJournal, "commit", fail_to_complete)
    with pytest.raises(StateError, match="as expected"):
        run(state, "first")
    assert store.names(PREFIX) == []  # removed before the work; the mark was not kept, and neither was its marker
    monkeypatch.undo()
    result, executor = run(state, "first")
    assert result == [True, True, True]
    assert store.names(PREFIX) == ["first", "second"]
    assert not any("Mark" in str(event) and "TaskScheduled" in str(event["eventType"]) for event in executor.history)


def test_without_a_state_folder_marks_are_kept_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STATE", str(tmp_path / "own"))
    assert Executor(Flow).run([]) == [True, True, True]
    assert Executor(Flow).run([]) == [False, False, True]
    assert open_store(f"state://{tmp_path / 'own'}").names(PREFIX) == ["first", "second"]


def test_marks_of_an_earlier_release_are_taken_over_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = tmp_path / "state"
    run(state)
    store = open_store(f"state://{state}")
    bodies = store.contents(PREFIX)
    db = sqlite3.connect(state / "history.sqlite")
    with db:  # as the release before wrote it
        db.execute("drop table marks")
        db.execute("pragma user_version = 2")
    db.close()
    for name, body in bodies.items():
        open_store(str(state / "objects")).put(PREFIX, name, body)

    assert run(state)[0] == [False, False, True]
    assert caplog.messages == [f"took over 2 done marks from {state / 'objects'} into {state / 'history.sqlite'}"]
    assert store.contents(PREFIX) == bodies
    assert not (state / "objects").exists()
    assert (state / "objects.taken-over").is_dir()
    assert run(state)[0] == [False, False, True]
    assert len(caplog.messages) == 1


def test_a_damaged_mark_is_reported(tmp_path: Path) -> None:
    store = open_store(f"state://{tmp_path}")
    store.put(PREFIX, "first", b"{}")
    db = sqlite3.connect(tmp_path / "history.sqlite")
    with db:
        db.execute("update marks set body = ?", (b"[]",))
    db.close()
    with pytest.raises(StoreError, match=r"is damaged: the done mark 'flow/steps/first' is not as it was written"):
        store.names(PREFIX)


def test_looking_at_a_folder_that_does_not_exist_makes_nothing(tmp_path: Path) -> None:
    store = open_store(f"state://{tmp_path / 'none'}")
    assert (store.names(PREFIX), store.contents(PREFIX), store.get(PREFIX, "a")) == ([], {}, None)
    store.delete(PREFIX, ["a"])
    assert not (tmp_path / "none").exists()
