"""The lines of a timeline: which tasks, waits and skipped steps each of them shows."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from simpleflow.constants import RESERVED_TIMER
from simpleflow.core.work_time import Interval, union
from simpleflow.pictures.name_tree import FOLDED, OPEN, REST, STEP, Item, Line, folded_lines
from simpleflow.step import rules
from simpleflow.step.constants import COMPLETED, FAILED, SIGNAL_PREFIX, SKIPPED, WAITING
from simpleflow.views import rows
from simpleflow.views.rows import AttemptRow, ChildRow, Row, SignalRow, StepRow, TaskRow, TimerRow
from simpleflow.views.run_view import RunView

STEPS, WORKERS = "step", "worker"
"""By what the lines are."""

GROUP, ACTIVITY, WORKER, OTHER = "group", "activity", "worker", "other"
"""Kinds of lines beside STEP: a group of steps; an activity outside of steps; a worker; anything else."""

_FEW_OUTSIDE = 12  # lines of activities outside of steps, beside steps


@dataclass(slots=True)
class Shown:
    """A line of the timeline."""

    kind: str
    name: str  # of the step, group, activity or worker
    label: str
    depth: int = 0
    count: int = 1  # steps in it
    opened: bool = False  # a group whose members follow
    folded: bool = False  # a group as a whole
    tasks: list[TaskRow] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    waits: list[Row] = field(default_factory=list)  # timers and signals
    _work: list[Interval] | None = None  # once it was computed
    _queued: list[Interval] | None = None

    @property
    def states(self) -> Collection[str]:
        """The states of its steps."""
        return {step.state for step in self.steps}

    @property
    def state(self) -> str:
        """The state that it shows: the worst of its steps, or of the last tries of its tasks."""
        found = self.states if self.steps else {task.state for task in {each.id: each for each in self.tasks}.values()}
        if FAILED in found or rows.TIMED_OUT in found or rows.TERMINATED in found:
            return FAILED
        for each in (rows.STARTED, rows.SCHEDULED, WAITING):
            if each in found:
                return each
        return SKIPPED if found == {SKIPPED} else COMPLETED

    def work(self, now: float) -> list[Interval]:
        """The times in which its tasks worked; of steps without any, in which they were under way.

        They are in order, without overlaps.
        """
        if self._work is None:
            if self.tasks:
                every = [(task.started, task.ended or now) for task in self.tasks if task.started is not None]
            else:
                every = [(step.begin, step.end or now) for step in self.steps if step.ran]
            self._work = union([(begin, end if end > begin else begin) for begin, end in every])
        return self._work

    def queued(self, now: float) -> list[Interval]:
        """The times in which its tasks waited for a worker, in order, without overlaps."""
        if self._queued is None:
            self._queued = union([(task.scheduled, task.started or task.ended or now) for task in self.tasks])
        return self._queued


_T = TypeVar("_T")


def working(task: TaskRow, now: float) -> tuple[float, float]:
    """When a task that has started worked."""
    return task.started or task.scheduled, now if task.ended is None else task.ended


class Window:
    """The time that is shown, in epoch seconds. ``now``: the end of tasks that have not ended."""

    def __init__(self, begin: float, end: float, now: float) -> None:
        self.begin, self.end, self.now = begin, end, now

    def has(self, begin: float, end: float | None) -> bool:
        """True if something is seen of what lasts so long. None: it has not ended."""
        return begin <= self.end and (self.now if end is None else end) >= self.begin


def rows_by_step(
    view: RunView, window: Window, most: int, critical: Collection[int] = (), under: str = ""
) -> list[Shown]:
    """Return a line for each step or group of steps, then lines for rows outside of steps.

    Args:
        view: the rows of the run.
        window: rows that do not reach into it are left out.
        most: at most so many lines.
        critical: ids of the rows on the critical path.
        under: only steps that this name covers.
    """
    inside: dict[str, list[TaskRow]] = {}
    outside: dict[str, list[TaskRow]] = {}
    waits: list[Row] = []
    begin, end = window.begin, window.end
    for row in view.rows.values():
        ended = row.ended
        if row.scheduled > end or (ended is not None and ended < begin):  # most rows, in a picture of a short time
            continue
        if isinstance(row, TaskRow):
            if (isinstance(row, AttemptRow) and row.about_marks) or not window.has(row.scheduled, ended):
                continue
            if row.step is not None:
                inside.setdefault(row.step, []).append(row)
            else:
                outside.setdefault(row.name, []).append(row)
        elif (
            isinstance(row, TimerRow | SignalRow)
            and window.has(row.scheduled, row.ended)
            and not row.name.startswith((RESERVED_TIMER, SIGNAL_PREFIX))
        ):
            waits.append(row)
    if under:
        outside, waits = {}, []
    items = [
        _item(step, inside.get(name, []), window, critical)
        for name, step in view.steps.items()
        if (name in inside or window.has(step.begin, step.end)) and (not under or rules.covers(under, name))
    ]
    left = most - (1 if waits else 0)
    if items and outside:
        left -= min(len(outside), _FEW_OUTSIDE, max(1, most // 4))
    found = [_step_line(line) for line in folded_lines(items, left, fold_idle=not under)]
    left = most - len(found) - (1 if waits else 0)
    if outside and left > 0:
        others = (_outside(name, tasks, window, critical) for name, tasks in outside.items())
        found += [_outside_line(line) for line in folded_lines(others, left)]
    if waits:
        found.append(Shown(OTHER, "", "timers and signals", waits=waits))
    return found


def rows_by_worker(view: RunView, window: Window, most: int) -> list[Shown]:
    """Return a line for each worker, in the order of their first tasks; then what waits, and the child workflows.

    A worker that does several tasks at once, such as the process of a local run, gets a line for each of its slots.
    """
    workers: dict[str, list[TaskRow]] = {}
    waiting: list[TaskRow] = []
    children: list[TaskRow] = []
    begin, end = window.begin, window.end
    for row in view.rows.values():
        ended = row.ended
        if row.scheduled > end or (ended is not None and ended < begin):  # most rows, in a picture of a short time
            continue
        if isinstance(row, TaskRow) and window.has(row.scheduled, ended):
            if isinstance(row, ChildRow):
                children.append(row)
            elif row.started is None:
                waiting.append(row)
            elif window.has(row.started, row.ended):
                workers.setdefault(row.worker or "a worker without a name", []).append(row)
    found = []
    for name, tasks in workers.items():
        own = slots(tasks, lambda task: working(task, window.now))
        numbered = len(own) > 1
        for number, slot in enumerate(own, start=1):
            found.append(Shown(WORKER, name, f"{name}, slot {number}" if numbered else name, tasks=slot))
    room = most - bool(waiting) - bool(children)
    if len(found) > room:
        rest = [task for each in found[room - 1 :] for task in each.tasks]
        number = len(found) - room + 1
        found[room - 1 :] = [Shown(OTHER, "", f"{number:,} more workers", count=number, tasks=rest)]
    if waiting:
        found.append(Shown(OTHER, "", "waiting for a worker", tasks=waiting))
    if children:
        found.append(Shown(OTHER, "", "child workflows", tasks=children))
    return found


def slots(things: Iterable[_T], span: Callable[[_T], tuple[float, float]]) -> list[list[_T]]:
    """Distribute things so that those of each slot follow one another. ``span`` gives begin and end of one."""
    found: list[list[_T]] = []
    free: list[tuple[float, int]] = []  # the end of the last thing of each slot, and its number
    for (begin, end), _, thing in sorted((span(each), at, each) for at, each in enumerate(things)):
        if free and free[0][0] <= begin:
            number = heapq.heappop(free)[1]
        else:
            number = len(found)
            found.append([])
        found[number].append(thing)
        heapq.heappush(free, (end, number))
    return found


_Parts = tuple[StepRow | None, list[TaskRow]]


def _item(step: StepRow, tasks: list[TaskRow], window: Window, critical: Collection[int]) -> Item[_Parts]:
    is_critical = bool(critical) and any(task.event_id in critical for task in tasks)
    failed = step.state == FAILED and not step.report.optional
    return Item(step.name, (step, tasks), failed, is_critical, _seconds(tasks, window))


def _outside(name: str, tasks: list[TaskRow], window: Window, critical: Collection[int]) -> Item[_Parts]:
    is_critical = bool(critical) and any(task.event_id in critical for task in tasks)
    failed = any(task.failed for task in {each.id: each for each in tasks}.values())
    return Item(name, (None, tasks), failed, is_critical, _seconds(tasks, window))


def _seconds(tasks: Iterable[TaskRow], window: Window) -> float:
    """How long they worked in the time that is shown."""
    first, last, now = window.begin, window.end, window.now
    found = 0.0
    for task in tasks:
        begin, end = task.started, task.ended
        if begin is None:
            continue
        if end is None:
            end = now
        seconds = (end if end < last else last) - (begin if begin > first else first)
        if seconds > 0.0:
            found += seconds
    return found


def _step_line(line: Line[_Parts]) -> Shown:
    found = _line(line, STEP if line.kind == STEP else GROUP if line.kind != REST else OTHER)
    if line.kind == REST:
        found.label = f"{line.label} steps" if line.name == "" else line.label
        found.kind, found.name = (GROUP, line.name) if line.name else (OTHER, "")
    return found


def _outside_line(line: Line[_Parts]) -> Shown:
    found = _line(line, ACTIVITY if line.kind == STEP else OTHER)
    if line.kind == REST:
        found.label = f"{line.label} activities"
    return found


def _line(line: Line[_Parts], kind: str) -> Shown:
    found = Shown(kind, line.name, line.label, line.depth, line.size, line.kind == OPEN)
    if line.kind == FOLDED:
        found.folded = True
    for item in line.items:
        step, tasks = item.value
        found.tasks += tasks
        if step is not None:
            found.steps.append(step)
    return found


def end_of(task: TaskRow, now: float) -> float:
    """Return when a task ended, in epoch seconds; ``now`` if it has not, but no time before it was scheduled."""
    return max(now, task.scheduled) if task.ended is None else task.ended
