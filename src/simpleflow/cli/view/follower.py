"""What happens in a run, made out from its events for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from simpleflow.cli.errors import task_failure_line, traceback_of
from simpleflow.core import events as e
from simpleflow.engines.embedded import Run
from simpleflow.local import Beginning
from simpleflow.step import recorded_tasks, report
from simpleflow.step.constants import COMPLETED, FAILED, MARKER_NAME, SCHEDULED, SKIPPED, WAITING
from simpleflow.step.report import StepReport

_STATUSES = frozenset({WAITING, SCHEDULED, COMPLETED, SKIPPED, FAILED})
_RETRY_TIMER = "_simpleflow_retry_"


class ActivityFailure(NamedTuple):
    """An activity that failed, until the decider says what becomes of that."""

    event_id: int
    name: str
    message: str  # with the place in the user's code
    reason: str  # as the line of a step has it
    trace: str


class Follower:
    """The observer of an engine: folds the events of a run and its children, and calls what subclasses show them by.

    An activity's failure is told once: with its step, as a retry, at the end of the run that it fails, or as a soft
    one. ``tally``: the steps; ``soft_failures``: how many failed activities failed neither step nor run; ``listings``:
    by workflow id, how its done marks were listed; ``debug``: keep tracebacks of failures.
    """

    def __init__(self, debug: bool = False) -> None:
        self.tally = report.Tally()
        self.soft_failures = 0
        self.listings: dict[str, recorded_tasks.Listed] = {}
        self._debug = debug
        self._began: dict[tuple[str, str], float] = {}  # by workflow id and step: epoch seconds
        self._failed: dict[tuple[str, str], ActivityFailure] = {}  # by run id and activity id
        self._tries: dict[tuple[str, str], int] = {}

    # What subclasses show

    def show_step(
        self, run: Run, found: StepReport, time: float, seconds: float | None, failures: Sequence[ActivityFailure]
    ) -> None:
        """A marker of a step; ``seconds`` since it was scheduled; ``failures``: activities that it failed for."""

    def show_failure(self, failed: ActivityFailure) -> None:
        """An activity failed without failing its step or run."""

    def show_retry(self, failed: ActivityFailure, number: int, when: str) -> None:
        """An activity is tried for the ``number``-th time; ``when``: empty for now."""

    def show_run(self, run: Run, event: type[e.Attributes], attributes: Any, time: float) -> None:
        """One of the events of an execution as a whole that ``RUN_EVENTS`` has."""

    # What calls them

    def catch_up(self, beginning: Beginning) -> None:
        """Fold what happened before a run goes on; failures of that time have been told."""
        for each in beginning.family:
            self.fold(each, each.history.events)
        self._failed.clear()
        self.soft_failures = 0

    def fold(self, run: Run, events: Sequence[e.Event]) -> None:
        """Fold events of one execution."""
        decided = 0  # up to this event the decider has known everything
        for event in events:
            attributes: Any = event.attributes
            kind = type(attributes)
            if kind not in _HANDLED:
                continue
            if kind is e.MarkerRecorded:
                if attributes.marker_name == MARKER_NAME:
                    self._step_marker(run, event.time, attributes.details)
            elif kind is e.ActivityTaskScheduled:
                listed = recorded_tasks.parse(attributes.activity_type.name, attributes.input)
                if isinstance(listed, recorded_tasks.Listed):
                    self.listings[run.workflow_id] = listed
                if self._failed:
                    self._retried(run, attributes.activity_id, "")
            elif kind in _FAILURES:
                self._activity_failed(run, event.id, attributes)
            elif kind in RUN_EVENTS:
                self.show_run(run, kind, attributes, event.time)
            elif self._failed:
                if kind is e.DecisionTaskCompleted:
                    self._settle(run, decided)
                    decided = attributes.started_event_id
                elif kind is e.TimerStarted:
                    self._retry_timer_started(run, attributes)
        if self._failed:
            self._settle(run, decided if run.history.open else len(run.history.events) + 1)

    def _step_marker(self, run: Run, time: float, details: str | None) -> None:
        found = report.read(details)
        if found is None or found.status not in _STATUSES:
            return
        self.tally.add(found, run.workflow_id)
        key = run.workflow_id, found.step
        seconds = None
        if found.status == SCHEDULED:
            self._began[key] = time
        elif found.status != WAITING:
            began = self._began.pop(key, None)
            seconds = None if began is None else time - began
        failures: list[ActivityFailure] = []
        if found.error is not None and self._failed:
            told = report.printable(found.error)
            for key, failed in list(self._failed.items()):
                if key[0] == run.run_id and failed.reason in told:  # told with the step's failure, which it is
                    del self._failed[key]
                    failures.append(failed)
        self.show_step(run, found, time, seconds, failures)

    def _activity_failed(self, run: Run, event_id: int, attributes: Any) -> None:
        scheduled: Any = run.history.events[attributes.scheduled_event_id - 1].attributes
        if type(attributes) is e.ActivityTaskTimedOut:
            message = reason = f"time-out {attributes.timeout_type}"
        else:
            reason = report.printable(attributes.reason or "")
            message = task_failure_line(attributes.reason, attributes.details)
        name = scheduled.activity_type.name
        key = run.run_id, scheduled.activity_id
        trace = traceback_of(attributes.details) if self._debug else ""
        self._tries[key] = self._tries.get(key, 0) + 1
        self._failed[key] = ActivityFailure(event_id, name, message, reason, trace)

    def _retried(self, run: Run, activity_id: str, when: str) -> None:
        failed = self._failed.pop((run.run_id, activity_id), None)
        if failed is not None:
            self.show_retry(failed, self._tries[run.run_id, activity_id] + 1, when)

    def _retry_timer_started(self, run: Run, timer: Any) -> None:
        if not timer.timer_id.startswith(_RETRY_TIMER):
            return
        for run_id, activity_id in self._failed:
            if run_id == run.run_id and timer.timer_id.endswith(activity_id):
                self._retried(run, activity_id, f" in {timer.start_to_fire_timeout} s")
                return

    def _settle(self, run: Run, decided: int) -> None:
        """The decider has known these failures and asked for nothing: the workflow goes on without a result."""
        closed: Any = run.history.closed.attributes if run.history.closed else None
        fails = getattr(closed, "reason", None) or ""
        for key, failed in list(self._failed.items()):
            if key[0] == run.run_id and failed.event_id < decided:
                del self._failed[key]
                if failed.name not in fails:  # else it is what the run fails with
                    self.soft_failures += 1
                    self.show_failure(failed)


def step_note(found: StepReport, failures: Sequence[ActivityFailure]) -> str:
    """What there is to say of a step beyond its status, with the places in the user's code where it failed."""
    text = report.why(found)
    for failed in failures:
        text = text.replace(failed.reason, failed.message, 1)
    return text


