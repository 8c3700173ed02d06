"""Decisions that are wanted and that the history does not hold yet, in the order in which they came to be wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter

from simpleflow.core import decisions as d
from simpleflow.core.records import Key

_Entry = tuple[int, d.Decision]


class Outbox:
    """Activities to be scheduled stand apart: thousands may wait for room without being looked at at every decision."""

    def __init__(self) -> None:
        self._activities: dict[Key, _Entry] = {}
        self._others: dict[Key, _Entry] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._activities or self._others)

    def __contains__(self, key: Key) -> bool:
        return key in self._of(key)

    def __setitem__(self, key: Key, decision: d.Decision) -> None:
        self._count += 1
        self._of(key)[key] = (self._count, decision)

    def pop(self, key: Key) -> d.Decision | None:
        """Take a decision out: it is recorded, or no longer wanted. Returns it, None if it is not there."""
        entry = self._of(key).pop(key, None)
        return None if entry is None else entry[1]

    def take(self, room: int) -> Iterator[d.Decision]:
        """The decisions in order, ``room`` activities at most; they stay until the history holds them."""
        activities = islice(self._activities.values(), max(room, 0))
        if not self._activities:
            entries: Iterable[_Entry] = self._others.values()
        elif not self._others:
            entries = activities
        else:
            entries = _merge(activities, iter(self._others.values()))
        return map(_decision, entries)

    def asks(self) -> bool:
        """Whether something is wanted that will be answered: anything but markers."""
        return bool(self._activities) or any(type(each) is not d.RecordMarker for _, each in self._others.values())

    def _of(self, key: Key) -> dict[Key, _Entry]:
        return self._activities if key[0] == "activity" else self._others


def _merge(one: Iterator[_Entry], other: Iterator[_Entry]) -> Iterator[_Entry]:
    """Both in order, looking at no more than is taken."""
    left, right = next(one, None), next(other, None)
    while left is not None and right is not None:
        if left < right:  # no two have the same number
            yield left
            left = next(one, None)
        else:
            yield right
            right = next(other, None)
    if left is not None:
        yield left
    if right is not None:
        yield right
    yield from one
    yield from other


_decision = itemgetter(1)
