"""Workflow: the class that users derive from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from simpleflow.base import AbstractWorkflow, Executor
from simpleflow.futures import Future
from simpleflow.marker import Marker
from simpleflow.signal import WaitForSignal
from simpleflow.task import (
    CancelTimerTask,
    ContinueAsNewWorkflowTask,
    MarkerTask,
    SignalTask,
    TaskFailureContext,
    TimerTask,
)

registry: dict[str, type[Workflow]] = {}
"""The workflow classes of this process by type name; of several with one name, the one defined last."""


class Workflow(AbstractWorkflow):
    """A workflow: ``run`` submits activities and reads their futures.

    ``run`` may be evaluated from its first line again at any time, over what its history holds by then; so it must be
    deterministic, and what it does outside of activities is done more than once.
    """

    INHERIT_TAG_LIST: ClassVar[Any] = type("InheritTagList", (), {"__repr__": lambda self: "INHERIT_TAG_LIST"})()
    """As ``tag_list``: the tags of the parent."""

    name: str | None = None
    version: str | None = None
    task_list: str | None = None
    task_priority: Any = None
    retry: int = 0
    raises_on_failure: bool = True
    propagate_signals_to_parent: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry[cls.name or f"{cls.__module__}.{cls.__name__}"] = cls

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def executor(self) -> Executor:
        """Whoever evaluates this workflow."""
        return self._executor

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """What the workflow does; its result is the execution's, and must be JSON."""
        raise NotImplementedError(f"{type(self).__name__} does not define run()")

    # What run() may do.

    def submit(self, submittable: Any, *args: Any, **kwargs: Any) -> Future:
        """Submit something; returns its future at once.

        Takes an activity or a workflow class with its arguments, a task, a WaitForSignal, or a container (Group, Chain,
        FuncGroup, Step). Futures among the arguments are replaced by their results: the task is scheduled when all of
        them are there. ``__priority=`` overrides the task's priority.

        Raises NotSubmittable (a TypeError) for anything else, NotEncodable for arguments that are not JSON.
        """
        return self._executor.submit(submittable, *args, **kwargs)

    def map(self, activity: Any, iterable: Iterable[Any]) -> list[Future]:
        """Submit the activity once with each of the values; returns the futures in their order."""
        return [self.submit(activity, each) for each in iterable]

    def starmap(self, activity: Any, iterable: Iterable[Iterable[Any]]) -> list[Future]:
        """Submit the activity once with each of the argument lists; returns the futures in their order."""
        return [self.submit(activity, *each) for each in iterable]

    def record_marker(self, name: str, details: Any = None) -> MarkerTask:
        """A marker, to be submitted."""
        return MarkerTask(name, details)

    def list_markers(self, all: bool = False) -> list[Marker]:
        """The markers recorded so far: the last one of each name, or all of them, in order."""
        return self._executor.list_markers(all)

    def signal(
        self,
        name: str,
        *args: Any,
        workflow_id: str | None = None,
        run_id: str | None = None,
        propagate: bool = True,
        **kwargs: Any,
    ) -> SignalTask:
        """A signal with arguments, to be submitted: to the execution ``workflow_id``, or to this one.

        ``propagate``: it also goes to the parent and the children of whoever gets it.
        """
        return SignalTask(name, *args, workflow_id=workflow_id, run_id=run_id, propagate=propagate, **kwargs)

    def wait_signal(self, name: str) -> WaitForSignal:
        """A wait for a signal, to be submitted."""
        return WaitForSignal(name)

    def start_timer(self, timer_id: str, timeout: int | str, control: Any = None) -> TimerTask:
        """A timer of ``timeout`` seconds, to be submitted."""
        return TimerTask(timer_id, timeout, control)

    def cancel_timer(self, timer_id: str) -> CancelTimerTask:
        """The cancelling of a timer, to be submitted."""
        return CancelTimerTask(timer_id)

    def continue_as_new(self, *args: Any, **kwargs: Any) -> ContinueAsNewWorkflowTask:
        """The end of this execution and the start of a new one with these arguments, to be submitted."""
        return ContinueAsNewWorkflowTask(*args, **kwargs)

    def fail(self, reason: str, details: str | None = None) -> None:
        """End the execution as failed. Does not return."""
        self._executor.fail(reason, details)

    def get_run_context(self) -> dict[str, Any]:
        """What this execution is.

        Keys: name, version, domain_name, workflow_id, run_id, tag_list, continued_execution_run_id,
        parent_workflow_id, parent_run_id; the last three None where there is none.
        """
        return self._executor.get_run_context()

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        """The latest ``signal``, ``marker`` or ``timer`` of that name as a dict, or None.

        Keys: type, state, name, event_id, timestamp (epoch seconds), and what that kind has: input, details,
        timeout, control. Raises InputError for another type.
        """
        return self._executor.get_event_details(event_type, event_name)

    # What a class may define; all are called by whoever evaluates the workflow.

    def before_replay(self, history: Any) -> None:
        """Called before each evaluation."""

    def after_replay(self, history: Any) -> None:
        """Called after each evaluation that did not fail."""

    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        """Called for each failure of a task; return ``failure_context.decide_...()``, or None for the default."""
        return None

    def should_cancel(self, history: Any) -> bool:
        """Called when somebody asked to cancel the execution: whether to."""
        return True

    def on_completed(self, history: Any) -> None:
        """Called when the execution completes."""

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        """Called when the execution fails."""

    def on_canceled(self, history: Any) -> None:
        """Called when the execution is cancelled."""

    def after_closed(self, history: Any) -> None:
        """Called when the execution ends, however."""
