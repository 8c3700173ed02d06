"""The steps of a run as a tree by dotted name: folded, with the state, the reasons and the times of each.

The address names the open branches, so they stay open after a reload, and the link can be sent to others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from simpleflow.engines.base import RunDescription, RunFilter
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.style import FAILED, LOOKS, SKIPPED, Look, look
from simpleflow.shown_text import duration
from simpleflow.steering.marks import read_marks
from simpleflow.step import rules
from simpleflow.step.mark import Mark
from simpleflow.step.report import why
from simpleflow.ui.folded import Folded, StepSummary, state_of
from simpleflow.ui.links import link
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, end_of, number_of, run_page
from simpleflow.ui.texts import COUNT_WORDS
from simpleflow.views.rows import StepRow
from simpleflow.views.run_view import RunView

LEVEL = 200
"""Rows of a level of the tree, and of a list."""

_EARLIER = 10  # runs whose durations stand beside
_MARK_SECONDS = 0.1  # how long reading marks may take
_SUMMARY_SECONDS = 0.1  # the same for the earlier runs
_MOST_OPEN = 100  # names in the address


class Line(NamedTuple):
    """A line of the tree: a step, a group of steps, or the way to more of them."""

    id: str
    name: str
    label: str
    depth: int
    step: StepRow | None
    state: str
    look: Look | None
    why: str
    seconds: float | None
    earlier: Sequence[tuple[float | None, Look, str]]
    made_by: str | None
    href: str | None  # of the page of the step
    counts: dict[str, int] | None  # of a group
    fold: str | None  # the address in which it is opened or folded
    is_open: bool
    more: str | None = None  # the address with the rows that follow


class _Node:
    """A name with the names below it."""

    __slots__ = ("below", "counts", "step")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.counts: Counter[str] = Counter()
        self.step: StepRow | None = None


def page(visit: Visit, id: str) -> Page:
    """The steps of a run."""

    def values(folded: Folded, view: RunView) -> dict[str, Any]:
        tree = _Tree(visit, folded, view)
        return {
            "lines": tree.lines(),
            "unread": tree.unread,
            "total": len(view.steps),
            "counts": dict(folded.once("tree", _tree_of).counts),
            "looks": [(each.name, COUNT_WORDS[each.name]) for each in LOOKS],
            "query": {"q": tree.text, "state": tree.state},
            "opened": tree.opened,
            "is_flat": tree.is_flat,
            "found": tree.found,
            "flat_more": tree.flat_more,
        }

    return run_page(visit, id, "steps", "steps.html", values)


def prepare(folded: Folded) -> None:
    """Compute what takes long in a long history."""
    folded.once("tree", _tree_of)


def _tree_of(view: RunView) -> _Node:
    root = _Node()
    for name, row in view.steps.items():
        state = look(state_of(view, row)).name
        node = root
        node.counts[state] += 1
        for part in name.split("."):
            node = node.below.setdefault(part, _Node())
            node.counts[state] += 1
        node.step = row
    return root


_Shown = tuple[str, _Node | None, int, tuple[str, bool] | None]
"""The content of a line: a name, its node and its depth; without a node, an address with more rows, and True if they
come before."""


class _Tree:
    def __init__(self, visit: Visit, folded: Folded, view: RunView) -> None:
        self.visit, self.folded, self.view, self.run = visit, folded, view, folded.run
        self.text = visit.query.get("q", "").strip()
        self.state = visit.query.get("state", "")
        self.root = folded.once("tree", _tree_of)
        given = [name for name in visit.query.getlist("open") if name][:_MOST_OPEN]
        self.is_default = "open" not in visit.query
        self.opened = _opened_at_first(self.root) if self.is_default else given
        self.skips = dict(map(_skip, visit.query.getlist("skip")))
        self.unread = False  # earlier runs are still being read
        self.is_flat = bool(self.text or self.state)
        self.found = 0
        self.flat_more: str | None = None
        self.end = end_of(visit, self.run, view)

    def lines(self) -> list[Line]:
        shown = self._flat() if self.is_flat else list(self._below(self.root, "", 0))
        names = [name for name, node, _, _ in shown if node is not None and node.step is not None]
        marks = self._marks(names)
        earlier = earlier_runs(self.visit, self.run, _EARLIER, _SUMMARY_SECONDS)
        self.unread = earlier.unread
        return [
            self._more(name, depth, *(more or ("", False)))
            if node is None
            else self._line(name, node, depth, marks.get(name), earlier.runs)
            for name, node, depth, more in shown
        ]

    def _below(self, node: _Node, prefix: str, depth: int) -> list[_Shown]:
        """The lines below a node: name, node, depth; without a node, the address of those that follow."""
        found: list[_Shown] = []
        skip = self.skips.get(prefix, 0)
        children = list(node.below.items())
        if skip:
            address = self._address(skips={**self.skips, prefix: max(0, skip - LEVEL)})
            found.append((prefix, None, depth, (address, True)))
        for part, child in children[skip : skip + LEVEL]:
            name = f"{prefix}.{part}" if prefix else part
            found.append((name, child, depth, None))
            if child.below and name in self.opened:
                found += self._below(child, name, depth + 1)
        if len(children) > skip + LEVEL:
            address = self._address(skips={**self.skips, prefix: skip + LEVEL})
            found.append((prefix, None, depth, (address, False)))
        return found

    def _flat(self) -> list[_Shown]:
        names = [
            name
            for name, row in self.view.steps.items()
            if self.text.lower() in name.lower() and self.state in ("", look(state_of(self.view, row)).name)
        ]
        self.found = len(names)
        first = self.visit.number("from")
        if len(names) > first + LEVEL:
            self.flat_more = self._address(first=first + LEVEL)
        return [(name, self._leaf(name), 0, None) for name in names[first : first + LEVEL]]

    def _leaf(self, name: str) -> _Node:
        node = _Node()
        node.step = self.view.steps[name]
        return node

    def _line(
        self,
        name: str,
        node: _Node,
        depth: int,
        mark: Mark | None,
        earlier: Sequence[tuple[RunDescription, dict[str, StepSummary]]],
    ) -> Line:
        row = node.step
        label = name if self.is_flat else name.rpartition(".")[2]
        is_open = name in self.opened
        fold = None
        if node.below:
            others = [each for each in self.opened if each != name and not rules.covers(name, each)]
            fold = self._address(opened=others if is_open else [*self.opened, name])
        counts = dict(node.counts) if node.below else None
        if row is None:
            looks = FAILED if node.counts.get(FAILED.name) else None
            return Line(
                f"s-{name}", name, label, depth, None, "", looks, "", None, (), None, None, counts, fold, is_open
            )
        state = state_of(self.view, row)
        seconds = self.view.work_time(name, self.end).seconds if row.ran else None
        if mark is not None and seconds is None:
            seconds = mark.seconds
        values = [
            (found.seconds, look(found.state), f"{_when(run)}: {_said(found)}")
            for run, steps in earlier
            if (found := steps.get(name)) is not None
        ]
        made_by = row.made_by if mark is None else mark.run_id
        return Line(
            f"s-{name}",
            name,
            label,
            depth,
            row,
            state,
            look(state),
            why(row.report),
            seconds,
            values,
            made_by if made_by != self.run.run_id else "this run",
            link("run", self.run.run_id, "step", name),
            counts,
            fold,
            is_open,
        )

    def _more(self, prefix: str, depth: int, address: str, is_before: bool) -> Line:
        label = f"the {LEVEL} before" if is_before else f"the next {LEVEL}"
        id = f"m-{'before' if is_before else 'next'}-{prefix}"
        return Line(id, prefix, label, depth, None, "", None, "", None, (), None, None, None, None, False, address)

    def _address(
        self,
        opened: Sequence[str] | None = None,
        skips: dict[str, int] | None = None,
        first: int = 0,
    ) -> str:
        skips = self.skips if skips is None else skips
        is_default = self.is_default and opened is None
        query: dict[str, Any] = {
            "q": self.text,
            "state": self.state,
            "skip": [f"{number}~{name}" for name, number in skips.items() if number],
            "from": first or None,
        }
        address = link("run", self.run.run_id, "steps", query=query)
        if is_default:
            return address
        names = [*(self.opened if opened is None else opened)]
        more = link(query={"open": names or None})[2:] or "open="
        return f"{address}{'&' if '?' in address else '?'}{more}"

    def _marks(self, names: Sequence[str]) -> dict[str, Mark]:
        """The marks by which steps that are shown were skipped, as far as they can be read at once."""
        view, known = self.view, self.folded.marks
        skipped = [name for name in names if look(view.steps[name].state) is SKIPPED]
        sought = [name for name in skipped if name not in known]
        if view.listed is not None and sought:  # each may cost a request
            began = time.monotonic()
            found = read_marks(view.listed.bucket, view.listed.path, sought, _MARK_SECONDS)
            in_time = time.monotonic() - began < _MARK_SECONDS
            for name in sought if in_time else found:
                mark = found.get(name)
                of_then = mark is not None and mark.time is not None and mark.time <= (view.steps[name].end or 0.0)
                known[name] = mark if of_then else None  # one that was written later is another one
        return {name: mark for name in skipped if (mark := known.get(name)) is not None}


def _opened_at_first(root: _Node) -> list[str]:
    """The branches that are open if the address names none: the way to the first fork, and to a failure."""
    opened = []
    node, name = root, ""
    while len(node.below) == 1:
        part, node = next(iter(node.below.items()))
        name = f"{name}.{part}" if name else part
        if node.below:
            opened.append(name)
    failed = [(part, child) for part, child in node.below.items() if child.below and child.counts.get(FAILED.name)]
    opened += [f"{name}.{part}" if name else part for part, _ in failed[:3]]
    return opened


def _skip(text: str) -> tuple[str, int]:
    """``400~load``: the rows of the level below ``load`` begin with the 401st. Raises InputError."""
    number, _, name = text.partition("~")
    return name, number_of(number, "skip")


class Earlier(NamedTuple):
    """The runs of a workflow id, the latest first, with the summaries of their steps."""

    runs: list[tuple[RunDescription, dict[str, StepSummary]]]
    unread: bool  # some are left out, since they are still being read


def earlier_runs(visit: Visit, run: RunDescription, most: int, seconds: float, before: str | None = None) -> Earlier:
    """This run and those of the same workflow id before it; or those before the run id ``before``.

    Runs that are not known after so many seconds are left out, and are read meanwhile.
    """
    deadline = time.monotonic() + seconds
    found: list[tuple[RunDescription, dict[str, StepSummary]]] = []
    unread = False
    start = run.run_id if before is None else before
    first = [] if before is not None else [run]
    for each in [*first, *visit.source.list_runs(RunFilter(workflow_id=run.workflow_id), start, most)]:
        summary = visit.runs.summary(each, deadline)
        if summary is not None:
            found.append((each, summary.steps))
        unread |= summary is None
    return Earlier(found[: most + 1], unread)


def _when(run: RunDescription) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))


def _said(found: StepSummary) -> str:
    return found.state if found.seconds is None else f"{found.state}, {duration(found.seconds)}"
