"""``Workflow``, the class that users derive their workflows from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from simpleflow.base import AbstractWorkflow, Executor, type_name
from simpleflow.exceptions import InputError
from simpleflow.futures import Future
from simpleflow.marker import Marker
from simpleflow.signal import WaitForSignal
from simpleflow.source import code_source
from simpleflow.task import (
    CancelTimerTask,
    ContinueAsNewWorkflowTask,
    MarkerTask,
    SignalTask,
    TaskFailureContext,
    TimerTask,
)

registry: dict[str, type[Workflow]] = {}
"""The workflow classes of this process by type name. If several share a name, the one defined last counts."""


class Workflow(AbstractWorkflow):
    """A workflow. Its ``run`` submits activities and reads the results of their futures.

    simpleflow may evaluate ``run`` again from its first line at any time, with the results that the history holds by
    then. So ``run`` must be deterministic: it must submit the same things for the same history. Code of ``run`` outside
    of activities is executed more than once.

    Attributes that a class may set:
        name: name of the workflow type; default ``<module>.<class>``.
        version: version of the workflow type; default: the setting WORKFLOW_DEFAULT_VERSION.
        task_list: task list of its decision tasks; default: the setting WORKFLOW_DEFAULT_TASK_LIST, for a child the
            task list of its parent.
        task_priority: priority of its tasks, a whole number, higher first; None for no priority.
        retry: as a child workflow: number of further tries after a failure.
        raises_on_failure: as a child workflow: True if its failure fails the parent.
        propagate_signals_to_parent: False: signals that it receives do not go on to its parent.
    """

    INHERIT_TAG_LIST: ClassVar[Any] = type("InheritTagList", (), {"__repr__": lambda self: "INHERIT_TAG_LIST"})()
    """Value of ``tag_list`` that stands for the tags of the parent."""

    name: str | None = None
    version: str | None = None
    task_list: str | None = None
    task_priority: Any = None
    retry: int = 0
    raises_on_failure: bool = True
    propagate_signals_to_parent: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry[type_name(cls)] = cls
        code_source.remember(cls.__module__)

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def executor(self) -> Executor:
        """The object that evaluates this workflow."""
        return self._executor

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The workflow itself; subclasses define it.

        It gets the arguments from the execution's input. Its result, a value that can be JSON, is that of the
        execution. If it raises, the execution fails.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define run()")

    # For use in run()

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
        """Submit something and return its future, without waiting.

        Args:
            submittable: an activity or a workflow class, with its arguments; a task; a WaitForSignal; or a container
                (Group, Chain, FuncGroup, Step).
            args, kwargs: the arguments. Futures among them are replaced by their results: the task is scheduled once
                all of these are there. The keyword ``__priority`` overrides the task's priority.

        Raises NotSubmittable (a TypeError) for anything else, NotEncodable for arguments that are not JSON.
        """
        return self._executor.submit(submittable, *args, **kwargs)

    def map(self, activity: Any, iterable: Iterable[Any]) -> list[Future]:
        """Submit the activity once for each of the values. Returns the futures in the order of the values.

        Raises InputError if ``iterable`` cannot be iterated; else as ``submit``.
        """
        if not isinstance(iterable, Iterable):
            raise InputError(f"map got {iterable!r}; expected a list of values")
        return [self.submit(activity, each) for each in iterable]

    def starmap(self, activity: Any, iterable: Iterable[Iterable[Any]]) -> list[Future]:
        """Submit the activity once for each list of arguments. Returns the futures in the order of the lists.

        Raises InputError if ``iterable`` is not a list of lists; else as ``submit``.
        """
        rows = list(iterable) if isinstance(iterable, Iterable) else None
        if rows is None or not all(isinstance(each, Iterable) for each in rows):
            raise InputError(f"starmap got {iterable!r}; expected a list of lists of arguments")
        return [self.submit(activity, *each) for each in rows]

    def record_marker(self, name: str, details: Any = None) -> MarkerTask:
        """Make a marker. Submit it to record it: a note in the history.

        Args:
            name: text of 1 to 256 characters. Raises InputError for another one.
            details: any value that can be JSON.
        """
        return MarkerTask(name, details)

    def list_markers(self, all: bool = False) -> list[Marker]:
        """Return the markers recorded so far: the latest one of each name or, with ``all``, every one, in order."""
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
        """Make a signal with arguments. Submit it to send it.

        Args:
            name: name of the signal, text of 1 to 256 characters.
            args, kwargs: the arguments, values that can be JSON.
            workflow_id, run_id: the execution that receives it; default: this one.
            propagate: True: the receiver passes it on to its parent and its children.

        Raises InputError for a name or an id that is not valid.
        """
        return SignalTask(name, *args, workflow_id=workflow_id, run_id=run_id, propagate=propagate, **kwargs)

    def wait_signal(self, name: str) -> WaitForSignal:
        """Make a wait for a signal. Submit it to get a future whose result is the signal's input.

        See ``WaitForSignal``. Raises InputError for a name that is not valid.
        """
        return WaitForSignal(name)

    def start_timer(self, timer_id: str, timeout: int | str, control: Any = None) -> TimerTask:
        """Make a timer. Submit it to start it; its future is done when it fires.

        Args:
            timer_id: text of 1 to 256 characters; a second timer of the same id is the same timer.
            timeout: whole seconds, as a number or as text.
            control: any value that can be JSON; the history keeps it.

        Raises InputError for an id or a time-out that is not valid, NotEncodable for ``control``.
        """
        return TimerTask(timer_id, timeout, control)

    def cancel_timer(self, timer_id: str) -> CancelTimerTask:
        """Make the cancellation of a timer. Submit it to cancel the timer; nothing happens if there is none.

        Raises InputError for an id that is not valid.
        """
        return CancelTimerTask(timer_id)

    def continue_as_new(self, /, *args: Any, **kwargs: Any) -> ContinueAsNewWorkflowTask:
        """Make a task that ends this execution and starts a new one. Submit it to do so.

        The new execution has the same class and workflow id, these arguments, and an empty history.
        """
        return ContinueAsNewWorkflowTask(*args, **kwargs)

    def fail(self, reason: str, details: str | None = None) -> None:
        """End the execution as failed. Does not return.

        Args:
            reason: one line of text.
            details: more text.

        Raises InputError for anything but text.
        """
        self._executor.fail(reason, details)

    def get_run_context(self) -> dict[str, Any]:
        """Return a description of this execution.

        Keys: name, version, domain_name, workflow_id, run_id, tag_list, continued_execution_run_id,
        parent_workflow_id, parent_run_id. The last three are None if the execution continues no other or has no parent.
        """
        return self._executor.get_run_context()

    def get_execution_context(self) -> dict[str, Any]:
        """Return what ``get_run_context`` returns."""
        return self.get_run_context()

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        """Return the latest ``signal``, ``marker`` or ``timer`` of that name as a dict; None if there is none.

        Keys: type, state, name, event_id, timestamp (epoch seconds); and input for a signal, details for a marker,
        timeout and control for a timer. Raises InputError for another ``event_type``.
        """
        return self._executor.get_event_details(event_type, event_name)

    # Hooks that a class may define. The executor calls them. ``history`` is that of the execution, a
    # ``core.history.History``. A hook that raises fails the execution.

    def before_run(self) -> None:
        """Nothing calls this, as in the existing library; override ``before_replay``."""

    def after_run(self) -> None:
        """Nothing calls this, as in the existing library; override ``after_replay`` or ``after_closed``."""

    def before_replay(self, history: Any) -> None:
        """Called before each evaluation."""

    def after_replay(self, history: Any) -> None:
        """Called after each evaluation that did not fail."""

    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        """Called for each failure of a task. Return ``failure_context.decide_...()``, or None for the default.

        The default: the task is tried again while it has retries left; then it has failed.
        """
        return None

    def should_cancel(self, history: Any) -> bool:
        """Called when the cancellation of the execution is requested. Return True to cancel it, False to go on."""
        return True

    def on_completed(self, history: Any) -> None:
        """Called when the execution completes. It may submit more work: the execution waits for it."""

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        """Called when the execution fails, with one line as ``reason`` and more text as ``details``.

        It may submit markers and signals, nothing else.
        """

    def on_canceled(self, history: Any) -> None:
        """Called when the execution is cancelled. It may submit markers and signals, nothing else."""

    def after_closed(self, history: Any) -> None:
        """Called when the execution ends in any of these ways, or continues as new.

        It may submit markers and signals, nothing else.
        """
