"""The band of a line of a timeline that has many tasks: its strength says how many worked at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from simpleflow.pictures.markup import text
from simpleflow.pictures.time_scale import Scale
from simpleflow.pictures.timeline_rows import Shown, end_of
from simpleflow.pictures.timeline_shapes import CRITICAL, DID_FAIL, QUEUED, RAN, RETRIED, flags, path
from simpleflow.views import rows
from simpleflow.views.run_view import RunView

_COLUMN = 2.0  # width of the parts of a band
_LEVELS = 4
_STRIP = 3.5  # height of the marks of tries in a band that failed and were tried again


class Band:
    """Draws bands.

    Args:
        view: the rows of the run.
        scale: where times are.
        now: the end of tasks that have not ended, in epoch seconds.
        critical: ids of the rows on the critical path.
        of_workers: the lines are workers: waits are not drawn.
        fill: the attribute that fills waits with their pattern.
        seen: gets the classes of the shapes that were drawn, for the legend.
    """

    def __init__(
        self,
        view: RunView,
        scale: Scale,
        *,
        now: float,
        critical: Collection[int],
        of_workers: bool,
        fill: str,
        seen: set[str],
    ) -> None:
        self._view, self._scale, self._now = view, scale, now
        self._critical, self._of_workers, self._fill, self._seen = critical, of_workers, fill, seen

    def of(self, shown: Shown, y: float, height: float) -> list[str]:
        """Return the shapes of the band of a line between ``y`` and ``y + height``."""
        scale, tasks, highlighted = self._scale, shown.tasks, self._critical
        left, first, until = scale.left, scale.begin, scale.end
        columns = max(1, math.ceil((scale.right - left) / _COLUMN))
        working, queued = [0] * (columns + 1), [0] * (columns + 1)
        failed: set[int] = set()
        retried: set[int] = set()
        critical: set[int] = set()
        number_failed = 0
        # Tasks may be a hundred thousand: their columns are computed together.
        ends = [end_of(task, self._now) for task in tasks]
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
            self._seen.add(RETRIED)
            parts.append(path(RETRIED, self._runs(retried), y + height - _STRIP, _STRIP))
        if critical:
            self._seen.add(CRITICAL)
            parts.append(path(CRITICAL + " band", self._runs(critical), y, height))
        if failed:
            self._seen.add(DID_FAIL)
            places = [(left + at * _COLUMN - 0.5, left + (at + 1) * _COLUMN + 0.5) for at in sorted(failed)]
            parts.append(path(DID_FAIL, places, y, height))
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
        self._seen.add(QUEUED)
        return [path(QUEUED, self._runs(found), y + height * 0.3, height * 0.4, self._fill)]

    def _levels(self, working: list[int], y: float, height: float) -> list[str]:
        counts, now = [], 0
        for change in working[:-1]:
            now += change
            counts.append(now)
        most = max(counts, default=0)
        if not most:
            return []
        self._seen.add(RAN)
        by_level: dict[int, set[int]] = {}
        for column, count in enumerate(counts):
            if count:
                by_level.setdefault(math.ceil(count / most * _LEVELS), set()).add(column)
        return [path(f"{RAN} d{level}", self._runs(found), y, height) for level, found in sorted(by_level.items())]

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
