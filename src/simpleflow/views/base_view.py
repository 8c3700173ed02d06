"""The rows of one run, and the questions that views ask about them. ``run_view`` makes them from a history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from simpleflow.core import transitions
from simpleflow.core.pauses import Pauses
from simpleflow.core.work_time import Interval, Task, WorkTime, between, within, work_time
from simpleflow.step import report
from simpleflow.step.constants import FAILED
from simpleflow.step.recorded_tasks import Listed
from simpleflow.views import rows
from simpleflow.views.rows import AttemptRow, Row, StepRow, TaskRow

_R = TypeVar("_R", bound=Row)


class BaseView:
    """The rows of one run, and what can be computed from them.

    Args:
        run_id: of the run; steps that it completes name it.
        workflow_id: of the run.
    """

    def __init__(self, run_id: str = "", workflow_id: str = "") -> None:
        self.run_id = run_id
        self.workflow_id = workflow_id
        self.last_id = 0  # of the events folded so far
        self.last_time = 0.0  # of the last of them, in epoch seconds
        self.state = transitions.NEW  # of the run
        self.began: float | None = None
        self.closed_id = 0  # of the event that ended the run
        self.fell: list[StepRow] = []  # the steps that the end of the run found failed, see ``RunView``
        self.abandoned = False  # no process drives the run, which is open; set from outside
        self.decisions = 0  # completed ones
        self.context: str | None = None  # the execution context, as far as decisions have told it
        self.steps: dict[str, StepRow] = {}  # in the order of their first markers
        self.rows: dict[int, Row] = {}  # activities, children, timers, signals and markers by ``event_id``
        self.open: dict[int, TaskRow] = {}  # the activities and children that have not ended, by ``event_id``
        self.listed: Listed | None = None  # where the marks are, as the activity says that lists them
        self.listed_id: str | None = None  # id of this activity
        self._pauses = Pauses()
        self._tries: dict[str, int] = {}  # by activity id: tries so far, without refused ones

    def of_kind(self, kind: type[_R]) -> Iterator[_R]:
        """Yield the rows of a kind, in the order of their first events."""
        return (row for row in self.rows.values() if isinstance(row, kind))

    @property
    def attempts(self) -> Iterator[AttemptRow]:
        """The tries of activities, in the order of scheduling."""
        return self.of_kind(AttemptRow)

    @property
    def closed(self) -> bool:
        """True if the run has ended."""
        return self.closed_id > 0

    @property
    def is_over(self) -> bool:
        """True if nothing of the run goes on: it has ended, or no process drives it."""
        return self.closed or self.abandoned

    @property
    def pauses(self) -> list[Interval]:
        """The times in which no process drove the run, in order."""
        return self._pauses.found

    def state_of(self, row: TaskRow | StepRow) -> str:
        """The state of a row; ``stopped`` if it has not ended, and the run has, or no process drives the run."""
        ended = row.end is not None if isinstance(row, StepRow) else not row.open
        return rows.STOPPED if self.is_over and not ended else row.state

    def tasks_of(self, step: str) -> list[TaskRow]:
        """The activities and children of a step and the steps inside it, in the order of scheduling."""
        row = self.steps.get(step)
        if row is None:
            return []
        if not row.inner:
            return row.tasks
        every = [*row.tasks, *(task for name in row.inner for task in self.steps[name].tasks)]
        return sorted(every, key=lambda each: each.event_id)

    def work_time(self, step: str, now: float | None = None) -> WorkTime:
        """When the activities and children of a step worked, and how long they were queued.

        A step that has neither took from its begin to its end. ``now``: the end of tasks that have not ended, in epoch
        seconds; None: they are left out.
        """
        tasks = self.tasks_of(step)
        if tasks:
            times = [task.times for task in tasks]
        else:
            row = self.steps[step]
            times = [Task(row.begin, row.begin if row.ran else None, row.end)]
        pauses: Sequence[Interval] = self._pauses.found
        if pauses:  # a long run has many, and few of them matter to a step
            ends = [each.ended if each.ended is not None else now or self.last_time for each in times]
            pauses = within(pauses, min(each.scheduled for each in times), max(ends))
        return work_time(times, pauses, now, between_tries(tasks))

    def tries_of(self, step: str) -> int:
        """How often the activity of a step was tried that was tried most; 0 if it has none."""
        return max((task.number for task in self.tasks_of(step) if isinstance(task, AttemptRow)), default=0)

    def is_last_try(self, row: TaskRow) -> bool:
        """True unless the activity was tried again."""
        return not isinstance(row, AttemptRow) or row.number >= self._tries.get(row.id, 0)

    def first_failure(self, step: str) -> TaskRow | None:
        """The first activity or child of a step that failed, in its last try; None if none did."""
        last: dict[tuple[str, str], TaskRow] = {(task.kind, task.id): task for task in self.tasks_of(step)}
        failed = (task for task in last.values() if task.failed)
        return min(failed, key=lambda task: task.end_id, default=None)

    def reports(self) -> dict[str, report.StepReport]:
        """The latest report of each step, by name."""
        return {name: row.report for name, row in self.steps.items()}

    def failed_steps(self) -> list[StepRow]:
        """The steps that failed and are not optional, in the order of their ends."""
        found = [row for row in self.steps.values() if row.state == FAILED and not row.report.optional]
        return sorted(found, key=lambda row: row.event_id)


def between_tries(tasks: Iterable[TaskRow]) -> list[Interval]:
    """The times between the tries of the same activities and children."""
    tries: dict[tuple[str, str], list[Task]] = {}
    for row in tasks:
        tries.setdefault((row.kind, row.id), []).append(row.times)
    return [pause for each in tries.values() if len(each) > 1 for pause in between(each)]


def tally_of(views: Iterable[BaseView]) -> report.Tally:
    """Return the last status of each step of some runs, counted."""
    tally = report.Tally()
    for view in views:
        tally.add_all(view.reports(), view.workflow_id)
    return tally