def end_text(run: Run) -> str:
    """How a run ended, in a word, with the reason that the history holds."""
    closed: Any = run.history.closed.attributes if run.history.closed else None
    word = _WORDS.get(run.history.state, run.history.state)
    reason = getattr(closed, "reason", None)
    return f"{word}: {report.printable(reason)}" if reason else word


def is_child(run: Run) -> bool:
    """Whether another execution started it."""
    return run.history.started.parent_workflow_execution is not None


_WORDS = {"canceled": "cancelled", "timed_out": "timed out"}

_FAILURES = (e.ActivityTaskFailed, e.ActivityTaskTimedOut)


def _started(run: Run, attributes: Any) -> str:
    parent = attributes.parent_workflow_execution
    return "" if parent is None else f"started by {parent.workflow_id}"


def _signaled(run: Run, attributes: Any) -> str:
    sent_here = attributes.external_initiated_event_id  # by an execution: no news from outside
    return "" if sent_here else f"got the signal {report.printable(attributes.signal_name)!r}"


def _child_end(run: Run, attributes: Any) -> str:
    return end_text(run) if is_child(run) else ""


ENDS = (
    e.WorkflowExecutionCompleted,
    e.WorkflowExecutionFailed,
    e.WorkflowExecutionCanceled,
    e.WorkflowExecutionTimedOut,
    e.WorkflowExecutionTerminated,
)

RUN_EVENTS: dict[type[Any], Callable[[Run, Any], str]] = {
    e.WorkflowExecutionStarted: _started,
    **dict.fromkeys(ENDS, _child_end),
    e.WorkflowExecutionContinuedAsNew: lambda run, attributes: (
        f"continued as new, run {attributes.new_execution_run_id}"
    ),
    e.WorkflowExecutionSignaled: _signaled,
    e.WorkflowExecutionCancelRequested: lambda run, attributes: "was asked to cancel",
}
"""Events of an execution as a whole, and what they say; empty for what goes without saying."""

_HANDLED = frozenset(
    {e.MarkerRecorded, e.ActivityTaskScheduled, e.DecisionTaskCompleted, e.TimerStarted, *_FAILURES, *RUN_EVENTS}
)
