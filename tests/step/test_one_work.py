"""One name, one work: a step that is submitted twice with different work is told as a fault of the workflow."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import events as e
from simpleflow.steering.plan import plan
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, echo, fail_softly, note, noted
from tests.step.test_changes import Child
from tests.step.test_evaluated_afresh import Ordered, look

MARKER = "log.step.fault"


def faults(bench: Bench) -> list[dict[str, Any]]:
    attributes = [event.get("markerRecordedEventAttributes") or {} for event in bench.executor.history]
    return [json.loads(each["details"]) for each in attributes if each.get("markerName") == MARKER]


def twice(first: Any, second: Any, at_once: bool = False, **options: Any) -> Callable[[Any], Any]:
    def run(workflow: Any) -> Any:
        found = []
        for work in (first, second):
            found.append(workflow.submit(workflow.step("s", work, **options)))
            if not at_once:
                futures.wait(found[-1])
        return [each.ran for each in found]

    return run


OTHER: dict[str, tuple[Any, Any, str]] = {
    "argument": ((note, "a"), (note, "b"), "what 'a' -> 'b'"),
    "activity": ((note, "a"), (echo, "a"), "activities note -> echo"),
    "both": ((note, "a"), (echo, 1), "activities note -> echo"),
    "group": (Group((note, "a"), (note, "b")), Group((note, "a")), "note('b') -> nothing"),
    "chain": (Chain((note, "a"), (echo, 1)), Chain((note, "a"), (echo, 2)), "echo: args [1] -> [2]"),
    "function": (FuncGroup(lambda a: (note, a), "1"), FuncGroup(lambda a: (note, a), "2"), "a '1' -> '2'"),
    "child": ((Child, "mon"), (Child, "tue"), "day 'mon' -> 'tue'"),
}


@pytest.mark.parametrize("kind", OTHER)
@pytest.mark.parametrize("at_once", [False, True])
def test_other_work_is_reported(bench: Bench, caplog: pytest.LogCaptureFixture, kind: str, at_once: bool) -> None:
    first, second, difference = OTHER[kind]
    assert bench.run(twice(first, second, at_once)) == [True, at_once]
    [fault] = faults(bench)
    assert fault["step"] == "s"
    assert fault["text"].startswith("step 's' was submitted twice with different work, ")
    assert difference in fault["text"]
    assert [record.levelno for record in caplog.records if fault["text"] in record.getMessage()] == [logging.WARNING]
    assert bench.run(twice(first, second, at_once)) == [False, False]  # neither runs, and it is told again
    assert faults(bench) == [fault]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("kind", OTHER)
def test_the_same_work_is_no_fault(bench: Bench, kind: str, at_once: bool) -> None:
    work = OTHER[kind][0]
    bench.run(twice(work, work, at_once))
    bench.run(twice(work, work, at_once))
    assert faults(bench) == []


@pytest.mark.parametrize("mode", ["run", "ignore"])
def test_it_is_told_whatever_becomes_of_changed_steps(bench: Bench, mode: str) -> None:
    for ran in ([True, False], [False, mode == "run"]):
        assert bench.run(twice((note, "a"), (note, "b")), step_changes=mode) == ran
        assert len(faults(bench)) == 1


def test_a_forced_step_that_runs_twice_is_reported(bench: Bench) -> None:
    assert bench.run(twice((note, "a"), (note, "b"), force=True)) == [True, True]
    assert noted == ["a", "b"]
    assert len(faults(bench)) == 1


def test_a_step_that_failed_may_try_other_work(bench: Bench) -> None:
    assert bench.run(twice((fail_softly, "a"), (note, "b"))) == [True, True]
    assert faults(bench) == []

    def run(workflow: Any) -> Any:
        works = [(fail_softly, "a"), (note, "b"), (note, "c")]
        return [workflow.submit(workflow.step("t", work)).ran for work in works]

    assert bench.run(run) == [True, True, False]
    assert [each["text"].partition(": ")[0] for each in faults(bench)] == [
        "step 't' was submitted twice with different work, what 'b' -> 'c'"
    ]


def test_each_name_is_told_once(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        for what in "abcab":
            for name in "st":
                futures.wait(workflow.submit(workflow.step(name, (note, what))))

    bench.run(run)
    assert [each["step"] for each in faults(bench)] == ["s", "t"]


@pytest.mark.parametrize("afresh", [False, True])
def test_nothing_is_told_twice_when_run_is_evaluated_again(
    bench: Bench, afresh: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def run(workflow: Any) -> Any:
        first = workflow.submit(workflow.step("s", (note, "a")))
        second = workflow.submit(workflow.step("s", (note, "b")))
        futures.wait(first)
        look(workflow, afresh)
        third = workflow.submit(workflow.step("s", (note, "c")))
        return [first.ran, second.ran, third.ran]

    found = Ordered(bench.bucket, run)
    assert found.rest() == [True, True, False]
    recorded = [each.attributes for each in found.history.events if isinstance(each.attributes, e.MarkerRecorded)]
    assert [each.marker_name for each in recorded].count(MARKER) == 1
    assert len([record for record in caplog.records if "submitted twice" in record.getMessage()]) == 1


def test_members_of_a_group_that_share_a_name(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        steps = [workflow.step("s", (note, what)) for what in "ab"]
        futures.wait(workflow.submit(Group(*steps)))

    bench.run(run)
    assert len(faults(bench)) == 1
    assert len(noted) == 1


def test_a_plan_tells_it(bench: Bench) -> None:
    bucket = bench.bucket

    class Planned(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return bucket

        def run(self, known: bool) -> Any:
            made = self.submit(echo, 1).result
            works = [(note, "a"), (note, "b")] if known else [(note, "a"), (note, made)]
            for work in works:
                self.submit(self.step("s", work))

    for known, count in ((True, 1), (False, 0)):
        found = plan(Planned, input=[known], workflow_id="w", default_bucket=None).warnings
        assert len([each for each in found if each.startswith("step 's' was submitted twice")]) == count
