"""The steps of a run and its children as a tree of dotted names, with counts, and which of them to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from simpleflow.cli.view.follower import ActivityFailure
from simpleflow.step.constants import COMPLETED, FAILED, SCHEDULED, SKIPPED, WAITING
from simpleflow.step.report import StepReport

ACTIVE = "active"
"""A status of nodes: something is under way there, or waits."""

_KINDS = {WAITING: ACTIVE, SCHEDULED: ACTIVE, COMPLETED: COMPLETED, SKIPPED: SKIPPED, FAILED: FAILED}


class Node:
    """A step, or what the names of several have in common, or a whole execution.

    ``counts``: the steps at and below it by ACTIVE, COMPLETED, SKIPPED and FAILED. ``began`` and ``ended``: in epoch
    seconds, of its own step if there is one, else of those below it. ``report``: what was said last of its own step.
    """

    __slots__ = ("began", "children", "counts", "end_message", "ended", "failures", "name", "report", "status")

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: dict[str, Node] = {}
        self.counts = {ACTIVE: 0, COMPLETED: 0, SKIPPED: 0, FAILED: 0}
        self.began: float | None = None
        self.ended: float | None = None
        self.report: StepReport | None = None
        self.failures: Sequence[ActivityFailure] = ()
        self.end_message = ""  # of an execution: how it ended
        self.status: str | None = None  # of an execution: SCHEDULED, COMPLETED or FAILED

    @property
    def total(self) -> int:
        """How many steps there are at and below it."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many of them ran or were skipped."""
        return self.counts[COMPLETED] + self.counts[SKIPPED]

    @property
    def urgent(self) -> bool:
        """Whether something at or below it is under way or has failed."""
        return bool(self.counts[ACTIVE] or self.counts[FAILED])

    @property
    def running(self) -> bool:
        """Whether it is under way itself, or as the group that it is."""
        if self.status is not None:
            return self.status == SCHEDULED
        return self.ended is None if self.report is not None else self.counts[ACTIVE] > 0

    @property
    def seconds(self) -> float | None:
        """How long it took; None if it has not ended, or nothing was played."""
        if self.running or self.began is None or self.ended is None:
            return None
        played = self.report or self.status or self.counts[COMPLETED] or self.counts[FAILED]
        return self.ended - self.began if played else None

    @property
    def state(self) -> str:
        """The status of its own step; else what those below it come to."""
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
    """A node at its place among those that are shown; ``open``: the rows of those below it follow."""

    node: Node
    depth: int
    open: bool

    @property
    def stands_for(self) -> int:
        """How many steps it shows."""
        return int(self.node.report is not None) if self.open else self.node.total


class Tree:
    """``runs``: the trees of the executions by workflow id, that of the run itself first. ``version`` grows."""

    def __init__(self) -> None:
        self.runs: dict[str, Node] = {}
        self.version = 0
        self._paths: dict[tuple[str, str], tuple[Node, ...]] = {}

    def begin(self, workflow_id: str, time: float) -> None:
        """An execution has begun, for the first time or again."""
        node = self._run(workflow_id, time)
        node.status, node.ended, node.end_message = SCHEDULED, None, ""
        self.version += 1

    def end(self, workflow_id: str, time: float, well: bool, end_message: str = "") -> None:
        """An execution has ended; ``end_message``: how, if not well."""
        node = self._run(workflow_id, time)
        node.status, node.ended, node.end_message = COMPLETED if well else FAILED, time, end_message
        self.version += 1

    def step(self, workflow_id: str, found: StepReport, time: float, failures: Sequence[ActivityFailure] = ()) -> None:
        """Something was said of a step."""
        key = workflow_id, found.step
        path = self._paths.get(key)
        if path is None:
            path = self._paths[key] = _make_path(self._run(workflow_id, time), found.step)
        node = path[-1]
        kind = _KINDS[found.status]
        before = None if node.report is None else _KINDS[node.report.status]
        node.report, node.failures = found, failures
        for each in path:
            if kind != before:
                each.counts[kind] += 1
                if before is not None:
                    each.counts[before] -= 1
        if kind == ACTIVE:
            node.began, node.ended = time, None
        else:
            node.ended = time
            if kind == SKIPPED:
                node.began = None
        for group in path[1:-1]:
            if group.report is None:
                group.began = time if group.began is None else group.began
                group.ended = time
        self.version += 1

    def _run(self, workflow_id: str, time: float) -> Node:
        found = self.runs.get(workflow_id)
        if found is None:
            found = self.runs[workflow_id] = Node(workflow_id)
            found.began, found.status = time, SCHEDULED
        return found

    def rows(self, limit: int) -> tuple[list[Row], int]:
        """At most ``limit`` rows to show, and how many steps they leave out.

        A group is open while something in it is under way or has failed. Where not all have room, what is under way
        comes first, then what has failed, then what ended last.
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
        active = [each for each in children if each.counts[ACTIVE]]
        failed = [each for each in children if each.counts[FAILED] and not each.counts[ACTIVE]]
        room = max(0, limit - len(active) - len(failed))
        latest = islice((each for each in reversed(children) if not each.urgent), room)
        children = (active + failed + list(latest)[::-1])[:limit]
    for each in children:
        while each.report is None and len(each.children) == 1:  # one name alone is no group
            (each,) = each.children.values()
        is_open = bool(each.children) and each.urgent
        yield Row(each, depth, is_open)
        if is_open:
            yield from _rows_below(each, depth + 1, limit)


def _rank(row: Row, at: int) -> tuple[int, int]:
    counts = row.node.counts
    if counts[ACTIVE] or row.open:
        return 0, at
    return (1, at) if counts[FAILED] else (2, -at)
