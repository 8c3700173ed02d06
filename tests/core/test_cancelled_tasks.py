"""Tasks that user code has cancelled stay cancelled when the workflow is evaluated anew, however they ended."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.canvas import Group
from simpleflow.core.decider.decide import Decider, decide
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.tolerant_history import TolerantHistory
from tests.core.activities import strict
from tests.core.harness import Simulation


class Listening(Workflow):
    name = "cancelled listening"

    def run(self) -> Any:
        return self.submit(self.wait_signal("never")).result


class Cancelling(Workflow):
    """What it has seen of the signal ``news`` changes when that comes, so it is evaluated anew."""

    name = "cancelling"
    kind = "activity"

    def run(self) -> Any:
        kinds = {"activity": (strict, 1), "child": (Listening,), "group": (Group((strict, 1), (strict, 2)),)}
        future = self.submit(*kinds[self.kind])
        self.submit(self.wait_signal("go")).wait()
        future.cancel()
        seen = self.get_event_details("signal", "news")
        self.submit(self.start_timer("pause", 100)).wait()
        return [future.state, seen is not None]


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("activity", "canceled"),
        ("activity", "failed"),
        ("activity", "completed"),
        ("group", "canceled"),
        ("child", "canceled"),
    ],
)
def test_a_cancelled_task_does_not_fail_the_next_evaluation(
    kind: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cancelling, "kind", kind)
    run = Simulation(Cancelling)
    run.settle()
    run.signal("go")
    run.settle()
    for task in run.tasks:
        if end == "canceled":
            run.engine.respond_activity_task_canceled(task.token, None)
        elif end == "failed":
            run.engine.respond_activity_task_failed(task.token, "no", None)
        else:
            run.engine.respond_activity_task_completed(task.token, "1")
    run.settle()
    run.signal("news")
    run.settle()
    run.wait()
    run.settle()
    assert run.result == ["CANCELLED", True]
    assert sum(each.endswith("Scheduled") and "Activity" in each for each in run.types()) == len(run.history.activities)


def test_a_cancelled_task_of_a_history_without_the_decision_that_cancelled_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluation then meets the end of the task first, and its cancellation after it."""
    monkeypatch.setattr(Cancelling, "kind", "child")
    run = Simulation(Cancelling)
    run.settle()
    run.signal("go")
    run.settle()
    run.wait()
    run.settle()
    assert run.result == ["CANCELLED", False]
    started = [event for event in run.events if event.type == "DecisionTaskStarted"]
    events = run.events[: started[-1].id]
    cancelled = next(event for event in events if event.type.startswith("RequestCancelExternal"))
    gap = next(event for event in reversed(started) if event.id < cancelled.id)
    execution = Execution("w", "run")
    decider = Decider(Cancelling, execution, history=TolerantHistory())
    decider.advance(event for event in events if event is not gap)
    assert decider.answer().decisions == decide(Cancelling, events, execution)
    decider.discard()
