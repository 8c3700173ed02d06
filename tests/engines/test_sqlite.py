"""The engine over SQLite: executions that outlive their process, and processes that lose their executions."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simpleflow.core import codec
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.reading import ReadingEngine
from simpleflow.exceptions import LeaseLost, RunBusy, SimpleflowError, StateError, UnknownResource
from simpleflow.state_folder.database import open_database
from simpleflow.state_folder.faults import checksum
from simpleflow.testing.subject import COMPLETE, activity, child, timer
from tests.engines.test_contract import Clock

REQUEST = StartRequest("w", "type", "1", '"input"')
Make = Callable[[], SqliteEngine]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Iterator[Make]:
    """Makes engines on one folder; what a test leaves open is closed."""
    made: list[SqliteEngine] = []

    def make() -> SqliteEngine:
        made.append(SqliteEngine(tmp_path / "state", clock))
        return made[-1]

    yield make
    for engine in made:
        try:
            engine.close()
        except (SimpleflowError, sqlite3.Error):
            pass  # the test has closed it


def decide(engine: SqliteEngine, *decisions: d.Decision) -> None:
    task = engine.poll_for_decision_task()
    assert task is not None
    engine.respond_decision_task_completed(task.token, decisions)


def types(engine: SqliteEngine, workflow_id: str = "w") -> list[str]:
    return [event.type for event in engine.history(workflow_id)]


def steal(folder: Path, owner: str = "thief") -> None:
    db = sqlite3.connect(folder / "state" / "history.sqlite")
    with db:
        db.execute("update runs set owner = ?", (owner,))
    db.close()


# Adoption after the death of a process


def test_an_execution_goes_on_in_another_engine_where_it_was(make: Make, clock: Clock) -> None:
    first = make()
    run_id = first.start_workflow_execution(REQUEST)
    decide(first, activity("a"), activity("b"), activity("c"), timer(seconds=50))
    done, lost = first.poll_for_activity_task(), first.poll_for_activity_task()
    assert done is not None
    assert lost is not None
    first.respond_activity_task_completed(done.token, "1")
    before = list(first.history("w"))
    first.close()
    clock.now += 10

    second = make()
    assert second.describe("w").alive is False
    assert second.adopt("w") == run_id
    assert second.adopt("nobody") is None
    assert second.describe("w").alive is True
    assert second.history("w") == before
    assert [task.activity_id for task in iter(second.poll_for_activity_task, None)] == ["b", "c"]
    task = second.poll_for_decision_task()
    assert task is not None
    assert list(task.events)[: len(before)] == before
    clock.now += 40
    second.expire()
    assert types(second)[-2] == "TimerFired", "a timer's time passes while no process drives the execution"


def test_a_decision_task_that_a_dead_process_had_is_handed_out_again(make: Make) -> None:
    first = make()
    first.start_workflow_execution(REQUEST)
    assert first.poll_for_decision_task() is not None
    first.close()
    second = make()
    second.adopt("w")
    decide(second, COMPLETE)
    assert types(second)[2:] == ["DecisionTaskStarted", "DecisionTaskCompleted", "WorkflowExecutionCompleted"]


def test_an_adopted_activity_has_its_full_time_out_again(make: Make, clock: Clock) -> None:
    first = make()
    first.start_workflow_execution(REQUEST)
    decide(first, activity(start_to_close_timeout="10", schedule_to_close_timeout="20", heartbeat_timeout="5"))
    assert first.poll_for_activity_task() is not None
    first.close()
    clock.now += 1000
    second = make()
    second.adopt("w")
    task = second.poll_for_activity_task()
    assert task is not None
    for _ in range(3):
        clock.now += 3
        second.expire()
        assert second.record_activity_task_heartbeat(task.token) is False
    clock.now += 2
    second.expire()
    timed_out = [each.attributes for each in second.history("w") if isinstance(each.attributes, e.ActivityTaskTimedOut)]
    assert [each.timeout_type for each in timed_out] == ["START_TO_CLOSE"]


def test_a_pending_answer_is_lost_as_a_whole_with_its_process(make: Make, tmp_path: Path) -> None:
    first = make()
    first.start_workflow_execution(REQUEST)
    decide(first, activity("a"), d.RecordMarker(marker_name="m"))
    assert first.poll_for_activity_task() is not None
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    assert db.execute("select max(id) from events").fetchone() == (2,), "it is pending until the next commit"
    first.executions.journal.close()  # as if the process had died
    second = make()
    second.adopt("w")
    decide(second, activity("a"), d.RecordMarker(marker_name="m"))
    task = second.poll_for_activity_task()
    assert task is not None
    second.respond_activity_task_completed(task.token)
    assert db.execute("select max(id) from events").fetchone() == (9,)
    db.close()


def test_a_family_is_adopted_together(make: Make) -> None:
    first = make()
    root = first.start_workflow_execution(REQUEST)
    decide(first, child())
    first.close()
    second = make()
    assert second.adopt("w") == root
    assert {run.workflow_id for run in second.runs.values()} == {"w", "child"}
    while (task := second.poll_for_decision_task()) is not None:
        second.respond_decision_task_completed(task.token, [COMPLETE] if task.workflow_id == "child" else [])
    assert "ChildWorkflowExecutionCompleted" in types(second)


def test_continued_as_new_and_a_child_again_under_the_same_id(make: Make) -> None:
    engine = make()
    first = engine.start_workflow_execution(REQUEST)
    decide(engine, child())
    for _ in range(2):
        task = engine.poll_for_decision_task()
        assert task is not None
        again = [d.ContinueAsNewWorkflowExecution()] if task.workflow_id == "child" else []
        engine.respond_decision_task_completed(task.token, again)
    decide(engine, COMPLETE)
    assert [(each.workflow_id, each.status) for each in engine.list_runs()] == [
        ("child", "completed"),
        ("child", "continued_as_new"),
        ("w", "open"),
    ]
    decide(engine, d.ContinueAsNewWorkflowExecution())
    assert engine.describe("w").run_id != first
    assert engine.describe("w", first).status == "continued_as_new"


# Losing the lease


def test_nothing_is_written_to_an_execution_that_another_process_drives(make: Make, tmp_path: Path) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    task = engine.poll_for_activity_task()
    assert task is not None
    engine.flush()
    steal(tmp_path)
    with pytest.raises(LeaseLost, match="no longer driven by this process"):
        engine.respond_activity_task_completed(task.token, "1")
    with pytest.raises(UnknownResource):
        engine.respond_activity_task_completed(task.token, "1")
    assert types(engine)[-1] == "ActivityTaskStarted"
    assert engine.poll_for_decision_task() is None


def test_a_run_that_loses_its_lease_raises_leaselost(tmp_path: Path) -> None:
    code = """
