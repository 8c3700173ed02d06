"""The bars of one line of a timeline.

A few tasks are drawn each on its own, one above the other where they overlap. Many are drawn as a band whose strength
says how many worked at once. Failures are always drawn on top, and never narrower than can be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable

from simpleflow.pictures.markup import fit, number, text
from simpleflow.pictures.time_scale import Scale
from simpleflow.pictures.timeline_rows import Shown
from simpleflow.shown_text import duration
from simpleflow.step.constants import SKIPPED
from simpleflow.views import rows
from simpleflow.views.rows import AttemptRow, ChildRow, TaskRow, TimerRow
from simpleflow.views.run_view import RunView

Href = Callable[[str, str], str | None]
"""Makes a link: ``href(kind, key)`` returns an address, or None.

Kinds and keys: ``step`` and its name; ``group`` and the begin of the names; ``activity`` and the id of the event that
scheduled it; ``child`` and its run id; ``worker`` and its identity.
"""

RAN, RUNNING, DID_FAIL, ENDED_EARLY = "is-done", "is-running", "is-failed", "is-stopped"
RETRIED, QUEUED, PAUSE, SKIP, CRITICAL, CHILD, FOLDED = (
    "is-failed retried",
    "queued",
    "pause",
    "tick-skipped",
    "critical",
    "child",
    "folded",
)
"""The classes of the shapes."""

_MOST_LANES = 4
_COLUMN = 2.0  # width of the parts of a band
_LEVELS = 4
_STRIP = 3.5  # height of the marks of tries in a band that failed and were tried again
_LABEL_SIZE = 10.5


class Bars:
    """Draws the bars of lines.

    Args:
        view: the rows of the run.
        scale: where times are.
        now: the end of tasks that have not ended.
        alone: as many tasks of a line may be drawn each on its own.
        critical: ids of the rows on the critical path.
        href: makes links.
        of_workers: the lines are workers: bars that are wide enough name their step, and waits are not drawn.
        waits: id of the pattern that waits are filled with.
    """

    def __init__(
        self,
        view: RunView,
        scale: Scale,
        *,
        now: float,
        alone: int,
        critical: Collection[int] = (),
        href: Href | None = None,
        of_workers: bool = False,
        waits: str = "",
    ) -> None:
        self._view, self._scale, self._now, self._alone = view, scale, now, alone
        self._critical, self._href, self._of_workers = critical, href, of_workers
        self._fill = f'fill="url(#{waits})"'
        self.seen: set[str] = set()  # for the legend

    def of(self, shown: Shown, y: float, height: float) -> str:
        """Return the bars of a line between ``y`` and ``y + height``."""
        lanes = self._lanes(shown.tasks) if len(shown.tasks) <= self._alone else []
        parts = []
        if not shown.tasks:
            parts += self._under_way(shown, y, height)
        elif 0 < len(lanes) <= _MOST_LANES:
            parts += self._each(lanes, y, height)
        else:
            parts += self._band(shown, y, height)
        parts += self._skipped(shown, y, height)
        parts += self._waits(shown, y, height)
        return "".join(parts)

    # Each on its own

    def _lanes(self, tasks: list[TaskRow]) -> list[list[TaskRow]]:
        lanes: list[list[TaskRow]] = []
        ends: list[float] = []
        places: dict[str, int] = {}  # of the try before, by id
        for task in sorted(tasks, key=lambda each: (self._seen_from(each), each.event_id)):
            free = [lane for lane, end in enumerate(ends) if end <= self._seen_from(task)]
            before = places.get(task.id)
            at = before if before in free else free[0] if free else len(lanes)
            places[task.id] = at = len(lanes) if at is None else at
            if at == len(lanes):
                lanes.append([])
                ends.append(0.0)
            lanes[at].append(task)
            ends[at] = self._now if task.ended is None else task.ended
        return lanes

    def _seen_from(self, task: TaskRow) -> float:
        """When the part of a task begins that is drawn."""
        return task.started if self._of_workers and task.started is not None else task.scheduled

    def _each(self, lanes: list[list[TaskRow]], y: float, height: float) -> list[str]:
        gap = 1.0 if len(lanes) > 1 else 0.0
        high = (height - gap * (len(lanes) - 1)) / len(lanes)
        parts = []
        for at, lane in enumerate(lanes):
            top = y + at * (high + gap)
            ends: dict[str, float] = {}  # of the tries so far
            for task in lane:
                if task.id in ends and not self._of_workers:
                    before, after = self._scale.x(ends[task.id]), self._scale.x(task.scheduled)
                    if after - before >= 2:
                        self.seen.add(PAUSE)
                        parts.append(_line(PAUSE, before, after, top + high / 2))
                parts.append(self._bar(task, top, high))
                ends[task.id] = self._end(task)
        return parts

    def _bar(self, task: TaskRow, y: float, height: float) -> str:
        begin, end = self._end(task) if task.started is None else task.started, self._end(task)
        left, right = self._scale.x(begin), self._scale.x(end)
        parts = []
        waited = self._scale.x(self._seen_from(task))
        if left - waited >= 1.0:
            self.seen.add(QUEUED)
            parts.append(_rect(QUEUED, waited, left, y + height * 0.3, height * 0.4, self._fill))
        if (task.started is not None or not task.open) and begin <= self._scale.end:
            kind = self._kind(task)
            self.seen.add(kind)
            classes = kind
            if isinstance(task, AttemptRow) and task.about_marks:
                classes += " marks"
            if isinstance(task, ChildRow):
                classes += f" {CHILD}"
                self.seen.add(CHILD)
            wide = max(right - left, 1.2)
            if task.event_id in self._critical:
                classes += f" {CRITICAL}"
                self.seen.add(CRITICAL)
            parts.append(_rect(classes, left, left + wide, y, height))
            if kind == DID_FAIL:
                parts.append(flag(left + wide, y))
            named = self._of_workers and wide > 36 and height > _LABEL_SIZE
            if named and (label := fit(task.step or task.name, wide - 8, _LABEL_SIZE)):
                parts.append(
                    f'<text class="on" x="{number(left + 4)}" y="{number(y + height - 4)}">{text(label)}</text>'
                )
        if not parts:
            return ""
        body = f"<title>{text(self._about(task))}</title>" + "".join(parts)
        kind, key = ("child", task.run_id or "") if isinstance(task, ChildRow) else ("activity", str(task.event_id))
        address = self._href(kind, key) if self._href is not None and key else None
        return f'<a href="{text(address)}">{body}</a>' if address else f"<g>{body}</g>"

    def _about(self, task: TaskRow) -> str:
        """A sentence on a task, for a tip."""
        what = task.step or task.name
        if isinstance(task, AttemptRow) and task.number > 1:
            what += f", try {task.number}"
        end = self._end(task)
        if task.started is None:
            return f"{what}: {self._state(task)} after {duration(max(0.0, end - task.scheduled))} in the queue"
        words = f"{what}: {self._state(task)}, {duration(max(0.0, end - task.started))}"
        if task.started - task.scheduled >= 1:
            words += f" after {duration(task.started - task.scheduled)} in the queue"
        return words + (f", on {task.worker}" if task.worker else "")

    def _state(self, task: TaskRow) -> str:
        return "stopped" if self._view.is_over and task.open else task.state.replace("_", " ")

    def _kind(self, task: TaskRow) -> str:
        if task.failed:
            return DID_FAIL
        if task.open:
            return ENDED_EARLY if self._view.is_over else RUNNING
        return RAN if task.state == rows.COMPLETED else ENDED_EARLY

    def _end(self, task: TaskRow) -> float:
        return max(self._now, task.scheduled) if task.ended is None else task.ended

    # Many

    def _band(self, shown: Shown, y: float, height: float) -> list[str]:
        scale, tasks, highlighted = self._scale, shown.tasks, self._critical
        left, first, until = scale.left, scale.begin, scale.end
        columns = max(1, math.ceil((scale.right - left) / _COLUMN))
        working, queued = [0] * (columns + 1), [0] * (columns + 1)
        failed: set[int] = set()
        retried: set[int] = set()
        critical: set[int] = set()
        number_failed = 0
        # Tasks may be a hundred thousand: their columns are computed together.
        ends = [self._end(task) for task in tasks]
        starts = [end if task.started is None else task.started for task, end in zip(tasks, ends, strict=True)]
        last_columns = scale.columns(ends, _COLUMN)
        first_columns = scale.columns(starts, _COLUMN)
        wait_columns = scale.columns([task.scheduled for task in tasks], _COLUMN)
        most = columns - 1
        for task, end, last, begin, waits in zip(tasks, ends, last_columns, first_columns, wait_columns, strict=True):
            last = last if last < most else most
            started = task.started
            if started is None:
                begin = last
            elif started > until:  # here it only waits
                begin = columns
            else:
                begin = begin if begin < most else most
                working[begin] += 1
                working[last + 1] -= 1
            if waits < begin and waits < columns:
                queued[waits] += 1
                queued[begin] -= 1
            if task.state in rows.BAD_ENDS:
                number_failed += 1
                if first <= end <= until:
                    (failed if self._view.is_last_try(task) else retried).add(last)
            if task.event_id in highlighted and begin <= last:
                critical.update(range(begin, last + 1))
        parts = [] if self._of_workers else self._queue(queued, working, y, height)
        parts += self._levels(working, y, height)
        if retried:
            self.seen.add(RETRIED)
            parts.append(_path(RETRIED, self._runs(retried), y + height - _STRIP, _STRIP))
        if critical:
            self.seen.add(CRITICAL)
            parts.append(_path(CRITICAL + " band", self._runs(critical), y, height))
        if failed:
            self.seen.add(DID_FAIL)
            places = [(left + at * _COLUMN - 0.5, left + (at + 1) * _COLUMN + 0.5) for at in sorted(failed)]
            parts.append(_path(DID_FAIL, places, y, height))
            parts.append(flags([begin + 1.5 for begin, _ in places], y))
        return [f"<g><title>{text(self._about_many(shown, number_failed))}</title>", *parts, "</g>"]

    def _queue(self, queued: list[int], working: list[int], y: float, height: float) -> list[str]:
        found: set[int] = set()
        waiting = at_work = 0
        for column, (change, work) in enumerate(zip(queued, working, strict=True)):
            waiting, at_work = waiting + change, at_work + work
            if waiting and not at_work:
                found.add(column)
        if not found:
            return []
        self.seen.add(QUEUED)
        return [_path(QUEUED, self._runs(found), y + height * 0.3, height * 0.4, self._fill)]

    def _levels(self, working: list[int], y: float, height: float) -> list[str]:
        counts, now = [], 0
        for change in working[:-1]:
            now += change
            counts.append(now)
        most = max(counts, default=0)
        if not most:
            return []
        self.seen.add(RAN)
        by_level: dict[int, set[int]] = {}
        for column, count in enumerate(counts):
            if count:
                by_level.setdefault(math.ceil(count / most * _LEVELS), set()).add(column)
        return [_path(f"{RAN} d{level}", self._runs(found), y, height) for level, found in sorted(by_level.items())]

    def _runs(self, columns: Iterable[int]) -> list[tuple[float, float]]:
        """The places of columns, adjacent ones joined."""
        found: list[tuple[float, float]] = []
        last = -2
        for column in sorted(columns):
            begin = self._scale.left + column * _COLUMN
            if column == last + 1:
                found[-1] = (found[-1][0], begin + _COLUMN)
            else:
                found.append((begin, begin + _COLUMN))
            last = column
        return found

    def _about_many(self, shown: Shown, failed: int) -> str:
        ids = {task.id for task in shown.tasks}
        words = f"{shown.name or shown.label}: {len(ids):,} task{'' if len(ids) == 1 else 's'}"
        if len(shown.tasks) > len(ids):
            words += f" in {len(shown.tasks):,} tries"
        return words + (f", {failed:,} of which failed" if failed else "")

    # Lines without tasks

    def _under_way(self, shown: Shown, y: float, height: float) -> list[str]:
        parts = []
        for step in shown.steps[: self._alone]:
            end = step.end
            left, right = self._scale.x(step.begin), self._scale.x(self._now if end is None else end)
            about = f"<title>{text(f'{step.name}: {step.state}')}</title>"
            if step.state == "waiting":
                self.seen.add(QUEUED)
                parts.append(f"<g>{about}{_rect(QUEUED, left, right, y + height * 0.3, height * 0.4, self._fill)}</g>")
            elif step.state == "failed":
                self.seen.add(DID_FAIL)
                bar = _rect(DID_FAIL, left, max(right, left + 2), y, height) + flag(max(right, left + 2), y)
                parts.append(f"<g>{about}{bar}</g>")
            elif step.ran:
                wide = max(right, left + 1.2)
                parts.append(f"<g>{about}{_rect('hollow', left, wide, y + height * 0.3, height * 0.4)}</g>")
        return parts

    def _skipped(self, shown: Shown, y: float, height: float) -> list[str]:
        places = {round(self._scale.x(step.begin), 0) for step in shown.steps if step.state == SKIPPED}
        if not places:
            return []
        self.seen.add(SKIP)
        count = sum(step.state == SKIPPED for step in shown.steps)
        about = f"{shown.name}: skipped" if count == 1 else f"{count:,} skipped"
        drawn = "".join(f"M{number(x)} {number(y + 2)}v{number(height - 4)}" for x in sorted(places))
        return [f'<path class="{SKIP}" d="{drawn}"><title>{text(about)}</title></path>']

    def _waits(self, shown: Shown, y: float, height: float) -> list[str]:
        parts = []
        for row in shown.waits[: 4 * self._alone]:
            left = self._scale.x(row.scheduled)
            words = f"<title>{text(f'{row.kind} {row.name}: {row.state}')}</title>"
            outline = f" {CRITICAL}" if row.event_id in self._critical else ""
            if outline:
                self.seen.add(CRITICAL)
            if isinstance(row, TimerRow):
                right = max(left + 1.2, self._scale.x(self._now if row.ended is None else row.ended))
                self.seen.add(QUEUED)
                parts.append(
                    f"<g>{words}{_rect(QUEUED + outline, left, right, y + height * 0.3, height * 0.4, self._fill)}</g>"
                )
            else:
                half = height / 2
                shape = f"M{number(left)} {number(y)}l{number(half)} {number(half)}l{number(-half)} {number(half)}"
                shape += f"l{number(-half)} {number(-half)}z"
                parts.append(f'<path class="signal{outline}" d="{shape}">{words}</path>')
        return parts


def _rect(classes: str, left: float, right: float, y: float, height: float, fill: str = "") -> str:
    place = f'x="{number(left)}" y="{number(y)}" width="{number(max(right - left, 0.1))}" height="{number(height)}"'
    return f'<rect class="{classes}" {place} {fill}/>'.replace(" />", "/>")


def _line(classes: str, left: float, right: float, y: float) -> str:
    return f'<path class="{classes}" d="M{number(left)} {number(y)}H{number(right)}"/>'


def _path(classes: str, places: Iterable[tuple[float, float]], y: float, height: float, fill: str = "") -> str:
    """Several bars of one kind, as one shape."""
    drawn = "".join(f"M{number(a)} {number(y)}H{number(b)}v{number(height)}H{number(a)}z" for a, b in places)
    return f'<path class="{classes}" d="{drawn}" {fill}/>'.replace(" />", "/>")


def flag(x: float, y: float) -> str:
    """The mark of a failure."""
    return flags([x], y)


def flags(places: Iterable[float], y: float) -> str:
    """The mark of failures: a triangle, so that readers need not tell colours apart."""
    drawn = "".join(f"M{number(x - 3.5)} {number(y - 3)}h7l-3.5 5z" for x in places)
    return f'<path class="{DID_FAIL} flag" d="{drawn}"/>'
