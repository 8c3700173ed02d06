"""Steps do the same whether ``run`` goes on or is evaluated afresh; ``Ordered`` chooses which activity ends next."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.core import events as e
from simpleflow.engines.base import ActivityTask, StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.step import claims
from simpleflow.step.projection import changes_of
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import Outcome, perform
from simpleflow.worker.inline import respond
from tests.step.bench import Bench, change_marks, echo, fail_softly, note, noted

PATH = "w/steps"
CLAIMS = ".claims/w/steps"
OTHER = claims.Owner("other", "another run")


class Ordered:
    """A run whose activities end in the order that the test says."""

    def __init__(self, bucket: str, run: Callable[[Any], Any], own: bool = False, **attributes: Any) -> None:
        """``own``: the bucket is the engine's own, which writes the marks with the markers."""
        body = {"name": "ordered", "run": lambda self: run(self), "get_step_bucket": lambda self: bucket}
        kind = type("UnderTest", (Workflow, WorkflowStepMixin), body | attributes)
        self.engine = MemoryEngine()
        if own:
            self.engine = MemoryEngine(project=changes_of, change_marks=lambda changes: change_marks(bucket, changes))
        self.deciders = DecisionWorker(self.engine, {"ordered": kind}, default_bucket=bucket if own else None)
        run_id = self.engine.start_workflow_execution(
            StartRequest("w", "ordered", "1", input='{"args":[],"kwargs":{}}')
        )
        self.run_id = run_id
        self.history = self.engine.runs[run_id].history
        self.open: list[ActivityTask] = []
        noted.clear()
        self.go_on()

    def go_on(self) -> None:
        """Let timers fire and decisions be taken until only activities are open."""
        self.engine.expire()
        while (decision := self.engine.poll_for_decision_task()) is not None:
            self.deciders.decide(decision)
        self.engine.flush()
        while (task := self.engine.poll_for_activity_task()) is not None:
            self.open.append(task)

    def take(self, activity: str, argument: Any = None) -> ActivityTask:
        """The open task of that activity with that argument; to be answered by ``answer``."""
        for task in self.open:
            args = json.loads(task.input or "")["args"]
            if task.name.endswith(activity) and (argument is None or argument in args):
                self.open.remove(task)
                return task
        raise AssertionError(f"{activity} {argument} is not open: {self.open}")

    def perform(self, task: ActivityTask) -> Outcome:
        return perform(task, self.deciders.activities)

    def answer(self, task: ActivityTask, outcome: Outcome) -> None:
        respond(self.engine, task.token, outcome)
        self.go_on()

    def end(self, activity: str, argument: Any = None) -> None:
        """Do the task, and report it."""
        task = self.take(activity, argument)
        self.answer(task, self.perform(task))

    def rest(self) -> Any:
        """Do all that is left, in order; the result of the run."""
        until = time.monotonic() + 30
        while self.history.open:
            assert time.monotonic() < until
            if self.open:
                task = self.open.pop(0)
                self.answer(task, self.perform(task))
            else:
                time.sleep(0.01)
                self.go_on()
        last = self.history.events[-1].attributes
        assert isinstance(last, e.WorkflowExecutionCompleted), last
        return json.loads(last.result or "null")

    def log(self) -> list[str]:
        """The step markers, a word each: ``name status``."""
        found = [each.attributes for each in self.history.events if isinstance(each.attributes, e.MarkerRecorded)]
        return [f"{details['step']} {details['status']}" for details in (json.loads(m.details or "") for m in found)]

    def activities(self) -> list[str]:
        found = [
            each.attributes for each in self.history.events if isinstance(each.attributes, e.ActivityTaskScheduled)
        ]
        return [each.activity_type.name.rpartition(".")[2] for each in found]


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")


def look(workflow: Any, afresh: bool) -> None:
    """Something after which ``run`` is evaluated afresh, or not."""
    future = workflow.submit(echo, "look")
    if afresh:
        future.finished
    future.result


@pytest.mark.parametrize("afresh", [False, True])
def test_a_step_whose_mark_could_not_be_read_stays_failed(bench: Bench, afresh: bool) -> None:
    bench.mark("a")

    def run(workflow: Any) -> Any:
        other = (note, "instead")
        step = workflow.submit(workflow.step("a", (note, "a"), activities_if_step_already_done=other, fingerprint=1))
        futures.wait(step)
        look(workflow, afresh)
        return step.failed

    found = Ordered(bench.bucket, run, get_step_activity_params=lambda self: {"raises_on_failure": False, "retry": 0})
    found.end("GetStepsDoneTask")
    found.answer(found.take("ReadStepsTask"), Outcome(reason="StoreError: down", details='{"lasting":true}'))
    assert found.rest() is True
    assert found.log() == ["a failed"]
    assert noted == []


@pytest.mark.parametrize("afresh", [False, True])
@pytest.mark.usefixtures("claimed")
def test_a_claim_that_was_revoked_is_not_given_up_again(bench: Bench, afresh: bool) -> None:
    def run(workflow: Any) -> Any:
        futures.wait(workflow.submit(workflow.step("a", (note, "a"))))
        look(workflow, afresh)

    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    found.end("ClaimStepTask")
    found.end("note")
    claims.revoke(open_store(bench.bucket), PATH, lambda name: name == "a", OTHER)
    found.rest()
    assert "ReleaseStepTask" not in found.activities()


