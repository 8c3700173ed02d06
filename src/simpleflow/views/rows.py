"""The rows of a run: one for each step, activity task, child, timer, signal and marker.

Rows are small, since a run may have a hundred thousand of them. They hold times, states and the ids of events. Inputs,
results, reasons and tracebacks stay in the events, and are read there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct, field

from simpleflow.core.work_time import Task
from simpleflow.step.report import StepReport

ACTIVITY, CHILD, TIMER, SIGNAL, SENT, MARKER = "activity", "child", "timer", "signal", "signal sent", "marker"
"""The kinds of rows."""

SCHEDULED, STARTED, COMPLETED, FAILED, TIMED_OUT = "scheduled", "started", "completed", "failed", "timed_out"
CANCELED, TERMINATED, REFUSED, FIRED, DELIVERED = "canceled", "terminated", "refused", "fired", "delivered"
RECEIVED, RECORDED = "received", "recorded"
STOPPED = "stopped"  # the run ended first
"""The states of rows."""

BAD_ENDS = frozenset({FAILED, TIMED_OUT, TERMINATED})
"""The states of a task that ended badly."""


class Row(Struct, eq=False, gc=False):
    """The members that rows of all kinds have. Times are epoch seconds."""

    kind: ClassVar[str]

    event_id: int  # of its first event
    name: str  # of the activity, workflow type, timer, signal or marker
    scheduled: float  # time of its first event
    state: str = SCHEDULED
    ended: float | None = None
    end_id: int = 0  # of its last event; 0 until then

    @property
    def id(self) -> str:
        """Activity id, workflow id, timer id, or the name of a signal or marker."""
        return self.name


class TaskRow(Row, eq=False):
    """A row that a worker or another run works on."""

    task_id: str = ""
    version: str | None = None
    task_list: str | None = None
    step: str | None = None  # the innermost step that it belongs to, if it belongs to one
    started: float | None = None
    start_id: int = 0  # of the event that started it; 0 until then
    worker: str | None = None  # identity of the worker that started it; equal ones are one text

    @property
    def id(self) -> str:
        return self.task_id

    @property
    def open(self) -> bool:
        """True if it has not ended."""
        return self.end_id == 0

    @property
    def failed(self) -> bool:
        """True if it ended badly."""
        return self.state in BAD_ENDS

    @property
    def times(self) -> Task:
        """Its times, to compute with."""
        return Task(self.scheduled, self.started, self.ended)


class AttemptRow(TaskRow, eq=False):
    """One try of an activity."""

    kind: ClassVar[str] = ACTIVITY

    number: int = 1  # 1 for the first try of the activity id
    about_marks: bool = False  # it reads or writes marks or claims


class ChildRow(TaskRow, eq=False):
    """A child workflow."""

    kind: ClassVar[str] = CHILD

    run_id: str | None = None  # once it has started


class TimerRow(Row, eq=False):
    """A timer."""

    kind: ClassVar[str] = TIMER


class SignalRow(Row, eq=False):
    """A signal that the run has received, or sent to another run."""

    kind: ClassVar[str] = SIGNAL


class SentRow(Row, eq=False):
    """A signal that the run has sent."""

    kind: ClassVar[str] = SENT

    to: str = ""  # workflow id of the run that gets it

    @property
    def id(self) -> str:
        return self.to


class MarkerRow(Row, eq=False):
    """A marker."""

    kind: ClassVar[str] = MARKER


class StepRow(Struct, eq=False, gc=False):
    """A step: its latest verdict, and what belongs to it. Times are epoch seconds."""

    name: str
    report: StepReport  # of its latest marker
    event_id: int  # of this marker
    begin: float  # when it was scheduled or skipped, or began to wait
    end: float | None = None  # when it was completed, skipped or failed
    ran: bool = False  # its verdict was to run
    started: float | None = None  # when its first activity or child started
    made_by: str | None = None  # run id of the run that made its mark, as far as the history tells
    tasks: list[TaskRow] = field(default_factory=list)  # its activities and children, but none about marks
    inner: Sequence[str] = ()  # the names of the steps inside it
    outer: Sequence[str] = ()  # the names of the steps that it is inside of
    forces: tuple[str, ...] = ()  # the names that it forces when it runs, as its marker says that has its verdict
    after: tuple[str, ...] = ()  # the names that it depends on, likewise

    @property
    def state(self) -> str:
        """waiting, scheduled, completed, skipped or failed."""
        return self.report.status

    @property
    def forced(self) -> bool:
        """True if the verdict was set by a name or a flag."""
        return self.report.forced

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it ran or was skipped."""
        return self.report.reasons
