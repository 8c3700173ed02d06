"""The vocabulary of the engine contract: an engine seen through its protocols, and helpers that drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import (
    ActivitySource,
    ActivityTask,
    Client,
    DecisionSource,
    DecisionTask,
    RunReader,
    StartRequest,
)
from simpleflow.exceptions import SimpleflowError, UnknownResource


@dataclass(frozen=True)
class Subject:
    """An engine under test, without executions at first."""

    client: Client
    decisions: DecisionSource
    activities: ActivitySource
    reader: RunReader
    pass_time: Callable[[float], None]  # advances the engine's clock by these seconds; the engine then does what is due
    close: Callable[[], None]  # releases the engine after the test


_SHORT = {
    "DecisionTaskScheduled": "DTS",
    "DecisionTaskStarted": "DTSt",
    "DecisionTaskCompleted": "DTC",
    "ActivityTaskScheduled": "ATS",
    "ActivityTaskStarted": "ATSt",
    "ActivityTaskCompleted": "ATC",
}


def activity(id: str = "a", **options: Any) -> d.ScheduleActivityTask:
    """Return the decision to schedule an activity. Time-outs are seconds as text."""
    return d.ScheduleActivityTask(activity_id=id, activity_type=e.ActivityType("type", "1"), **options)


def child(id: str = "child", **options: Any) -> d.StartChildWorkflowExecution:
    """Return the decision to start a child workflow."""
    return d.StartChildWorkflowExecution(workflow_id=id, workflow_type=e.WorkflowType("type", "1"), **options)


def timer(id: str = "t", seconds: int = 5) -> d.StartTimer:
    """Return the decision to start a timer."""
    return d.StartTimer(timer_id=id, start_to_fire_timeout=str(seconds))


COMPLETE = d.CompleteWorkflowExecution(result='"done"')


class ContractBase:
    """Base of the contract: set-up and the helpers of its tests."""

    subject: Subject

    def make(self) -> Subject:
        """Return a new engine to test. Called for each test."""
        raise NotImplementedError

    def setup_method(self) -> None:
        self.subject = self.make()

    def teardown_method(self) -> None:
        self.subject.close()

    def start(self, workflow_id: str = "w", **options: Any) -> str:
        """Start an execution. Returns its run id."""
        request = StartRequest(workflow_id, "type", "1", '"input"', execution_timeout="10000", **options)
        return self.subject.client.start_workflow_execution(request)

    def poll(self, workflow_id: str | None = None) -> DecisionTask:
        """Poll for a decision task. It must be of that execution."""
        task = self.subject.decisions.poll_for_decision_task("decider")
        assert task is not None, "there is no decision task"
        assert workflow_id in (None, task.workflow_id)
        return task

    def answer(self, task: DecisionTask, *decisions: d.Decision) -> None:
        """Answer a decision task."""
        self.subject.decisions.respond_decision_task_completed(task.token, decisions)

    def decide(self, *decisions: d.Decision, workflow_id: str | None = None) -> None:
        """Poll for a decision task and answer it."""
        self.answer(self.poll(workflow_id), *decisions)

    def poll_activity(self, activity_id: str | None = None) -> ActivityTask:
        """Poll for an activity task. It must have that id."""
        task = self.subject.activities.poll_for_activity_task("worker")
        assert task is not None, "there is no activity task"
        assert activity_id in (None, task.activity_id)
        return task

    def complete_activity(self, result: str = '"result"') -> None:
        """Poll for an activity task and complete it."""
        self.subject.activities.respond_activity_task_completed(self.poll_activity().token, result)

    def events(self, workflow_id: str = "w", run_id: str | None = None) -> list[e.Event]:
        """Return the history of an execution."""
        return list(self.subject.reader.history(workflow_id, run_id))

    def orders(self, since: int = 5, workflow_id: str = "w", run_id: str | None = None) -> str:
        """Return the types of the events from the id ``since`` on, the common ones abbreviated."""
        events = self.events(workflow_id, run_id)
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        return " ".join(_SHORT.get(event.type, event.type) for event in events[since - 1 :])

    def last(self, kind: type[e.Attributes], workflow_id: str = "w", run_id: str | None = None) -> Any:
        """Return the attributes of the last event of that kind."""
        events = self.events(workflow_id, run_id)
        return next(event.attributes for event in reversed(events) if isinstance(event.attributes, kind))

    def status(self, workflow_id: str = "w", run_id: str | None = None) -> str:
        """Return the status of an execution."""
        return self.subject.reader.describe(workflow_id, run_id).status

    @contextmanager
    def refused(self, workflow_id: str = "w", error: type[SimpleflowError] = UnknownResource) -> Iterator[None]:
        """Assert that the code inside raises ``error`` and does not change the history."""
        before = self.events(workflow_id)
        try:
            yield
        except error:
            pass
        else:
            raise AssertionError(f"the call was accepted; expected {error.__name__}")
        assert self.events(workflow_id) == before