@pytest.mark.parametrize("afresh", [False, True])
@pytest.mark.usefixtures("claimed")
def test_waiting_twice_for_the_same_run_is_said_twice(bench: Bench, afresh: bool) -> None:
    store = open_store(bench.bucket)

    def run(workflow: Any) -> Any:
        workflow.submit(workflow.step("a", (fail_softly, "a"))).result
        look(workflow, afresh)
        workflow.submit(workflow.step("a", (note, "a"))).result

    def wait(found: Ordered) -> None:
        assert claims.claim(store, PATH, "a", OTHER, 100, False) is None
        found.end("ClaimStepTask")
        claims.release(store, PATH, ["a"], OTHER)

    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    wait(found)
    until = time.monotonic() + 30
    while not found.open:
        assert time.monotonic() < until
        time.sleep(0.01)
        found.go_on()
    for activity in ("ClaimStepTask", "fail_softly", "ReleaseStepTask", "echo"):
        found.end(activity)
    wait(found)
    found.rest()
    assert found.log().count("a waiting") == 2


def test_a_run_that_has_read_the_markers_is_evaluated_afresh_when_there_are_others(bench: Bench) -> None:
    looks: list[int] = []

    def run(self: Any) -> Any:
        step = self.submit(self.step("a", (note, "a")))
        looks.append(len(self.list_markers(all=True)))
        return [self.submit(echo, "b").result, step.value]

    assert bench.run(run) == [["b"], "did a"]
    assert looks[0] == 0
    assert looks[-1] > 0


def test_a_run_that_reads_its_own_markers_goes_on(bench: Bench) -> None:
    looks: list[int] = []

    def run(self: Any) -> Any:
        for number in range(5):
            self.submit(self.record_marker("m", number))
            looks.append(len(self.list_markers(all=True)))
            self.submit(echo, number).result
        return len(looks)

    assert bench.run(run) == 5
    assert looks == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_an_origin_counts_also_where_its_dependent_comes_first_now(bench: Bench, after: bool, fails: bool) -> None:
    """The second evaluation waits for the dependent, and comes to the origin only then."""

    def run(workflow: Any) -> Any:
        looked = workflow.submit(echo, "look")

        def origin() -> Any:
            work = (fail_softly if fails else note, "origin")
            return workflow.submit(
                workflow.step("origin", work, force=True, force_steps_if_executed=None if after else ["dep"])
            )

        def dependent() -> Any:
            return workflow.submit(workflow.step("dep", (note, "dep"), after=["origin"] if after else None))

        if looked.finished:
            found = dependent()
            futures.wait(found)
            futures.wait(origin())
        else:
            futures.wait(origin())
            futures.wait(looked)
            found = dependent()
        return [found.ran, found.forced, found.reasons]

    bench.mark("dep", "origin")
    ordered = Ordered(bench.bucket, run)
    ordered.end("GetStepsDoneTask")
    while any(not task.name.endswith("echo") for task in ordered.open):
        ordered.end(next(task.name for task in ordered.open if not task.name.endswith("echo")))
    ordered.end("echo")
    assert ordered.rest() == [not fails, True, ["Dep of origin"]]
    assert noted == ["origin", *([] if fails else ["dep"])]
    # A mark tells the origins that its step says it comes after, so it may stay: the next run finds it stale.
    assert bench.done == ((["dep"] if after else []) if fails else ["dep", "origin"])


@pytest.mark.parametrize("afresh", [False, True])
def test_a_step_that_is_skipped_at_once_and_then_forced_runs_once(bench: Bench, afresh: bool) -> None:
    bench.mark("first", "again")

    def run(workflow: Any) -> Any:
        futures.wait(workflow.submit(workflow.step("first", (note, "first"))))
        submitted = [workflow.submit(workflow.step("again", (note, "again"), force=each)) for each in (False, True)]
        look(workflow, afresh)
        look(workflow, afresh)
        futures.wait(*submitted)
        return [each.ran for each in submitted]

    found = Ordered(bench.bucket, run)
    assert found.rest() == [False, True]
    assert noted == ["again"]
    assert [found.activities().count(each) for each in ("note", "UnmarkStepsDoneTask")] == [1, 1]


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("work", [note, fail_softly])
@pytest.mark.parametrize("afresh", [False, True])
def test_a_submission_joins_a_run_that_ends_while_run_is_evaluated_afresh(
    bench: Bench, afresh: bool, work: Any, others: bool
) -> None:
    def run(workflow: Any) -> Any:
        first, second = (workflow.submit(workflow.step("a", (work, "a"), force=True)) for _ in range(2))
        if others:
            workflow.submit(echo, "later").result
            workflow.submit(workflow.step("b", (echo, "b")))  # its verdict is recorded, and not reached at first
        look(workflow, afresh)
        futures.wait(first, second)
        return [first.failed, second.failed]

    found = Ordered(bench.bucket, run, own=True)
    found.end("GetStepsDoneTask")
    if others:
        found.end("echo", "later")
    task = found.take("note" if work is note else "fail_softly")
    respond(found.engine, task.token, found.perform(task))
    found.end("echo", "look")
    assert found.rest() == [work is fail_softly] * 2
    assert noted == ["a"]
