"""Events go from memory once they are in the journal: nobody notices but by the memory that a run needs."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.core import event_log
from simpleflow.engines import operations
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.sqlite.journal import SqliteJournal
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.worker import inline


@pytest.fixture
def lets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the last two events go at each commit, and are read back one by one."""
    monkeypatch.setattr(operations, "_MANY_EVENTS", 1)
    monkeypatch.setattr(operations, "_MANY_CHARACTERS", 0)
    monkeypatch.setattr(event_log, "KEPT", 2)
    monkeypatch.setattr(event_log, "_PAGE", 1)


@activity.with_attributes()
def work(value: Any) -> Any:
    return value


@activity.with_attributes(idempotent=True, retry=1)
def once(value: Any) -> Any:
    return value


@activity.with_attributes()
def fail() -> None:
    raise ValueError("no")


class Mixed(Workflow, WorkflowStepMixin):
    name = "mixed"

    def before_replay(self, history: Any) -> None:
        self.submit(self.record_marker("seen", "before"))

    def run(self) -> Any:
        first = self.submit(work, "x" * 100)
        while not first.finished:  # evaluated afresh once it has ended
            futures.wait(self.submit(work, "meanwhile"))
        work_of = {f"s{number}": Chain((work, number), (once, 7)) for number in (1, 2)}
        steps = [self.submit(Step(name, each, keep_result=True)) for name, each in work_of.items()]
        failed = self.submit(fail)
        group = self.submit(Group((work, 1), (once, 7), Step("inner", (work, 3))))
        futures.wait(failed, group, *steps)
        again = self.submit(once, 7)
        self.submit(self.record_marker("last", {"failed": failed.exception is not None}))
        found = [marker.details for marker in self.list_markers(all=True) if marker.name in ("seen", "last")]
        return [step.value for step in steps], again.result, group.futures[2].value, found

    def on_completed(self, history: Any) -> None:
        assert [event.id for event in history.events] == list(range(1, len(history.events) + 1))


class Wide(Workflow, WorkflowStepMixin):
    name = "wide"

    def run(self) -> None:
        futures.wait(self.submit(self.step("all", Group(*[(work, number) for number in range(600)]))))


def test_a_wide_step_reads_hardly_an_event_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read_back = event_log.EventLog._read_back
    monkeypatch.setattr(event_log.EventLog, "_read_back", lambda *args: asked.append(args[1]) or read_back(*args))
    Executor(Wide, state=str(tmp_path), workflow_id="w").run()
    assert len(asked) < 10  # the markers of the step, not its activities


def told(executor: Executor) -> list[Any]:
    return [(event["eventType"], event["eventId"]) for event in executor.history]


def test_a_run_goes_on_alike(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "_MOMENT", 60.0)  # the order of events depends on which activities are short
    found = []
    for state in ("kept", "gone"):
        if state == "gone":
            request.getfixturevalue("lets_go")
        for _ in range(2):  # the second run skips the steps
            executor = Executor(Mixed, state=tmp_path / state, adopt=True)
            found.append((executor.run(), told(executor), [each.name for each in executor.list_markers(all=True)]))
    assert found[:2] == found[2:]


@pytest.mark.usefixtures("lets_go")
def test_an_engine_that_is_closed_still_reads(tmp_path: Path) -> None:
    executor = Executor(Mixed, state=tmp_path)
    executor.run()
    engine = SqliteEngine(tmp_path)
    assert len(executor.history) == len(engine.history("mixed"))
    engine.close()


def test_a_long_event_is_read_back_for_those_alone_who_ask_for_it(tmp_path: Path) -> None:
    value = " ".join(map(str, range(300_000)))

    class Long(Workflow):
        name = "long"

        def run(self) -> None:
            for number in range(9):
                self.submit(work, value if number == 4 else "x").result

    executor = Executor(Long, state=tmp_path)
    executor.run()
    journal, run_id = SqliteJournal(str(tmp_path)), str(executor.run_id)
    journal._numbers[run_id] = journal._number(run_id)
    every, read = journal.load(run_id), journal.reader(run_id)
    long = [event.id for event in every if value in str(event.attributes)]
    asked = [id for each in long for id in range(each - 2, each + 3) if id not in long]
    pages = [read(id - 1, 50) for id in asked]
    assert [page[0] for page in pages] == [every[id - 1] for id in asked]
    assert not any(event.id in long for page in pages for event in page)
    assert [read(id - 1, 50) for id in long] == [[every[id - 1]] for id in long]
    journal.close()


@pytest.mark.parametrize("keeps", [False, True])
def test_values_do_not_stay_in_memory(tmp_path: Path, keeps: bool) -> None:
    size, count = 100_000, 240

    class Large(Workflow, WorkflowStepMixin):
        name = "large"

        def run(self) -> int:
            held = []
            for number in range(count):
                step = self.submit(Step(f"s{number}", (work, f"{number}" + "x" * size)))
                futures.wait(step)
                if keeps:
                    held.append(step)
            return sum(len(step.value) for step in held)

    tracemalloc.start()
    try:
        result = Executor(Large, state=tmp_path, adopt=True).run()
        gc.collect()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result >= count * size * keeps
    assert (peak > count * size) == keeps, "what user code holds stays, and nothing else does"
