"""Old runs that are removed from a state folder: which ones go, what stays, and the space that is given back."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite import pruning
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.pruning import Keep, Pruned, prune
from simpleflow.exceptions import StateError
from simpleflow.local import Executor
from simpleflow.step import WorkflowStepMixin

EVERYTHING = Keep()


@activity.with_attributes()
def give(value: Any) -> Any:
    return value


class Inner(Workflow):
    name = "inner of pruning"

    def run(self) -> Any:
        return self.submit(give, 1).result


class Outer(Workflow, WorkflowStepMixin):
    name = "outer of pruning"

    def run(self, value: Any = "x", child: bool = False) -> Any:
        if child:
            self.submit(Inner).result
        step = self.submit(self.step("kept", (give, value), keep_result=True))
        return [step.value, step.ran]


@activity.with_attributes()
def say() -> None:
    os.write(1, b"something\n")  # pytest has replaced sys.stdout


class Loud(Workflow):
    name = "loud in pruning"

    def run(self) -> Any:
        return self.submit(say).result


class Other(Workflow):
    name = "other of pruning"

    def run(self) -> Any:
        return None


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def run(state: str, kind: type[Workflow] = Outer, *args: Any, **options: Any) -> str:
    """Run a workflow; returns its run id."""
    executor = Executor(kind, state=state, **options)
    executor.run(list(args))
    assert executor.run_id is not None
    return executor.run_id


def run_ids(state: str) -> list[str]:
    """The run ids in the folder, the latest first."""
    engine = SqliteEngine(state)
    try:
        return [each.run_id for each in engine.list_runs()]
    finally:
        engine.close()


def gone(pruned: Pruned) -> list[str]:
    return [row.run_id for row in pruned.runs]


def age(state: str, run_id: str, seconds: float) -> None:
    """Let a run have ended so many seconds ago."""
    with sqlite3.connect(os.path.join(state, "history.sqlite")) as db:
        db.execute("update runs set closed = ? where run_id = ?", (time.time() - seconds, run_id))
    db.close()


def test_the_latest_runs_of_each_workflow_are_kept(state: str) -> None:
    other = run(state, Other)
    first, second, third = (run(state) for _ in range(3))
    assert gone(prune(state, Keep(runs=2))) == [first]
    assert run_ids(state) == [third, second, other]
    assert gone(prune(state, Keep(runs=0))) == [third, second, other]
    assert run_ids(state) == []


def test_young_runs_are_kept(state: str) -> None:
    first, second, third = (run(state) for _ in range(3))
    age(state, first, 100)
    age(state, second, 50)
    assert gone(prune(state, Keep(seconds=200))) == []
    assert gone(prune(state, Keep(runs=2, seconds=60), dry_run=True)) == [first]
    assert gone(prune(state, Keep(runs=1, seconds=40), dry_run=True)) == [second, first]
    assert gone(prune(state, Keep(runs=3, seconds=0))) == []
    assert gone(prune(state, Keep(seconds=60))) == [first]
    assert run_ids(state) == [third, second]


def test_done_marks_and_kept_results_stay(state: str) -> None:
    result = [{"some": "value"}] * 100
    run(state, Outer, result)
    assert len(gone(prune(state, EVERYTHING))) == 1
    again = Executor(Outer, state=state)
    assert again.run([result]) == [result, False]


def test_a_run_goes_with_its_children(state: str) -> None:
    outer = run(state, Outer, "x", True)
    assert len(run_ids(state)) == 2
    assert gone(prune(state, Keep(runs=1))) == []
    assert gone(prune(state, EVERYTHING))[-1] == outer
    assert run_ids(state) == []


def test_open_runs_and_their_children_stay(state: str) -> None:
    engine = SqliteEngine(state)
    parent = engine.start_workflow_execution(StartRequest("open", Outer.name, "1"))
    engine.flush()
    engine.close()
    closed = run(state)
    with sqlite3.connect(os.path.join(state, "history.sqlite")) as db:
        db.execute("update runs set root_id = ? where run_id = ?", (parent, closed))
    db.close()
    assert gone(prune(state, EVERYTHING)) == []
    assert run_ids(state) == [closed, parent]


def test_runs_of_a_process_that_lives_stay(state: str) -> None:
    engine = SqliteEngine(state)
    run_id = engine.start_workflow_execution(StartRequest("w", Outer.name, "1"))
    engine.terminate_workflow_execution("w", run_id)
    engine.flush()
    assert gone(prune(state, EVERYTHING)) == []
    engine.close()
    assert gone(prune(state, EVERYTHING)) == [run_id]


def test_a_dry_run_removes_nothing_and_reads_a_folder_that_may_not_be_written(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = run(state)
    assert gone(prune(state, EVERYTHING, dry_run=True)) == run_ids(state) == [run_id]
    monkeypatch.setattr(pruning, "may_write", lambda folder: False)
    assert gone(prune(state, EVERYTHING, dry_run=True)) == [run_id]
    with pytest.raises(StateError, match="is read-only, so no runs can be removed"):
        prune(state, EVERYTHING)
    assert gone(prune(state + "-none", EVERYTHING)) == []


def test_space_is_given_back_in_steps(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_PAGES", 20)
    file = Path(state, "history.sqlite")
    run(state, Other)
    before = file.stat().st_size
    run(state, Outer, random.randbytes(500_000).hex())
    found = prune(state, Keep(runs=1))
    assert found.freed == 0
    found = prune(state, Keep(runs=0))
    assert found.freed > 1_000_000
    assert found.unused == 0
    assert file.stat().st_size <= before + 8_192
    assert not Path(state, "history.sqlite-wal").exists()


def test_a_database_of_an_earlier_release_is_rewritten_once(state: str) -> None:
    run(state, Outer, random.randbytes(500_000).hex())
    db = sqlite3.connect(os.path.join(state, "history.sqlite"), isolation_level=None)
    db.execute("pragma auto_vacuum = none")
    db.execute("vacuum")
    db.close()
    run(state, Other)
    engine = SqliteEngine(state)  # somebody else uses the folder
    found = prune(state, Keep(runs=0))
    assert (len(found.runs), found.freed) == (2, 0)
    assert found.unused > 1_000_000
    engine.close()
    assert prune(state, Keep(runs=0), seconds=5).freed == 0
    assert prune(state, Keep(runs=0)).freed > 1_000_000
    assert Path(state, "history.sqlite").stat().st_size < 200_000


def test_logs_go_with_their_runs(state: str) -> None:
    first, second = run(state), run(state)
    logs = Path(state, "logs")
    for name in (first, second, "young", "old"):
        (logs / name).mkdir(parents=True)
        (logs / name / "activity.1.log").write_text("text")
    os.utime(logs / "old", (1, 1))
    os.utime(logs / second, (1, 1))
    assert prune(state, Keep(runs=1), dry_run=True).log_bytes == 4
    assert prune(state, Keep(runs=1)).log_bytes == 8
    assert sorted(os.listdir(logs)) == sorted([second, "young"])


def test_what_activities_have_printed_goes_with_their_run(state: str) -> None:
    for _ in range(2):
        run(state, Loud, nb_workers=1)
    assert len(os.listdir(Path(state, "logs"))) == 2
    assert prune(state, Keep(runs=1)).log_bytes > 0
    assert os.listdir(Path(state, "logs")) == run_ids(state)


def test_what_the_time_is_too_short_for_is_left(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [run(state) for _ in range(3)]
    monkeypatch.setattr(pruning, "_LOCKED", 0.0)  # a transaction for each
    found = prune(state, EVERYTHING, seconds=0)
    assert (gone(found), found.left) == ([], 3)
    monkeypatch.setattr(pruning, "_PAUSE", 0.2)
    found = prune(state, EVERYTHING, seconds=0.1)
    assert found.left in (1, 2)
    assert run_ids(state) == ids[: found.left][::-1]
    assert len(gone(prune(state, EVERYTHING))) == found.left


@pytest.mark.parametrize(
    ("runs", "days", "left"), [("2", "", 2), ("", "1", 2), ("1", "1", 2), ("3", "1", 3), ("", "", 4)]
)
def test_settings_remove_old_runs_at_the_end_of_a_run(
    state: str, monkeypatch: pytest.MonkeyPatch, runs: str, days: str, left: int
) -> None:
    ids = [run(state) for _ in range(3)]
    for each in ids[:2]:
        age(state, each, 100_000)
    monkeypatch.setenv("SIMPLEFLOW_KEEP_RUNS", runs)
    monkeypatch.setenv("SIMPLEFLOW_KEEP_DAYS", days)
    ids.append(run(state))
    assert run_ids(state) == ids[: -left - 1 : -1]


def test_runs_that_cannot_be_removed_harm_no_run(
    state: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_KEEP_RUNS", "1")
    monkeypatch.setattr(pruning, "may_write", lambda folder: False)
    run(state)
    assert "old runs were not removed: state folder" in caplog.text
