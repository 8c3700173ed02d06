"""The ports of an engine: who starts and steers executions, who decides, who works, who reads.

The names and the semantics are Amazon SWF's. Ports are synchronous; polls return None when there is nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from simpleflow.core.decisions import Decision
from simpleflow.core.events import Event
from simpleflow.core.history import History


class StartRequest(NamedTuple):
    """What StartWorkflowExecution takes. Time-outs are seconds as text."""

    workflow_id: str
    name: str
    version: str
    input: str | None = None
    task_list: str = "default"
    tag_list: tuple[str, ...] = ()
    task_priority: str | None = None
    execution_timeout: str = "31536000"
    decision_task_timeout: str = "300"
    child_policy: str = "TERMINATE"
    lambda_role: str | None = None


class DecisionTask(NamedTuple):
    """A decision to be taken. ``events`` is the whole history, up to the DecisionTaskStarted of this task at least.

    ``history``: the same, folded up to there, where the engine is in this process and folds on only after the answer.
    """

    token: str
    workflow_id: str
    run_id: str
    name: str
    version: str
    started_event_id: int
    events: Sequence[Event]
    history: History | None = None


class ActivityTask(NamedTuple):
    """An activity to be done."""

    token: str
    workflow_id: str
    run_id: str
    activity_id: str
    name: str
    version: str
    input: str | None
    task_list: str
    heartbeat_timeout: float | None
    tag_list: tuple[str, ...] = ()


class RunDescription(NamedTuple):
    """An execution as lists show it. ``status`` is open, completed, failed, canceled, timed_out, terminated or
    continued_as_new; times are epoch seconds; ``alive``: a living process drives it."""

    workflow_id: str
    run_id: str
    name: str
    version: str
    status: str
    started: float
    closed: float | None
    alive: bool


class Client(Protocol):
    """Starts and steers executions.

    ``run_id`` None means the open execution of that workflow id. Raises UnknownResource if there is none.
    """

    def start_workflow_execution(self, request: StartRequest) -> str:
        """Start; returns the run id. Raises RunBusy if the workflow id has an open execution."""

    def signal_workflow_execution(
        self, workflow_id: str, signal_name: str, input: str | None = None, run_id: str | None = None
    ) -> None:
        """Send a signal; ``input`` is JSON text."""

    def request_cancel_workflow_execution(self, workflow_id: str, run_id: str | None = None) -> None:
        """Ask the execution's decider to cancel it."""

    def terminate_workflow_execution(
        self,
        workflow_id: str,
        run_id: str | None = None,
        reason: str | None = None,
        details: str | None = None,
    ) -> None:
        """End the execution at once."""


class DecisionSource(Protocol):
    """Hands out decision tasks. Raises UnknownResource for a token that is no longer good; nothing changes then."""

    def poll_for_decision_task(self, identity: str | None = None) -> DecisionTask | None:
        """The next decision task, or None."""

    def respond_decision_task_completed(
        self, token: str, decisions: Sequence[Decision], execution_context: str | None = None
    ) -> None:
        """Answer; all effects are kept, or none."""


class ActivitySource(Protocol):
    """Hands out activity tasks. Raises UnknownResource for a token that is no longer good; nothing changes then."""

    def poll_for_activity_task(self, identity: str | None = None) -> ActivityTask | None:
        """The next activity task, by priority, then by age; or None."""

    def respond_activity_task_completed(self, token: str, result: str | None = None) -> None:
        """It is done; ``result`` is JSON text."""

    def respond_activity_task_failed(self, token: str, reason: str | None = None, details: str | None = None) -> None:
        """It failed."""

    def respond_activity_task_canceled(self, token: str, details: str | None = None) -> None:
        """It was cancelled."""

    def record_activity_task_heartbeat(self, token: str, details: str | None = None) -> bool:
        """It is still being worked on; returns whether it is to be cancelled."""


class RunReader(Protocol):
    """Reads executions, open and closed."""

    def describe(self, workflow_id: str, run_id: str | None = None) -> RunDescription:
        """The execution; without ``run_id`` the latest one of that workflow id."""

    def history(self, workflow_id: str, run_id: str | None = None) -> Sequence[Event]:
        """Its events."""

    def list_runs(self) -> list[RunDescription]:
        """All executions, the latest first."""
