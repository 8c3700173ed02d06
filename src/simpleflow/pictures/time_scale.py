"""From times to places: a line of time on which long idle gaps are folded, and the ticks of its axis.

A run may pause for a night between two seconds of work. Drawn to scale, the work would be two points. So the gaps in
which nothing works are cut out if they are long beside the work, and each leaves a narrow mark.
"""

from __future__ import annotations

import datetime
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from simpleflow.constants import DAY, HOUR, MINUTE
from simpleflow.core.work_time import Interval, length, union
from simpleflow.named_tuple import NamedTuple

FOLD = 26.0
"""Width of a folded gap."""

_MOST_FOLDS = 12
_SHARE = 0.25  # a gap is folded if it is longer than this share of the work
_SHARE_OF_ALL = 0.04  # and than this share of the whole
_ELAPSED = 120.0  # seconds; the axis of a shorter run counts from its begin, that of a longer one shows the clock
_APART = 84.0  # width between two ticks, at least
_STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(MINUTE * each for each in (1, 2, 5, 10, 15, 30)),
    *(HOUR * each for each in (1, 2, 3, 6, 12)),
    *(DAY * each for each in (1, 2, 5, 10, 30, 60, 120, 365, 730, 1_825, 3_650)),
)


class Piece(NamedTuple):
    """A part of the line of time, and where it is drawn."""

    begin: float  # epoch seconds
    end: float
    left: float
    right: float
    folded: bool


class Tick(NamedTuple):
    """A tick of the axis."""

    x: float
    label: str
    strong: bool  # a day begins


def idle_gaps(busy: Iterable[Interval], begin: float, end: float, waits: Iterable[Interval] = ()) -> list[Interval]:
    """Return the gaps to fold between the times in which something works.

    A gap in which something waits for a worker (``waits``) is folded only if it is longer than all work.
    """
    found = union((max(begin, first), min(end, last)) for first, last in busy if last >= begin and first <= end)
    if not found:
        return []
    edges = [(begin, begin), *found, (end, end)]
    gaps = [(before[1], after[0]) for before, after in pairwise(edges)]
    work = length(found)
    least = max(_SHARE * work, _SHARE_OF_ALL * (end - begin), 0.05)
    long = [gap for gap in gaps if gap[1] - gap[0] > least]
    if long and any(gap[1] - gap[0] <= work for gap in long):
        queued = union(waits)
        long = [gap for gap in long if gap[1] - gap[0] > work or not _meets(gap, queued)]
    return sorted(sorted(long, key=lambda gap: gap[0] - gap[1])[:_MOST_FOLDS])


def _meets(gap: Interval, others: Sequence[Interval]) -> bool:
    """True if one of the others, which are in order, lies in the gap for more than an instant."""
    return any(min(gap[1], last) - max(gap[0], first) > 0.1 * (gap[1] - gap[0]) for first, last in others)


class Scale:
    """The line of time from ``begin`` to ``end`` (epoch seconds), drawn from ``left`` to ``right``."""

    def __init__(self, begin: float, end: float, left: float, right: float, gaps: Sequence[Interval] = ()) -> None:
        self.begin, self.end = begin, max(end, begin + 0.001)
        self.left, self.right = left, right
        shown = (self.end - self.begin) - length(gaps)
        room = (right - left) - FOLD * len(gaps)
        self.per_second = room / shown if shown > 0 else 0.0
        self.pieces: list[Piece] = []
        at, x = self.begin, left
        for first, last in [*gaps, (self.end, self.end)]:
            if first > at:
                self.pieces.append(Piece(at, first, x, x := x + (first - at) * self.per_second, False))
            if last > first:
                self.pieces.append(Piece(first, last, x, x := x + FOLD, True))
            at = last
        self._begins = [piece.begin for piece in self.pieces]

    @property
    def folds(self) -> list[Piece]:
        """The gaps that are folded."""
        return [piece for piece in self.pieces if piece.folded]

    def x(self, time: float) -> float:
        """The place of a time; the nearest edge for one outside."""
        piece = self.pieces[max(0, bisect_right(self._begins, time) - 1)]
        share = (time - piece.begin) / (piece.end - piece.begin)
        return piece.left + min(1.0, max(0.0, share)) * (piece.right - piece.left)

    def columns(self, times: Iterable[float], width: float) -> list[int]:
        """The columns of this width in which times lie, counted from ``left``; the nearest edge for one outside.

        It gives the same as ``x``, for many times at once.
        """
        if len(self.pieces) > 1:
            return [int((self.x(time) - self.left) / width) for time in times]
        [(begin, end, left, right, _)] = self.pieces
        share = (right - left) / (end - begin) / width
        last = int((right - left) / width)
        return [0 if time <= begin else last if time >= end else int((time - begin) * share) for time in times]


