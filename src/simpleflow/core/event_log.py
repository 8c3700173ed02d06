"""The events of one execution: the last ones in memory, and those before them where their keeper has them.

Theory of operation. A history is folded event by event, and an event is rarely asked for after that. An engine with a
journal keeps each event there. So it may let events go from memory (``let_go``). They are then read from the journal, a
page at a time, so that a walk over a long history costs little.

The first event stays, since it holds what the execution was started with. So do the last ones, since they are about the
current work. Without a keeper, all events stay.

Other threads may read while one thread appends: members that belong together are replaced together.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, overload

from simpleflow.core.events import Event

Reader = Callable[[int, int], Sequence[Event]]
"""Called with an event id and a number; returns that many of the events after that id or fewer, one at least."""

KEPT = 16
"""How many of the last events stay in memory."""

_PAGE = 128
"""How many events are read back at once, at most."""

_PAGES = 3
"""How many pages are kept: a task begins in one and ends in another."""


class EventLog(Sequence[Event]):
    """The events of one execution, in order. It acts as a list that only grows.

    Attributes:
        append: adds an event at the end.
    """

    __slots__ = ("_first", "_pages", "_read", "_recent", "append")

    def __init__(self, events: Iterable[Event] = ()) -> None:
        recent = list(events)
        self._recent: tuple[int, list[Event]] = (0, recent)  # how many events are before them, and the last events
        self._pages: tuple[tuple[int, Sequence[Event]], ...] = ()  # the same of the pages that were read last
        self._first: Event | None = None  # the first event, once it is not among the last ones
        self._read: Reader | None = None
        self.append: Callable[[Event], None] = recent.append

    def let_go(self, read: Reader, keep: int = 0) -> None:
        """Keep no event in memory but the first and the last ones: ``read`` finds all that are there now.

        ``keep``: at least so many of the last ones are kept.
        """
        before, recent = self._recent
        keep = max(keep, KEPT)
        if len(recent) <= keep:
            return
        if not before:
            self._first = recent[0]
        self._read = read
        kept = recent[-keep:]
        self.append = kept.append
        self._recent = before + len(recent) - keep, kept

    def __len__(self) -> int:
        before, recent = self._recent
        return before + len(recent)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...
    def __getitem__(self, at: Any) -> Any:
        before, recent = self._recent
        if isinstance(at, slice):
            first, end, step = at.indices(before + len(recent))
            if first >= before and step == 1:
                return recent[first - before : max(end - before, 0)]
            return [self[each] for each in range(first, end, step)]
        if at >= before:
            return recent[at - before]
        if at < 0:
            if -at <= len(recent):
                return recent[at]
            at += before + len(recent)
            if at < 0:
                raise IndexError("there are not so many events")
        return self._first if at == 0 and self._first is not None else self._read_back(at)

    def _read_back(self, at: int) -> Event:
        for first, page in self._pages:
            if first <= at < first + len(page):
                return page[at - first]
        assert self._read is not None
        first = at - at % _PAGE  # the same pages, whether somebody goes forward or backward
        page = self._read(first, _PAGE)
        if at >= first + len(page):  # the events before it are long
            first, page = at, self._read(at, _PAGE)
        self._pages = ((first, page), *self._pages[: _PAGES - 1])
        return page[at - first]

    def __iter__(self) -> Iterator[Event]:
        at = 0
        while at < len(self):
            yield self[at]
            at += 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventLog | list):
            return NotImplemented
        return list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


class SomeEvents(Sequence[Event]):
    """Some of the events of a log, by their ids."""

    __slots__ = ("_events", "_ids")

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._ids = array("I")

    def add(self, id: int) -> None:
        """Add the event with that id at the end."""
        self._ids.append(id)

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self._events[id - 1] for id in self._ids[at]]
        return self._events[self._ids[at] - 1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SomeEvents) and self._ids == other._ids

    __hash__ = None  # type: ignore[assignment]
