"""The public history builder writes the events that an engine would write."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.core import decisions as d
from simpleflow.core.decider.decide import decide
from simpleflow.core.decider.evaluation import Execution
from simpleflow.exceptions import SimpleflowError
from simpleflow.testing import subject
from simpleflow.testing.history import HistoryBuilder


@activity.with_attributes(name="builder.double")
def double(number: int) -> int:
    return 2 * number


class Doubles(Workflow):
    name = "builder.doubles"

    def run(self, number: int) -> Any:
        return self.submit(double, self.submit(double, number)).result


def test_decides_a_workflow_over_a_built_history() -> None:
    history = HistoryBuilder("builder.doubles", input={"args": [1], "kwargs": {}})
    execution = Execution("w", "run", None, None)
    for expected in (2, 4):
        (scheduled,) = decide(Doubles, history.to_decide(), execution)
        assert isinstance(scheduled, d.ScheduleActivityTask)
        history.decide(scheduled).complete(scheduled.activity_id, expected)
    assert decide(Doubles, history.to_decide(), execution) == [d.CompleteWorkflowExecution(result="4")]


def test_events_stand_in_the_order_in_which_they_were_added() -> None:
    history = HistoryBuilder("any").decide(subject.activity("a"), subject.activity("b"), subject.timer("t"))
    history.start_activity("b").signal("s", 1).fail("a").fire("t").cancel().complete("b")
    assert [event.type for event in history.events][7:] == [
        "ActivityTaskStarted",
        "WorkflowExecutionSignaled",
        "DecisionTaskScheduled",
        "ActivityTaskStarted",
        "ActivityTaskFailed",
        "TimerFired",
        "WorkflowExecutionCancelRequested",
        "ActivityTaskCompleted",
    ]
    before = history.events
    with pytest.raises(SimpleflowError):
        history.complete("b")
    assert history.events == before