class Axis:
    """The ticks of a scale.

    Args:
        scale: the line of time.
        origin: when the run began.
        zone: of the clock; None: the local one.
    """

    def __init__(self, scale: Scale, origin: float, zone: datetime.tzinfo | None = None) -> None:
        self._scale, self._origin, self._zone = scale, origin, zone
        self.elapsed = scale.end - origin < _ELAPSED
        wanted = _APART / scale.per_second if scale.per_second > 0 else 1.0
        self._step = next((each for each in _STEPS if each >= wanted), _STEPS[-1])

    def captions(self) -> list[str]:
        """The time from which the ticks count, or the day and the zone of the clock; the longest form first."""
        began = self._clock(self._origin if self.elapsed else self._scale.begin)
        if self.elapsed:
            return [f"since {began:{form}} {began.tzname()}" for form in ("%Y-%m-%d %H:%M:%S", "%H:%M:%S")]
        return [f"{began.day} {began:%b %Y}, {began.tzname()}", f"{began.day} {began:%b %Y}"]

    def ticks(self) -> list[Tick]:
        """Return the ticks, from left to right, none closer than they can be read."""
        found: list[Tick] = []
        for piece in self._scale.pieces:
            if piece.folded:
                continue
            for time in self._times(piece.begin, piece.end):
                x = self._scale.x(time)
                if not found or x - found[-1].x >= _APART * 0.6:
                    found.append(self._tick(time, x))
        return found

    def _times(self, begin: float, end: float) -> Iterator[float]:
        """Yield the times of ticks: so many steps after the begin of the run, or after midnight on the clock."""
        offset = 0.0 if self.elapsed else self._offset(begin)
        zero = self._origin if self.elapsed else -offset
        count = math.ceil((begin - zero) / self._step - 1e-9)
        while (time := zero + count * self._step) <= end:
            yield time if self.elapsed else time + offset - self._offset(time)  # the clock may have been changed
            count += 1

    def _tick(self, time: float, x: float) -> Tick:
        step = self._step
        if self.elapsed:
            seconds = time - self._origin
            return Tick(x, f"{seconds:.{_decimals(step)}f} s", False)
        clock = self._clock(time)
        if step >= 30 * DAY:
            return Tick(x, f"{clock:%b %Y}", clock.month == 1)
        if step >= DAY or (clock.hour, clock.minute, clock.second) == (0, 0, 0):
            return Tick(x, f"{clock.day} {clock:%b}", step < DAY)
        if step >= MINUTE:
            return Tick(x, f"{clock:%H:%M}", False)
        part = f"{clock.microsecond / 1e6:.{_decimals(step)}f}"[1:] if step < 1 else ""
        return Tick(x, f"{clock:%H:%M:%S}{part}", False)

    def _clock(self, time: float) -> datetime.datetime:
        try:
            utc = datetime.datetime.fromtimestamp(round(time, 3), datetime.UTC)
        except (OverflowError, ValueError, OSError):  # the clock of a machine was wrong
            utc = datetime.datetime.fromtimestamp(0, datetime.UTC)
        return utc.astimezone(self._zone)

    def _offset(self, time: float) -> float:
        found = self._clock(time).utcoffset()
        return found.total_seconds() if found is not None else 0.0


def _decimals(step: float) -> int:
    return 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
