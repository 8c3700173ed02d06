"""Outbox: the decisions of a workflow that its history does not hold yet.

Theory of operation. A decision enters the outbox when user code submits something that the history does not know. It
stays there, decision task after decision task, until the history holds its event. Only the history tells that the
service took a decision: an answer may have had no room for it, may have come too late, or may have been lost. So the
decisions of an answer stay. ``pop`` removes one when its event is folded or when it is withdrawn.

The keys are those of records (``records.Key``), so the event of a decision finds its entry. The order is that in which
the decisions were made.

Activities to be scheduled are kept apart from the others. An execution may have only so many open activities, and
thousands may wait for room; an answer reads no more of them than it has room for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter

from simpleflow.core import decisions as d
from simpleflow.core.records import Key

_Entry = tuple[int, d.Decision]  # number in the order of entry, decision


class Outbox:
    """Decisions by the key of the record that they will make, in the order in which they were made."""

    def __init__(self) -> None:
        self._activities: dict[Key, _Entry] = {}
        self._others: dict[Key, _Entry] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._activities or self._others)

    def __contains__(self, key: Key) -> bool:
        return key in self._activities or key in self._others

    def __setitem__(self, key: Key, decision: d.Decision) -> None:
        self._count += 1
        entries = self._activities if key[0] == "activity" else self._others
        entries[key] = (self._count, decision)

    @property
    def others(self) -> int:
        """How many of the decisions schedule no activity."""
        return len(self._others)

    def other_keys(self) -> list[Key]:
        """The keys of the decisions that schedule no activity, in order."""
        return list(self._others)

    def pop(self, key: Key) -> d.Decision | None:
        """Remove a decision that is recorded or withdrawn. Returns it; None if it is not there."""
        entries = self._activities if key[0] == "activity" else self._others
        entry = entries.pop(key, None)
        return None if entry is None else entry[1]

    def upcoming(self, room: int) -> Iterator[d.Decision]:
        """The decisions in order, with at most ``room`` activities. They stay in the outbox."""
        activities = islice(self._activities.values(), max(room, 0))
        if not self._activities:
            entries: Iterable[_Entry] = self._others.values()
        elif not self._others:
            entries = activities
        else:
            entries = _merge(activities, iter(self._others.values()))
        return map(_decision, entries)

    def wakes_decider(self) -> bool:
        """True if one of the decisions leads to a later decision task. All do, except markers."""
        return bool(self._activities) or any(type(each) is not d.RecordMarker for _, each in self._others.values())

    def begins_work(self) -> bool:
        """True if one of the decisions begins an activity, a child or a timer."""
        return bool(self._activities) or any(type(each) in _WORK for _, each in self._others.values())


def _merge(one: Iterator[_Entry], other: Iterator[_Entry]) -> Iterator[_Entry]:
    """The entries of both, in order; reads no more of them than the caller does."""
    left, right = next(one, None), next(other, None)
    while left is not None and right is not None:
        if left < right:  # by number; no two entries have the same
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


_WORK = (d.StartChildWorkflowExecution, d.StartTimer)

_decision = itemgetter(1)
