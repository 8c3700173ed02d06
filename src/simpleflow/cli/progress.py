"""What happens in a run, as lines, while it happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from simpleflow.cli.errors import told_failure, traceback_of
from simpleflow.cli.terminal import BOLD, CYAN, GREEN, RED, YELLOW, Terminal
from simpleflow.core import events as e
from simpleflow.engines.embedded import Run
from simpleflow.local import REPLACED, RESUMED, Beginning
from simpleflow.step import report
from simpleflow.step.constants import COMPLETED, FAILED, MARKER_NAME, SCHEDULED, SKIPPED

RETRYING = "retrying"
_NAME_WIDTH = 28
_RETRY_TIMER = "_simpleflow_retry_"

# What a line begins with on a terminal, and its colour; elsewhere it begins with the word.
_SYMBOLS = {
    SCHEDULED: ("…", CYAN),
    COMPLETED: ("✓", GREEN),
    SKIPPED: ("↷", YELLOW),
    FAILED: ("✗", RED),
    RETRYING: ("↻", YELLOW),
}


class _Failed(NamedTuple):
    """An activity that failed, until the decider says what becomes of that."""

    event_id: int
    name: str
    said: str  # with the place in the user's code
    reason: str  # as the line of a step has it
    trace: str


class Progress:
    """The observer of an engine: one line for each step event, retry and failure, and for each child workflow.

    An activity's failure is told once: in the line of its step, as a retry, at the end of the run that it fails, or in
    a line of its own; ``debug``: followed by its traceback.
    """

    def __init__(self, terminal: Terminal, debug: bool = False) -> None:
        self.tally = report.Tally()
        self.soft_failures = 0
        self._terminal = terminal
        self._debug = debug
        self._lines: list[str] = []
        self._began: dict[tuple[str, str], float] = {}  # by workflow id and step: epoch seconds
        self._failed: dict[tuple[str, str], _Failed] = {}  # by run id and activity id
        self._tries: dict[tuple[str, str], int] = {}
        self._heads = {
            status: terminal.paint(symbol, color) + " " if terminal.symbols else f"{status:<10} "
            for status, (symbol, color) in _SYMBOLS.items()
        }

    def begin(self, beginning: Beginning) -> None:
        """Say how the run begins; what happened before counts too."""
        run = beginning.run
        if beginning.kind == RESUMED:
            for each in beginning.family:
                self._observe(each, each.history.events)
            self._lines.clear()
            self._failed.clear()
            self.soft_failures = 0
            self.say(run, f"its process died; going on where it was ({len(run.history.events)} events)")
        elif beginning.kind == REPLACED:
            self.say(run, "its process died, and it had another input: that run was closed, a new one begins")
        else:
            self.say(run, f"started, run {run.run_id}")
        self._flush()

    def observe(self, run: Run, events: Sequence[e.Event]) -> None:
        """Write what these events say."""
        self._observe(run, events)
        if self._lines:
            self._flush()

    def say(self, run: Run, text: str) -> None:
        """A line about a run as a whole; written with the next batch."""
        self._lines.append(f"{self._terminal.paint(f'workflow {report.printable(run.workflow_id)}:', BOLD)} {text}\n")

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        self._terminal.write("".join(lines))

    def _observe(self, run: Run, events: Sequence[e.Event]) -> None:
        decided = 0  # up to this event the decider has known everything
        for event in events:
            attributes = event.attributes
            kind = type(attributes)
            if kind is e.MarkerRecorded:
                self._marker(run, event.time, attributes)
            elif kind in _HANDLERS:
                _HANDLERS[kind](self, run, event.id, attributes)
            elif self._failed:
                if kind is e.DecisionTaskCompleted:
                    self._settle(run, decided)
                    decided = attributes.started_event_id  # type: ignore[attr-defined]
                elif kind is e.ActivityTaskScheduled:
                    self._again(run, attributes.activity_id, "")  # type: ignore[attr-defined]
                elif kind is e.TimerStarted:
                    self._later(run, attributes)
        if self._failed:
            self._settle(run, decided if run.history.open else len(run.history.events) + 1)

    def _line(self, status: str, name: str, seconds: float | None, note: str, trace: str = "") -> None:
        took = "" if seconds is None else report.duration(seconds)
        self._lines.append(f"{self._heads[status]}{name:<{_NAME_WIDTH}} {took:>12}  {note}".rstrip() + "\n" + trace)

    # Steps

    def _marker(self, run: Run, time: float, marker: Any) -> None:
        if marker.marker_name != MARKER_NAME:
            return
        found = report.read(marker.details)
        if found is None or found.status not in _SYMBOLS:
            return
        self.tally.add(found, run.workflow_id)
        place = run.workflow_id, found.step
        seconds = None
        note = report.why(found)
        if found.status == SCHEDULED:
            self._began[place] = time
        else:
            began = self._began.pop(place, None)
            seconds = None if began is None else time - began
        trace = ""
        if found.error is not None:
            for key, failed in list(self._failed.items()):
                if key[0] == run.run_id and failed.reason in note:  # told with the step's failure, which it is
                    del self._failed[key]
                    note = note.replace(failed.reason, failed.said, 1)
                    trace += failed.trace
        name = found.step if not _is_child(run) else f"{run.workflow_id}: {found.step}"
        self._line(found.status, name, seconds, note, trace)

    # Activities and children that fail

    def _activity_failed(self, run: Run, event_id: int, attributes: Any) -> None:
        scheduled: Any = run.history.events[attributes.scheduled_event_id - 1].attributes
        if type(attributes) is e.ActivityTaskTimedOut:
            said = reason = f"time-out {attributes.timeout_type}"
        else:
            reason = report.printable(attributes.reason or "")
            said = told_failure(attributes.reason, attributes.details)
        name = scheduled.activity_type.name
        place = run.run_id, scheduled.activity_id
        trace = traceback_of(attributes.details) if self._debug else ""
        self._tries[place] = self._tries.get(place, 0) + 1
        self._failed[place] = _Failed(event_id, name, said, reason, trace)

    def _again(self, run: Run, activity_id: str, when: str) -> None:
        failed = self._failed.pop((run.run_id, activity_id), None)
        if failed is not None:
            number = self._tries[run.run_id, activity_id] + 1
            self._line(RETRYING, f"activity {failed.name}", None, f"{failed.said}; try {number}{when}", failed.trace)

    def _later(self, run: Run, timer: Any) -> None:
        if not timer.timer_id.startswith(_RETRY_TIMER):
            return
        for run_id, activity_id in self._failed:
            if run_id == run.run_id and timer.timer_id.endswith(activity_id):
                self._again(run, activity_id, f" in {timer.start_to_fire_timeout} s")
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
                    self._line(FAILED, f"activity {failed.name}", None, failed.said, failed.trace)

    def _child_started(self, run: Run, event_id: int, attributes: Any) -> None:
        if attributes.parent_workflow_execution is not None:
            self.say(run, f"started by {attributes.parent_workflow_execution.workflow_id}")

    def _child_ended(self, run: Run, event_id: int, attributes: Any) -> None:
        if _is_child(run):
            self.say(run, ended(run))

    def _continued(self, run: Run, event_id: int, attributes: Any) -> None:
        self.say(run, f"continued as new, run {attributes.new_execution_run_id}")

    def _signaled(self, run: Run, event_id: int, attributes: Any) -> None:
        if not attributes.external_initiated_event_id:
            self.say(run, f"got the signal {report.printable(attributes.signal_name)!r}")

    def _cancel_requested(self, run: Run, event_id: int, attributes: Any) -> None:
        self.say(run, "was asked to cancel")


def ended(run: Run) -> str:
    """How a run ended, in a word, with the reason that the history holds."""
    closed: Any = run.history.closed.attributes if run.history.closed else None
    word = _WORDS.get(run.history.state, run.history.state)
    reason = getattr(closed, "reason", None)
    return f"{word}: {report.printable(reason)}" if reason else word


def _is_child(run: Run) -> bool:
    return run.history.started.parent_workflow_execution is not None


_WORDS = {"canceled": "cancelled", "timed_out": "timed out"}

_HANDLERS: dict[type[Any], Callable[[Progress, Run, int, Any], None]] = {
    e.ActivityTaskFailed: Progress._activity_failed,
    e.ActivityTaskTimedOut: Progress._activity_failed,
    e.WorkflowExecutionStarted: Progress._child_started,
    e.WorkflowExecutionCompleted: Progress._child_ended,
    e.WorkflowExecutionFailed: Progress._child_ended,
    e.WorkflowExecutionCanceled: Progress._child_ended,
    e.WorkflowExecutionTimedOut: Progress._child_ended,
    e.WorkflowExecutionTerminated: Progress._child_ended,
    e.WorkflowExecutionContinuedAsNew: Progress._continued,
    e.WorkflowExecutionSignaled: Progress._signaled,
    e.WorkflowExecutionCancelRequested: Progress._cancel_requested,
}
