"""What the engine contract is written with: an engine seen through its ports, and the moves that tests make."""

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
    """An engine under test, without executions.

    ``pass_time`` lets so many seconds go by, and the engine do what is due; ``close`` lets go of it.
    """

    client: Client
    decisions: DecisionSource
    activities: ActivitySource
    reader: RunReader
    pass_time: Callable[[float], None]
    close: Callable[[], None]


_SHORT = {
    "DecisionTaskScheduled": "DTS",
    "DecisionTaskStarted": "DTSt",
    "DecisionTaskCompleted": "DTC",
    "ActivityTaskScheduled": "ATS",
    "ActivityTaskStarted": "ATSt",
    "ActivityTaskCompleted": "ATC",
}


def activity(id: str = "a", **options: Any) -> d.ScheduleActivityTask:
    """The decision to schedule an activity; time-outs are seconds as text."""
    return d.ScheduleActivityTask(activity_id=id, activity_type=e.ActivityType("type", "1"), **options)


def child(id: str = "child", **options: Any) -> d.StartChildWorkflowExecution:
    """The decision to start a child workflow."""
    return d.StartChildWorkflowExecution(workflow_id=id, workflow_type=e.WorkflowType("type", "1"), **options)


def timer(id: str = "t", seconds: int = 5) -> d.StartTimer:
    """The decision to start a timer."""
    return d.StartTimer(timer_id=id, start_to_fire_timeout=str(seconds))


COMPLETE = d.CompleteWorkflowExecution(result='"done"')


class ContractBase:
    """What the tests are written with."""

    subject: Subject

    def make(self) -> Subject:
        """The engine to test, anew for each test."""
        raise NotImplementedError

    def setup_method(self) -> None:
        self.subject = self.make()

    def teardown_method(self) -> None:
        self.subject.close()

    def start(self, workflow_id: str = "w", **options: Any) -> str:
        """Start an execution; returns its run id."""
        request = StartRequest(workflow_id, "type", "1", '"input"', execution_timeout="10000", **options)
        return self.subject.client.start_workflow_execution(request)

    def poll(self, workflow_id: str | None = None) -> DecisionTask:
        """Take the next decision task; it must be of that execution."""
        task = self.subject.decisions.poll_for_decision_task("decider")
        assert task is not None, "there is no decision task"
        assert workflow_id in (None, task.workflow_id)
        return task

    def answer(self, task: DecisionTask, *decisions: d.Decision) -> None:
        """Answer a decision task."""
        self.subject.decisions.respond_decision_task_completed(task.token, decisions)

    def decide(self, *decisions: d.Decision, workflow_id: str | None = None) -> None:
        """Take the next decision task and answer it."""
        self.answer(self.poll(workflow_id), *decisions)

    def take(self, activity_id: str | None = None) -> ActivityTask:
        """Take the next activity task; it must be that one."""
        task = self.subject.activities.poll_for_activity_task("worker")
        assert task is not None, "there is no activity task"
        assert activity_id in (None, task.activity_id)
        return task

    def do(self, result: str = '"result"') -> None:
        """Take the next activity task and complete it."""
        self.subject.activities.respond_activity_task_completed(self.take().token, result)

    def events(self, workflow_id: str = "w", run_id: str | None = None) -> list[e.Event]:
        """The history."""
        return list(self.subject.reader.history(workflow_id, run_id))

    def orders(self, since: int = 5, workflow_id: str = "w", run_id: str | None = None) -> str:
        """The types of the events from that one on, in short."""
        events = self.events(workflow_id, run_id)
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        return " ".join(_SHORT.get(event.type, event.type) for event in events[since - 1 :])

    def last(self, kind: type[e.Attributes], workflow_id: str = "w", run_id: str | None = None) -> Any:
        """The attributes of the last event of that kind."""
        events = self.events(workflow_id, run_id)
        return next(event.attributes for event in reversed(events) if isinstance(event.attributes, kind))

    def status(self, workflow_id: str = "w", run_id: str | None = None) -> str:
        """How the execution stands."""
        return self.subject.reader.describe(workflow_id, run_id).status

    @contextmanager
    def refused(self, workflow_id: str = "w", error: type[SimpleflowError] = UnknownResource) -> Iterator[None]:
        """What is done inside must raise, and change nothing."""
        before = self.events(workflow_id)
        try:
            yield
        except error:
            pass
        else:
            raise AssertionError(f"it was taken; expected {error.__name__}")
        assert self.events(workflow_id) == before
