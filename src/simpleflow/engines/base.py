"""The ports of an engine: start and steer executions, decide, run activities, read.

Names and semantics are those of Amazon SWF. Ports are synchronous; a poll returns None if there is no task.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simpleflow.core.decisions import Decision
from simpleflow.core.events import Event
from simpleflow.core.history import History
from simpleflow.exceptions import SwfError, UnknownResource
from simpleflow.named_tuple import NamedTuple


class StartRequest(NamedTuple):
    """The members of StartWorkflowExecution. Time-outs are seconds as text."""

    workflow_id: str
    name: str  # of the workflow type
    version: str  # of the workflow type
    input: str | None = None  # JSON text
    task_list: str = "default"  # of its decision tasks
    tag_list: tuple[str, ...] = ()
    task_priority: str | None = None  # an integer as text
    execution_timeout: str = "31536000"
    decision_task_timeout: str = "300"
    child_policy: str = "TERMINATE"
    lambda_role: str | None = None


class DecisionTask(NamedTuple):
    """A decision task that was handed out."""

    token: str
    workflow_id: str
    run_id: str
    name: str  # of the workflow type
    version: str  # of the workflow type
    started_event_id: int  # the DecisionTaskStarted of this task
    events: Sequence[Event]  # the whole history, up to that event at least
    history: History | None = None
    """The same history, folded up to that event, if the engine is in this process. The engine folds the next events
    into it only after the task was answered."""


class TaskUnreadable(SwfError):
    """The history of a decision task that was handed out cannot be read. The task is left to its time-out.

    That concerns its execution alone: the next poll may be made at once.
    """


class ActivityTask(NamedTuple):
    """An activity task that was handed out."""

    token: str
    workflow_id: str
    run_id: str
    activity_id: str
    name: str  # of the activity type
    version: str  # of the activity type
    input: str | None  # JSON text
    task_list: str
    heartbeat_timeout: float | None  # seconds; None: no time-out, or it is not known
    tag_list: tuple[str, ...] = ()  # of the execution
    tries: int = 1  # tasks of this activity id up to this one
    priority: str | None = None  # an integer as text, if it is known
    started_event_id: int | None = None  # its ActivityTaskStarted, on a service that does not tell the tries


class RunDescription(NamedTuple):
    """An execution as lists show it."""

    workflow_id: str
    run_id: str
    name: str  # of the workflow type
    version: str  # of the workflow type
    status: str  # open, completed, failed, canceled, timed_out, terminated or continued_as_new
    started: float  # epoch seconds
    closed: float | None  # epoch seconds; None while it is open
    alive: bool  # a living process drives it
    context: str | None = None  # its latest execution context, as far as the service tells it here


class RunFilter(NamedTuple):
    """Which executions a list shows: those that fulfil all that is given. None: every one."""

    workflow_id: str | None = None
    id_prefix: str | None = None  # of the workflow id
    run_prefix: str | None = None  # of the run id
    name: str | None = None  # of the workflow type
    version: str | None = None  # of the workflow type
    statuses: frozenset[str] | None = None  # see ``RunDescription.status``
    oldest: float = 0.0  # started then or later, in epoch seconds
    newest: float | None = None  # started before then
    tag: str | None = None  # one of its tags

    def accepts(self, run: RunDescription) -> bool:
        """True if an execution fulfils everything but the tag, which its description does not have."""
        return (
            self.workflow_id in (None, run.workflow_id)
            and run.workflow_id.startswith(self.id_prefix or "")
            and run.run_id.startswith(self.run_prefix or "")
            and self.name in (None, run.name)
            and self.version in (None, run.version)
            and (self.statuses is None or run.status in self.statuses)
            and run.started >= self.oldest
            and (self.newest is None or run.started < self.newest)
        )


EVERY_RUN = RunFilter()
OPEN_RUNS = frozenset({"open"})
"""The statuses of an open execution."""


class Client(Protocol):
    """Starts and steers executions.

    ``run_id`` None means the open execution of that workflow id. Raises UnknownResource if there is no such execution.
    """

    def start_workflow_execution(self, request: StartRequest) -> str:
        """Start an execution; returns its run id. Raises RunBusy if the workflow id has an open one."""

    def signal_workflow_execution(
        self, workflow_id: str, signal_name: str, input: str | None = None, run_id: str | None = None
    ) -> None:
        """Send a signal to an execution.

        Args:
            workflow_id, run_id: the execution.
            signal_name: text of 1 to 256 characters.
            input: JSON text; None for none.
        """

    def request_cancel_workflow_execution(self, workflow_id: str, run_id: str | None = None) -> None:
        """Request the execution's decider to cancel it."""

    def terminate_workflow_execution(
        self,
        workflow_id: str,
        run_id: str | None = None,
        reason: str | None = None,
        details: str | None = None,
    ) -> None:
        """End an execution at once; its decider is not asked.

        Args:
            workflow_id, run_id: the execution.
            reason: one line for its history.
            details: more text for its history.
        """