import sqlite3, sys
from simpleflow import Workflow, activity
from simpleflow.local import Executor
@activity.with_attributes(name="steal")
def steal():
    with sqlite3.connect(sys.argv[1] + "/history.sqlite") as db:
        db.execute("update runs set owner = 'thief'")
class W(Workflow):
    name = "w"
    def run(self):
        return self.submit(steal).result
try:
    Executor(W, state=sys.argv[1], nb_workers=int(sys.argv[2]) or None).run()
except Exception as error:
    print(type(error).__name__)
"""
    for workers in "02":
        command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / workers), workers]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.stdout == "LeaseLost\n", done


def test_a_lost_execution_may_be_adopted_again(make: Make, tmp_path: Path) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    steal(tmp_path)
    task = engine.poll_for_activity_task()
    assert task is not None
    with pytest.raises(LeaseLost):
        engine.respond_activity_task_completed(task.token, "1")
    engine.adopt("w")
    assert types(engine) == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    decide(engine, COMPLETE)


def test_an_operation_that_fails_at_once_loses_no_pending_events(make: Make) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    with pytest.raises(RunBusy):
        engine.start_workflow_execution(REQUEST)
    with pytest.raises(UnknownResource):
        engine.signal_workflow_execution("nobody", "s")
    task = engine.poll_for_activity_task()
    assert task is not None
    engine.respond_activity_task_completed(task.token, "1")
    assert types(engine)[-2:] == ["ActivityTaskCompleted", "DecisionTaskScheduled"]


def test_a_refusal_leaves_no_transaction_open(make: Make) -> None:
    first, second = make(), make()
    first.start_workflow_execution(REQUEST)
    for refused in (
        lambda: second.start_workflow_execution(REQUEST),
        lambda: second.signal_workflow_execution("nobody", "s"),
        lambda: second.signal_workflow_execution("w", "s", None, "another run"),
    ):
        with pytest.raises(SimpleflowError):
            refused()
        assert not second.executions.journal.must_commit
    decide(first, COMPLETE)


# The folder


def test_an_unusable_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    corrupt = tmp_path / "corrupt"
    corrupt.mkdir()
    (corrupt / "history.sqlite").write_text("this is not a database" * 100)
    for folder in (file, file / "below", corrupt, Path("/proc/nowhere")):
        with pytest.raises(StateError) as raised:
            SqliteEngine(folder)
        assert "\n" not in str(raised.value)
        assert str(folder) in str(raised.value)


def test_another_format_is_refused(make: Make, tmp_path: Path) -> None:
    make().close()
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    db.execute("pragma user_version = 5")
    db.close()
    with pytest.raises(StateError, match="format 5, expected 4"):
        make()


def test_a_folder_of_version_1_is_migrated(make: Make, tmp_path: Path) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    engine.close()
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    with db:
        db.executescript(
            """
            alter table events rename to newer;
            create table events (
                run integer not null references runs (number), id integer not null, event text not null,
                primary key (run, id)
            ) without rowid;
            insert into events select run, id, event from newer;
            drop table newer;
            pragma user_version = 1;
            """
        )
    before = db.execute("select run, id, event from events order by run, id").fetchall()
    db.close()
    again = make()
    again.adopt("w")
    assert types(again)[-1] == "ActivityTaskScheduled"
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    assert db.execute("select run, id, event from events order by place").fetchall() == before
    db.close()
    assert again.poll_for_activity_task() is not None


@pytest.mark.parametrize("writes", [True, False])
def test_a_folder_of_version_3_is_read_as_it_is(make: Make, tmp_path: Path, writes: bool) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    engine.close()
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    expected = []
    for place, text in db.execute("select place, event from events").fetchall():
        expected.append(codec.decode_event(text))
        whole = codec.encode_event(expected[-1]).decode()
        given = whole, checksum(whole, place & 0xFFFFFFFF), place
        db.execute("update events set event = ?, sum = ? where place = ?", given)
    db.execute("pragma user_version = 3")
    db.commit()
    db.close()
    again = make() if writes else ReadingEngine(str(tmp_path / "state"))
    assert list(again.history("w")) == expected
    if writes:
        again.adopt("w")
        assert again.poll_for_activity_task() is not None
        again.flush()
        assert list(again.history("w"))[:-1] == expected
        with contextlib.closing(sqlite3.connect(tmp_path / "state" / "history.sqlite")) as db:
            assert db.execute("pragma user_version").fetchone() == (4,)
            texts = [text for (text,) in db.execute("select event from events order by place")]
        assert [text[0] for text in texts] == ["{"] * len(expected) + ["["]
    again.close()


def test_execution_contexts_are_found_in_both_forms_of_events(make: Make, tmp_path: Path) -> None:
    engine = make()
    run_id = engine.start_workflow_execution(REQUEST)
    for context, name in (("{}", "[14,"), (None, '"executionContext"'), ("other", "a")):
        task = engine.poll_for_decision_task()
        assert task is not None
        engine.respond_decision_task_completed(task.token, [timer(name)], execution_context=context)
        engine.signal_workflow_execution("w", name, name)
    journal = engine.executions.journal
    assert [each for each in journal.contexts(run_id) if each] == ["{}", "other"]
    assert journal.contexts("no run") == []

    long = [(codec.encode_event(event).decode(), event.id) for event in engine.history("w")]  # that of older releases
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "history.sqlite")) as db, db:
        db.executemany("update events set event = ?, sum = null where id = ?", long)
    assert [each for each in journal.contexts(run_id) if each] == ["{}", "other"]


@pytest.mark.parametrize("result", ["yes " * 50_000, "é" * 6_000, "no", random.Random(0).randbytes(5_000).hex()])
def test_long_texts_are_kept_in_short(make: Make, tmp_path: Path, result: str) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    task = engine.poll_for_activity_task()
    assert task is not None
    engine.respond_activity_task_completed(task.token, result)
    engine.close()
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    (kept,) = db.execute("select event from events where id = 7").fetchone()
    db.close()
    assert isinstance(kept, bytes) == (result[0] in "yé")
    assert len(kept) < len(result) / 10 or isinstance(kept, str)
    completed = make().event("w", None, 7).attributes
    assert isinstance(completed, e.ActivityTaskCompleted)
    assert completed.result == result


@pytest.mark.parametrize("kept", [b"nothing", zlib.compress(b"\xff"), zlib.compress(b"[]"), 7])
def test_a_packed_text_that_is_damaged_is_reported(make: Make, tmp_path: Path, kept: object) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    engine.close()
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    with db:
        db.execute("update events set event = ?", (kept,))
    db.close()
    with pytest.raises(StateError, match="damaged"):
        make().history("w")


def test_a_damaged_history_is_an_error_of_one_line(make: Make, tmp_path: Path) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    engine.close()
    db = sqlite3.connect(tmp_path / "state" / "history.sqlite")
    with db:
        db.execute("update events set event = 'nothing'")
    db.close()
    with pytest.raises(StateError, match="damaged"):
        make().adopt("w")


def test_a_full_disk_loses_nothing_that_was_kept(make: Make, tmp_path: Path) -> None:
    engine = make()
    engine.start_workflow_execution(REQUEST)
    decide(engine, activity())
    task = engine.poll_for_activity_task()
    assert task is not None
    engine.flush()
    engine.executions.journal._db.execute("pragma max_page_count = 1")  # type: ignore[attr-defined]
    with pytest.raises(StateError, match="full"):
        engine.respond_activity_task_completed(task.token, '"' + random.randbytes(50_000).hex() + '"')
    engine.close()
    second = make()
    second.adopt("w")
    assert types(second)[-1] == "ActivityTaskStarted"
    assert second.poll_for_activity_task() is not None


def test_a_database_that_is_there_is_opened_without_a_write(tmp_path: Path) -> None:
    open_database(str(tmp_path)).close()
    before = (tmp_path / "history.sqlite").read_bytes()
    db = open_database(str(tmp_path))
    assert (tmp_path / "history.sqlite-wal").stat().st_size == 0
    pragmas = "auto_vacuum", "synchronous", "journal_mode"
    assert [db.execute(f"pragma {name}").fetchone()[0] for name in pragmas] == [2, 1, "wal"]
    db.close()
    assert (tmp_path / "history.sqlite").read_bytes() == before
