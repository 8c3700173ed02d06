"""Other runs change the marks while a run goes on; claims when runs end or resume."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow import activity, futures
from simpleflow.canvas import Group
from simpleflow.step import claim_recovery as held
from simpleflow.step import claims, tasks
from simpleflow.stores import open_store
from tests.step.bench import Bench, echo, fail_hard, fail_softly, note
from tests.step.test_evaluated_afresh import CLAIMS, OTHER, PATH, Ordered

pytestmark = pytest.mark.usefixtures("claims_on")


@pytest.fixture
def claims_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")


@activity.with_attributes()
def another_run(bucket: str, marks: dict[str, Any], removes: list[str]) -> None:
    """Change the marks as another run would."""
    store = open_store(bucket)
    for name, content in marks.items():
        store.put(PATH, name, json.dumps(content).encode())
    store.delete(PATH, removes)


def test_a_step_that_is_forced_while_it_is_claimed_runs(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        a = workflow.submit(workflow.step("a", (note, "a")))
        origin = workflow.submit(workflow.step("origin", (note, "origin"), force_steps_if_executed=["a"]))
        futures.wait(a, origin)
        return [a.ran, a.reasons]

    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    bench.mark("a")  # by another run
    task = found.take("ClaimStepTask", "a")
    answer = found.perform(task)
    found.end("ClaimStepTask", "origin")
    found.answer(task, answer)
    assert found.rest() == [True, ["Dep of origin"]]
    assert bench.done == ["a", "origin"]


def test_a_step_that_another_run_made_stale_by_running_an_origin_is_not_skipped(bench: Bench) -> None:
    bench.mark("a")

    def run(workflow: Any) -> Any:
        workflow.submit(workflow.step("x", (another_run, bench.bucket, {"origin": {}}, ["a"]))).result
        origin = workflow.submit(workflow.step("origin", (note, "origin"), force_steps_if_executed=["a"]))
        a = workflow.submit(workflow.step("a", (note, "a")))
        return [origin.ran, a.ran]

    assert bench.run(run) == [False, True]
    assert bench.done == ["a", "origin", "x"]


def test_a_step_that_another_run_has_run_with_the_same_changed_inputs_is_skipped(bench: Bench) -> None:
    open_store(bench.bucket).put(PATH, "a", b'{"fingerprint":"1"}')
    assert claims.claim(open_store(bench.bucket), PATH, "a", OTHER, 100, False) is None

    def run(workflow: Any) -> Any:
        return workflow.submit(workflow.step("a", (note, "a"), fingerprint=2)).ran

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "ReadStepsTask", "ClaimStepTask"):
        found.end(each)
    open_store(bench.bucket).put(PATH, "a", b'{"fingerprint":"2"}')
    claims.release(open_store(bench.bucket), PATH, ["a"], OTHER)
    assert found.rest() is False


def test_the_next_claim_on_a_step_comes_after_the_last_one_was_given_up(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        workflow.submit(workflow.step("a", (fail_softly, "a"))).result
        return workflow.submit(workflow.step("a", (note, "a"))).ran

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "ClaimStepTask", "fail_softly"):
        found.end(each)
    while any(task.name.endswith("ClaimStepTask") for task in found.open):
        found.end("ClaimStepTask")  # the first of two workers
    while any(task.name.endswith("ReleaseStepTask") for task in found.open):
        found.end("ReleaseStepTask")  # the other one
    assert found.rest() is True
    assert bench.done == ["a"]


def test_marking_a_step_may_be_done_again() -> None:
    bucket, owner = "memory://marking-again", ("w", "r")
    assert claims.claim(open_store(bucket), PATH, "a", claims.Owner(*owner), 100, False) is None
    found = []
    for _ in range(2):
        task = tasks.MarkStepDoneTask(bucket, PATH, "a", {}, owner)
        task.context = {"workflow_id": "w", "run_id": "r"}
        found.append(task.execute())
    assert found == [None, None]


def test_a_step_that_was_cancelled_before_it_began_holds_nothing(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("a", (note, "a")))
        workflow.submit(echo, 1).result
        step.cancel()
        workflow.submit(echo, 2).result
        workflow.submit(echo, 3).result

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "echo", "ClaimStepTask", "echo"):
        found.end(each)
    while any(task.name.endswith("ReleaseStepTask") for task in found.open):
        found.end("ReleaseStepTask")
    assert found.history.open
    assert open_store(bench.bucket).names(CLAIMS) == []


def test_a_claim_whose_answer_was_under_way_as_the_run_failed_is_given_up(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        workflow.submit(Group(workflow.step("a", (fail_hard, "a")), workflow.step("b", (note, "b")))).result

    found = Ordered(bench.bucket, run)
    found.end("GetStepsDoneTask")
    task = found.take("ClaimStepTask", "b")
    found.end("ClaimStepTask", "a")
    found.perform(task)
    found.end("fail_hard")
    assert not found.history.open
    held.release(found.engine.runs.values())
    assert open_store(bench.bucket).names(CLAIMS) == []


def test_the_setting_may_change_before_a_run_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "0")
    bench.mark("a")

    def run(workflow: Any) -> Any:
        origin = workflow.submit(workflow.step("origin", (note, "origin"), force_steps_if_executed=["a"]))
        a = workflow.submit(workflow.step("a", (note, "a")))
        return [origin.ran, a.ran]

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "UnmarkStepsDoneTask", "note"):
        found.end(each)
    marking = found.take("MarkStepDoneTask")
    found.deciders.forget(found.run_id)  # another process goes on
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "1")
    found.answer(marking, found.perform(marking))
    assert found.rest() == [True, True]


def test_the_setting_may_be_taken_back_before_a_run_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(workflow: Any) -> Any:
        return workflow.submit(workflow.step("a", (note, "a"))).ran

    found = Ordered(bench.bucket, run)
    for each in ("GetStepsDoneTask", "ClaimStepTask"):
        found.end(each)
    found.deciders.forget(found.run_id)
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", "0")
    assert found.rest() is True
    held.release(found.engine.runs.values())
    assert open_store(bench.bucket).names(CLAIMS) == []