class DecisionSource(Protocol):
    """Hands out decision tasks. A token that is no longer good raises UnknownResource, and changes nothing."""

    def poll_for_decision_task(self, identity: str | None = None) -> DecisionTask | None:
        """The next decision task, or None."""

    def respond_decision_task_completed(
        self, token: str, decisions: Sequence[Decision], execution_context: str | None = None
    ) -> None:
        """Answer a decision task. All effects of the answer are kept, or none.

        Args:
            token: of the task.
            decisions: in the order in which they take effect.
            execution_context: a text that the execution's description shows from now on; None: as before.
        """


class ActivitySource(Protocol):
    """Hands out activity tasks. A token that is no longer good raises UnknownResource, and changes nothing."""

    def poll_for_activity_task(self, identity: str | None = None) -> ActivityTask | None:
        """The next activity task, by priority, then by age; or None."""

    def respond_activity_task_completed(self, token: str, result: str | None = None) -> None:
        """Report that the activity completed; ``result`` is JSON text."""

    def respond_activity_task_failed(self, token: str, reason: str | None = None, details: str | None = None) -> None:
        """Report that the activity failed: ``reason`` is one line, ``details`` JSON text, see ``TaskFailed``."""

    def respond_activity_task_canceled(self, token: str, details: str | None = None) -> None:
        """Report that the activity was cancelled."""

    def record_activity_task_heartbeat(self, token: str, details: str | None = None) -> bool:
        """Report that the activity goes on; returns True if its cancellation was requested."""


class RunReader(Protocol):
    """Reads executions, open and closed. Raises UnknownResource if there is no such execution."""

    def describe(self, workflow_id: str, run_id: str | None = None) -> RunDescription:
        """The execution; without ``run_id`` the latest one of that workflow id."""

    def history(
        self, workflow_id: str, run_id: str | None = None, after: int = 0, limit: int | None = None
    ) -> Sequence[Event]:
        """The events of the execution after the one with the id ``after``, in their order.

        ``limit``: at most so many; None for all. Without ``run_id``, the latest execution of that workflow id.
        """

    def last_events(self, workflow_id: str, run_id: str | None = None, limit: int = 1) -> Sequence[Event]:
        """The last events of the execution, at most ``limit`` of them, in their order."""

    def event(self, workflow_id: str, run_id: str | None, id: int) -> Event:
        """One event of the execution. Raises UnknownResource if there is none with that id."""
        found = self.history(workflow_id, run_id, id - 1, 1) if id > 0 else ()
        if not found:
            raise UnknownResource(f"the run of workflow {workflow_id!r} has no event {id}")
        return found[0]

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription]:
        """The executions that the filter accepts, the latest first.

        Args:
            wanted: the filter.
            before: run id of an execution: only those that come after it in the list. So a list is read in pages.
            limit: at most so many.
        """
