"""The bars of one line of a timeline.

A few tasks are drawn each on its own, one above the other where they overlap. Many are drawn as a band, see
``timeline_band``. Failures are always drawn on top, and never narrower than can be seen.
"""

from __future__ import annotations

from collections.abc import Collection

from simpleflow.pictures.markup import Href, fit, number, text
from simpleflow.pictures.time_scale import Scale
from simpleflow.pictures.timeline_band import Band
from simpleflow.pictures.timeline_rows import Shown, end_of
from simpleflow.pictures.timeline_shapes import (
    CHILD,
    CRITICAL,
    DID_FAIL,
    ENDED_EARLY,
    PAUSE,
    QUEUED,
    RAN,
    RUNNING,
    SKIP,
    flag,
    line,
    rect,
)
from simpleflow.shown_text import duration
from simpleflow.step.constants import SKIPPED
from simpleflow.views import rows
from simpleflow.views.rows import AttemptRow, ChildRow, TaskRow, TimerRow
from simpleflow.views.run_view import RunView

_MOST_LANES = 4
_LABEL_SIZE = 10.5


class Bars:
    """Draws the bars of lines.

    Args:
        view: the rows of the run.
        scale: where times are.
        now: the end of tasks that have not ended, in epoch seconds.
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
        self.seen: set[str] = set()  # the classes of the shapes that were drawn, for the legend
        self._band = Band(
            view, scale, now=now, critical=critical, of_workers=of_workers, fill=self._fill, seen=self.seen
        )

    def of(self, shown: Shown, y: float, height: float) -> str:
        """Return the bars of a line between ``y`` and ``y + height``."""
        lanes = self._lanes(shown.tasks) if len(shown.tasks) <= self._alone else []
        parts = []
        if not shown.tasks:
            parts += self._under_way(shown, y, height)
        elif 0 < len(lanes) <= _MOST_LANES:
            parts += self._each(lanes, y, height)
        else:
            parts += self._band.of(shown, y, height)
        parts += self._skipped(shown, y, height)
        parts += self._waits(shown, y, height)
        return "".join(parts)

    # Each on its own

    def _lanes(self, tasks: list[TaskRow]) -> list[list[TaskRow]]:
        lanes: list[list[TaskRow]] = []
        ends: list[float] = []
        lane_of: dict[str, int] = {}  # of the try before, by id
        for task in sorted(tasks, key=lambda each: (self._seen_from(each), each.event_id)):
            free = [lane for lane, end in enumerate(ends) if end <= self._seen_from(task)]
            at = free[0] if free else len(lanes)
            if (before := lane_of.get(task.id)) in free:
                at = before
            lane_of[task.id] = at
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
                        parts.append(line(PAUSE, before, after, top + high / 2))
                parts.append(self._bar(task, top, high))
                ends[task.id] = end_of(task, self._now)
        return parts

    def _bar(self, task: TaskRow, y: float, height: float) -> str:
        begin, end = end_of(task, self._now) if task.started is None else task.started, end_of(task, self._now)
        left, right = self._scale.x(begin), self._scale.x(end)
        parts = []
        waited = self._scale.x(self._seen_from(task))
        if left - waited >= 1.0:
            self.seen.add(QUEUED)
            parts.append(rect(QUEUED, waited, left, y + height * 0.3, height * 0.4, self._fill))
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
            parts.append(rect(classes, left, left + wide, y, height))
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
        end = end_of(task, self._now)
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

    # Lines without tasks

    def _under_way(self, shown: Shown, y: float, height: float) -> list[str]:
        parts = []
        for step in shown.steps[: self._alone]:
            end = step.end
            left, right = self._scale.x(step.begin), self._scale.x(self._now if end is None else end)
            about = f"<title>{text(f'{step.name}: {step.state}')}</title>"
            if step.state == "waiting":
                self.seen.add(QUEUED)
                parts.append(f"<g>{about}{rect(QUEUED, left, right, y + height * 0.3, height * 0.4, self._fill)}</g>")
            elif step.state == "failed":
                self.seen.add(DID_FAIL)
                bar = rect(DID_FAIL, left, max(right, left + 2), y, height) + flag(max(right, left + 2), y)
                parts.append(f"<g>{about}{bar}</g>")
            elif step.ran:
                wide = max(right, left + 1.2)
                parts.append(f"<g>{about}{rect('hollow', left, wide, y + height * 0.3, height * 0.4)}</g>")
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
                    f"<g>{words}{rect(QUEUED + outline, left, right, y + height * 0.3, height * 0.4, self._fill)}</g>"
                )
            else:
                half = height / 2
                shape = f"M{number(left)} {number(y)}l{number(half)} {number(half)}l{number(-half)} {number(half)}"
                shape += f"l{number(-half)} {number(-half)}z"
                parts.append(f'<path class="signal{outline}" d="{shape}">{words}</path>')
        return parts
