"""The steps of a run and its children as a tree of dotted names, and the choice of rows that fit on a terminal.

Each execution is the root of a tree. Below it, ``load.users`` is a child of the group ``load``. Every node counts the
steps at and below it by status, and a new status of a step changes the counts along its path only, so that showing a
run of many steps stays cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from simpleflow.cli.view.failures import ActivityFailure
from simpleflow.core.work_time import Interval, WorkTime, length, without
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.constants import COMPLETED, FAILED, SCHEDULED, SKIPPED, WAITING
from simpleflow.step.report import StepReport
from simpleflow.views.base_view import between_tries
from simpleflow.views.rows import AttemptRow, StepRow

ACTIVE = "active"
"""The kind of a step that is scheduled or waiting."""

_KINDS = {WAITING: ACTIVE, SCHEDULED: ACTIVE, COMPLETED: COMPLETED, SKIPPED: SKIPPED, FAILED: FAILED}


class Node:
    """A step, a group of steps whose names begin alike, or a whole execution. A step may be a group too."""

    __slots__ = (
        "began",
        "children",
        "common",
        "counts",
        "end_message",
        "ended",
        "failures",
        "name",
        "output",
        "pauses",
        "queued",
        "report",
        "row",
        "status",
        "worked",
    )

    def __init__(self, name: str) -> None:
        self.name = name  # the full name of a step or group; the workflow id of an execution
        self.children: dict[str, Node] = {}  # by full name
        self.counts = {ACTIVE: 0, COMPLETED: 0, SKIPPED: 0, FAILED: 0}  # of the steps at and below this node
        self.row: StepRow | None = None  # of a step that goes on; else None
        self.worked: float | None = None  # how many seconds the activities of the step worked
        self.began: float | None = None  # epoch seconds; of the execution, or of a group's first step
        self.ended: float | None = None  # epoch seconds; of the step, or of a group's last one
        self.report: StepReport | None = None  # the latest one of the step; None for a mere group
        self.failures: Sequence[ActivityFailure] = ()  # activities that failed the step
        self.output: Sequence[str] = ()  # the last lines that these have printed
        self.end_message = ""  # of an execution: how it ended
        self.status: str | None = None  # of an execution: SCHEDULED, COMPLETED or FAILED
        self.pauses: Sequence[Interval] = ()  # of a step or execution: times in which no process drove the execution
        self.queued = False  # a step whose activities all wait for a worker
        self.common: StepReport | None = None  # of a mere group: a report with the reasons of all its steps

    @property
    def total(self) -> int:
        """The number of steps at and below this node."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """The number of these steps that completed or were skipped."""
        return self.counts[COMPLETED] + self.counts[SKIPPED]

    @property
    def urgent(self) -> bool:
        """True if a step at or below this node is active or has failed."""
        return bool(self.counts[ACTIVE] or self.counts[FAILED])

    @property
    def running(self) -> bool:
        """True if the step or execution has not ended, or if a step of the group is active."""
        if self.status is not None:
            return self.status == SCHEDULED
        return self.ended is None if self.report is not None else self.counts[ACTIVE] > 0

    @property
    def seconds(self) -> float | None:
        """The duration in seconds; None if it has not ended or if no step ran."""
        if self.running:
            return None
        if self.report is not None:
            return self.worked
        ran = self.status or self.counts[COMPLETED] or self.counts[FAILED]
        return self.ended - self.began if ran and self.began is not None and self.ended is not None else None

    def so_far(self, now: float) -> float | None:
        """How long it has taken until now, in epoch seconds, or how long it is queued; None if it has ended.

        The time between two tries, and before the next one, does not count, nor the time in which no process drove it.
        """
        if not self.running:
            return None
        row = self.row
        began = self.began if row is None else row.started or row.begin
        if began is None:
            return None
        idle = list(self.pauses)
        if row is not None and row.tasks:
            last = row.tasks[-1]
            if last.failed and last.ended is not None and not any(task.open for task in row.tasks):
                now = last.ended
            if any(isinstance(task, AttemptRow) and task.number > 1 for task in row.tasks):
                idle += between_tries(row.tasks)
        return length(without([(began, max(began, now))], idle)) if idle else max(0.0, now - began)

    @property
    def state(self) -> str:
        """The status of the execution or step, or one that sums up the steps of a group."""
        if self.status is not None:
            return self.status
        if self.report is not None:
            return self.report.status
        if self.counts[ACTIVE]:
            return SCHEDULED
        if self.counts[FAILED]:
            return FAILED
        return COMPLETED if self.counts[COMPLETED] or not self.counts[SKIPPED] else SKIPPED


class Row(NamedTuple):
    """A row of the view: a node and its depth in the tree."""

    node: Node
    depth: int
    open: bool  # the rows of its children follow
    explained: bool = False  # the row of its group gives the reasons of all steps in the group

    @property
    def stands_for(self) -> int:
        """The number of steps that this row represents."""
        return int(self.node.report is not None) if self.open else self.node.total

    @property
    def failed(self) -> int:
        """The number of failed steps that this row represents."""
        if self.open:
            return int(self.node.report is not None and self.node.report.status == FAILED)
        return self.node.counts[FAILED]


class Tree:
    """The trees of a run and its children."""

    def __init__(self) -> None:
        self.runs: dict[str, Node] = {}  # the root of each execution by workflow id, the run itself first
        self.version = 0  # grows with every change
        self.waiting = 0  # steps that another run is running
        self._paths: dict[str, dict[str, tuple[Node, ...]]] = {}  # by workflow id and step: root to step
        self._queued: list[Node] = []  # the nodes that are queued

    def begin(self, workflow_id: str, time: float) -> None:
        """Record that an execution began, for the first time or again."""
        node = self._run(workflow_id, time)
        node.status, node.ended, node.end_message = SCHEDULED, None, ""
        self.version += 1

    def end(self, workflow_id: str, time: float, well: bool, end_message: str = "") -> None:
        """Record that an execution ended. ``end_message`` tells how if it did not complete."""
        node = self._run(workflow_id, time)
        node.status, node.ended, node.end_message = COMPLETED if well else FAILED, time, end_message
        self.version += 1

    def step(
        self,
        workflow_id: str,
        row: StepRow,
        time: float,
        work: WorkTime | None = None,
        failures: Sequence[ActivityFailure] = (),
        output: Sequence[str] = (),
        pauses: Sequence[Interval] = (),
    ) -> None:
        """Record the latest report of a step.

        ``work``: when its activities worked, once it has ended. ``failures``: activities that failed it. ``output``:
        the last lines that these have printed. ``pauses``: of its execution, see ``Node.pauses``; they may grow.
        """
        found = row.report
        paths = self._paths.setdefault(workflow_id, {})
        path = paths.get(found.step)
        is_new = path is None
        if path is None:
            path = paths[found.step] = _make_path(self._run(workflow_id, time), found.step)
        node = path[-1]
        kind = _KINDS[found.status]
        before = None if node.report is None else _KINDS[node.report.status]
        self.waiting += (found.status == WAITING) - (node.report is not None and node.report.status == WAITING)
        node.report, node.failures, node.output = found, failures, output
        for each in path:
            if kind != before:
                each.counts[kind] += 1
                if before is not None:
                    each.counts[before] -= 1
        node.row = row if kind == ACTIVE else None  # there may be very many: it is needed while the step goes on
        node.pauses, path[0].pauses = pauses, pauses
        node.ended = None if kind == ACTIVE else time
        node.worked = None if work is None else work.seconds
        worked = work.worked if work is not None else ()
        begin, end = (worked[0][0], worked[-1][1]) if worked else (time, time)
        for group in path[1:-1]:
            if group.report is None:
                group.began = begin if group.began is None else min(group.began, begin)
                group.ended = end if group.ended is None else max(group.ended, end)
                if group.common is None:
                    group.common = found if is_new and group.total == 1 else None
                elif (group.common.forced, group.common.reasons) != (found.forced, found.reasons):
                    group.common = None  # for good, as it has more than one step by now
        self.version += 1

    def mark_queued(self, steps: Iterable[tuple[str, str]]) -> int:
        """Record which active steps are queued, by workflow id and name, and return how many."""
        for node in self._queued:
            node.queued = False
        paths = (self._paths.get(workflow_id, {}).get(step) for workflow_id, step in steps)
        found = [path[-1] for path in paths if path is not None]
        self._queued = [node for node in found if node.running and not node.children and node.state == SCHEDULED]
        for node in self._queued:
            node.queued = True
        return len(self._queued)

    def _run(self, workflow_id: str, time: float) -> Node:
        found = self.runs.get(workflow_id)
        if found is None:
            found = self.runs[workflow_id] = Node(workflow_id)
            found.began, found.status = time, SCHEDULED
        return found

    def rows(self, limit: int) -> tuple[list[Row], int]:
        """Return at most ``limit`` rows to show, and the number of steps that they leave out.

        A group is open while one of its steps is active or has failed. If the rows do not fit, active steps come first,
        then failed ones, then queued ones, then those that ended last.
        """
        found: list[Row] = []
        for number, root in enumerate(self.runs.values()):
            if number:
                is_open = root.urgent or root.running
                found.append(Row(root, 0, is_open))
            if not number or is_open:
                found += _rows_below(root, min(number, 1), limit)
        if len(found) > limit:
            order = sorted(range(len(found)), key=lambda at: _rank(found[at], at))
            found = [found[at] for at in sorted(order[:limit])]
        return found, sum(root.total for root in self.runs.values()) - sum(row.stands_for for row in found)


def _make_path(root: Node, name: str) -> tuple[Node, ...]:
    path = [root]
    at = name.find(".")
    while at >= 0:
        path.append(path[-1].children.setdefault(name[:at], Node(name[:at])))
        at = name.find(".", at + 1)
    path.append(path[-1].children.setdefault(name, Node(name)))
    return tuple(path)


def _rows_below(node: Node, depth: int, limit: int) -> Iterator[Row]:
    children = list(node.children.values())
    if len(children) > limit:
        active = [each for each in children if each.counts[ACTIVE] and not each.queued]
        failed = [each for each in children if each.counts[FAILED] and not each.counts[ACTIVE]]
        queued = [each for each in children if each.queued]
        room = max(0, limit - len(active) - len(failed) - len(queued))
        latest = islice((each for each in reversed(children) if not each.urgent), room)
        children = (active + failed + queued + list(latest)[::-1])[:limit]
    explained = node.common is not None and len(children) > 1
    for each in children:
        while each.report is None and len(each.children) == 1:  # a name with one child is shown as the child
            (each,) = each.children.values()
        is_open = bool(each.children) and each.urgent
        yield Row(each, depth, is_open, explained)
        if is_open:
            yield from _rows_below(each, depth + 1, limit)


def _rank(row: Row, at: int) -> tuple[int, int]:
    counts = row.node.counts
    if row.node.queued:
        return 2, at
    if counts[ACTIVE] or row.open:
        return 0, at
    return (1, at) if counts[FAILED] else (3, -at)
