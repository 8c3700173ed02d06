"""How long tasks worked, and how long they only waited for a worker, from their times. Pure functions.

A step consists of activities and children, several at once or one after the other. Its time is the time from the first
start to the last end, less

- the times in which something waited in a queue and nothing worked,
- the times between two tries of a task in which nothing worked,
- the pauses of the whole run, in which no process drove it.

So a step that waited an hour for a worker and then worked for a minute took a minute, and the hour is told apart.
Likewise for one that failed at once and was tried again after an hour.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter

from simpleflow.named_tuple import NamedTuple

Interval = tuple[float, float]
"""Begin and end in epoch seconds."""


class Task(NamedTuple):
    """The times of one try of an activity, or of a child, in epoch seconds. None: not yet."""

    scheduled: float
    started: float | None
    ended: float | None


class WorkTime(NamedTuple):
    """When tasks worked."""

    worked: tuple[Interval, ...]  # in order, without overlaps; empty if nothing has started
    queued: float  # seconds in which something waited for a worker and nothing worked
    paused: float = 0.0  # seconds between two tries in which nothing worked

    @property
    def began(self) -> float | None:
        """The first start."""
        return self.worked[0][0] if self.worked else None

    @property
    def ended(self) -> float | None:
        """The last end."""
        return self.worked[-1][1] if self.worked else None

    @property
    def seconds(self) -> float | None:
        """How long they worked; None if nothing has started."""
        return length(self.worked) if self.worked else None


NOTHING = WorkTime((), 0.0)


def work_time(
    tasks: Iterable[Task],
    pauses: Sequence[Interval] = (),
    now: float | None = None,
    between_tries: Sequence[Interval] = (),
) -> WorkTime:
    """Return when these tasks worked.

    Args:
        tasks: in any order.
        pauses: times in which no process drove the run.
        now: the end of tasks that have not ended, in epoch seconds; None: they are left out.
        between_tries: the times from the end of a try to the next one of the same task, see ``between``.
    """
    working: list[Interval] = []
    waiting: list[Interval] = []
    for scheduled, started, ended in tasks:
        end = now if ended is None else ended
        begin = started if started is not None else end
        if begin is not None:
            waiting.append((scheduled, begin))
        if started is not None and end is not None:
            working.append((started, end))
    if len(working) == 1 and not pauses and len(waiting) == 1:  # the usual step
        [(scheduled, started_at)], [(_, end_at)] = waiting, working
        return WorkTime(((started_at, max(started_at, end_at)),), max(0.0, started_at - scheduled))
    busy = union(working)
    return _work_time(busy, union(waiting), pauses, between_tries)


def seconds_worked(busy: Sequence[Interval], waiting: Sequence[Interval]) -> float | None:
    """Return the seconds of ``work_time`` of tasks that worked and waited in these times; None if nothing has started.

    Both are in order, without overlaps.
    """
    return _work_time(busy, waiting, (), ()).seconds


def _work_time(
    busy: Sequence[Interval],
    waiting: Sequence[Interval],
    pauses: Sequence[Interval],
    between_tries: Sequence[Interval],
) -> WorkTime:
    idle = without(waiting, busy)
    queued = length(without(idle, pauses))
    if not busy:
        return WorkTime((), queued)
    whole = [(busy[0][0], busy[-1][1])]
    paused = without(without(union(between_tries), busy), idle) if between_tries else []
    worked = without(without(without(whole, idle), paused), pauses)
    return WorkTime(tuple(worked), queued, length(without(paused, pauses)))


def between(tries: Iterable[Task]) -> list[Interval]:
    """Return the times from the end of each try of one task to the scheduling of the next one."""
    found: list[Interval] = []
    ended: float | None = None
    for each in tries:
        if ended is not None and ended < each.scheduled:
            found.append((ended, each.scheduled))
        ended = each.ended
    return found


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the times that one of the intervals covers, in order, without overlaps."""
    found: list[Interval] = []
    first = last = 0.0
    is_open = False
    for begin, end in sorted(intervals):  # a picture has a hundred thousand: no tuple is made for what is joined
        if is_open and begin <= last:
            if end > last:
                last = end
        elif end >= begin:
            if is_open:
                found.append((first, last))
            first, last, is_open = begin, end, True
    if is_open:
        found.append((first, last))
    return found


def without(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """Return the times that the first intervals cover and the others do not. The first are in order, without overlaps.

    An interval of no length stays, unless the others cover it.
    """
    cuts = union((begin, end) for begin, end in others if begin < end)
    found: list[Interval] = []
    first = 0  # of the cuts that may matter
    for begin, end in intervals:
        while first < len(cuts) and cuts[first][1] <= begin:
            first += 1
        rest = begin
        for at in range(first, len(cuts)):
            cut_begin, cut_end = cuts[at]
            if cut_begin >= end:
                break
            if cut_begin > rest:
                found.append((rest, cut_begin))
            rest = max(rest, cut_end)
        if rest < end or rest == begin:
            found.append((rest, end))
    return found


def within(intervals: Sequence[Interval], begin: float, end: float) -> Sequence[Interval]:
    """Return those of the intervals that touch the time between. They are in order, without overlaps."""
    first = bisect_left(intervals, begin, key=itemgetter(1))
    return intervals[first : bisect_right(intervals, end, lo=first, key=itemgetter(0))]


def length(intervals: Iterable[Interval]) -> float:
    """Return the seconds that intervals without overlaps cover."""
    return sum(end - begin for begin, end in intervals)


def fewer(intervals: Sequence[Interval], most: int) -> list[Interval]:
    """Return at most ``most`` intervals: those with the shortest gaps between them are joined."""
    if len(intervals) <= most:
        return list(intervals)
    gaps = sorted(range(1, len(intervals)), key=lambda at: intervals[at][0] - intervals[at - 1][1], reverse=True)
    starts = [0, *sorted(gaps[: most - 1])]
    ends = [*(at - 1 for at in starts[1:]), len(intervals) - 1]
    return [(intervals[first][0], intervals[last][1]) for first, last in zip(starts, ends, strict=True)]
