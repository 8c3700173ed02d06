"""Tasks: the units of work that a workflow submits. Those of child workflows are in ``workflow_task``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.activity import Activity, seconds
from simpleflow.base import Call
from simpleflow.call_task import CallTask, Task, parse_limit
from simpleflow.checks import check_name
from simpleflow.constants import RESERVED_TIMER, existing_names
from simpleflow.exceptions import InputError, NotSubmittable
from simpleflow.failure_context import TaskFailureContext as TaskFailureContext  # public here
from simpleflow.workflow_task import ChildWorkflowTask as ChildWorkflowTask
from simpleflow.workflow_task import WorkflowTask as WorkflowTask


class ActivityTask(CallTask):
    """An activity with its arguments. Making it waits for the results of futures among the arguments.

    Raises NotSubmittable if ``activity`` is not an ``Activity``.
    """

    accepts_any_record = False
    """True for an activity whose recorded call stands whatever its arguments were: its id alone says what it is."""

    def __init__(self, activity: Activity, /, *args: Any, **kwargs: Any) -> None:
        if not isinstance(activity, Activity):
            raise NotSubmittable(
                f"{activity!r} is not an activity; decorate the function with @activity.with_attributes()"
            )
        self.activity = activity
        super().__init__(*args, **kwargs)

    @property
    def name(self) -> str:  # type: ignore[override]
        """The activity's name."""
        return self.activity.name

    def propagate_attribute(self, attr: str, val: Any) -> None:
        self.activity = self.activity.scoped(attr, val)

    def calls(self) -> Sequence[Call]:
        return (Call(self.activity.name, self.activity.callable, self.args, self.kwargs),)

    def time_limit(self) -> float | None:
        activity = self.activity
        whole = parse_limit(activity.task_schedule_to_close_timeout)
        if whole is None:
            waiting = parse_limit(activity.task_schedule_to_start_timeout)
            working = parse_limit(activity.task_start_to_close_timeout)
            whole = None if waiting is None or working is None else waiting + working
        if whole is None:
            return None
        retries = activity.retries
        return (retries.times + 1) * whole + retries.longest_pauses()


class SignalTask(CallTask):
    """Sends a signal, to this workflow if ``workflow_id`` is None. See ``Workflow.signal``."""

    def __init__(
        self,
        name: str,
        *args: Any,
        workflow_id: str | None = None,
        run_id: str | None = None,
        propagate: bool = True,
        **kwargs: Any,
    ) -> None:
        self.name = check_name(name, "signal name")
        if workflow_id is not None:
            check_name(workflow_id, f"workflow id of signal {name!r}")
        if run_id is not None:
            check_name(run_id, f"run id of signal {name!r}")
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.propagate = propagate
        super().__init__(*args, **kwargs)

    def receive(self, value: Any) -> SignalTask:
        return self

    def calls(self) -> Sequence[Call]:
        return (Call(f"signal {self.name}", None, self.args, self.kwargs),)

    @property
    def encoded_input(self) -> str:
        """The signal's input as JSON text ``{"args": [...], "kwargs": {...}, "__propagate": ...}``."""
        content = {"args": self.args, "kwargs": self.kwargs, "__propagate": bool(self.propagate)}
        return values.encode(content, f"input of signal {self.name!r}")


class MarkerTask(Task):
    """Records a marker. ``details`` is any value that can be JSON, or None."""

    identity: tuple[str, ...] = ()
    """Keys of ``details`` that say which marker it is. One that the history holds with the same values stands in its
    place, even if the rest differs: somebody has edited the code since."""

    def __init__(self, name: str, details: Any = None) -> None:
        self.name = check_name(name, "marker name")
        self.details = details

    def calls(self) -> Sequence[Call]:
        return (Call(f"marker {self.name}", None, [self.details]),)

    @property
    def encoded_details(self) -> str | None:
        """The details as JSON text; None if there are none."""
        return None if self.details is None else values.encode(self.details, f"details of marker {self.name!r}")


def _check_not_reserved(timer_id: str) -> None:
    if timer_id.startswith(RESERVED_TIMER):
        raise InputError(f"timer id {timer_id!r} is reserved; expected one that does not begin with {RESERVED_TIMER}")


class TimerTask(Task):
    """Starts a timer. Its future is done when the timer fires, ``timeout`` seconds later.

    The id identifies the timer: submitting the same id again returns the same timer.

    Args:
        timer_id: text of 1 to 256 characters; ids that begin with ``_simpleflow_`` are reserved.
        timeout: whole seconds, as a number or as text.
        control: any value that can be JSON; the history keeps it.

    Raises InputError, NotEncodable.
    """

    def __init__(self, timer_id: str, timeout: int | str, control: Any = None) -> None:
        self.timer_id = check_name(timer_id, "timer id")
        if not isinstance(self, ReservedTimerTask):
            _check_not_reserved(timer_id)
        text = seconds(timeout, f"time-out of timer {timer_id!r}")
        if text == "NONE":
            raise InputError(f"time-out of timer {timer_id!r} is {timeout!r}; expected whole seconds")
        self.timeout = text
        self.control = None if control is None else values.encode(control, f"control of timer {timer_id!r}")

    @property
    def name(self) -> str:  # type: ignore[override]
        """The timer's id."""
        return self.timer_id

    def calls(self) -> Sequence[Call]:
        return (Call(f"timer {self.timer_id}", None, [self.timeout]),)

    def time_limit(self) -> float | None:
        return parse_limit(self.timeout)


class ReservedTimerTask(TimerTask):
    """A timer that the library itself starts: its id begins with RESERVED_TIMER, so it is never one of the user's."""


class CancelTimerTask(Task):
    """Cancels a timer."""

    def __init__(self, timer_id: str) -> None:
        self.timer_id = check_name(timer_id, "timer id")
        _check_not_reserved(timer_id)
        self.name = self.timer_id


class ContinueAsNewWorkflowTask(CallTask):
    """Ends this execution and starts a new one of the same class, with these arguments and the same workflow id."""

    name = "continue_as_new"


__getattr__ = existing_names(__name__)
