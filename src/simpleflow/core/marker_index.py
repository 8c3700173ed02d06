"""Which markers a history holds: by name in order, and by name and details how often and when the latest.

The details of markers are long, and a run may have hundreds of thousands of them. So they stay in their events. Here
are the ids of these events, and digests in place of names and details.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any, overload

from simpleflow.core import packed_markers
from simpleflow.core.digest_table import DigestTable
from simpleflow.core.events import Event

_STRIDE = 1 << 64  # more than a hash
_PLACE = 1 << 32


def digest(name: str, details: str | None) -> int:
    """A number of 128 bits for the name and the details (JSON text) of a marker; another one in each process.

    Python keeps the hash of a text with the text, so this costs little.
    """
    return hash((name, details)) * _STRIDE + hash((details or "") + name)


class MarkerIndex:
    """The markers among the events of an execution.

    Where several markers share an event (``packed_markers``), each is known by the event and its place in there.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._by_name: dict[str, _Markers] = {}
        self._latest = DigestTable()  # event id and place
        self._counts: dict[int, int] = {}  # by digest, of those that are there more than once
        self._unpacked: tuple[int, Sequence[Event]] = (0, ())  # the id of an event, and the markers that share it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MarkerIndex) and self._latest == other._latest and self._by_name == other._by_name

    __hash__ = None  # type: ignore[assignment]

    def add(self, id: int, name: str, details: str | None, place: int | None = None) -> int:
        """Add the marker of the event with that id; returns how often the same is there now.

        ``place``: its index among the markers that share the event; None if it has the event for itself.
        """
        found = self._by_name.get(name)
        if found is None:
            found = self._by_name[name] = _Markers(self._at)
        where = id if place is None else id + (place + 1) * _PLACE
        found.ids.append(where)
        key = digest(name, details)
        if self._latest.put(key, where) < 0:
            return 1
        number = self._counts[key] = self._counts.get(key, 1) + 1
        return number

    def named(self, name: str) -> Sequence[Event]:
        """The markers of that name, in order."""
        return self._by_name.get(name, ())

    def count(self, key: int) -> int:
        """How often the marker with that digest is there."""
        return self._counts.get(key, 1) if self._latest.get(key) else 0

    def latest(self, key: int) -> Event | None:
        """The latest marker with that digest; None if there is none."""
        where = self._latest.get(key)
        return self._at(where) if where else None

    def _at(self, where: int) -> Event:
        place, id = divmod(where, _PLACE)
        event = self._events[id - 1]
        if not place:
            return event
        known, singles = self._unpacked
        if known != id:
            singles = list(packed_markers.unpacked([event]))
            self._unpacked = id, singles
        return singles[place - 1]


class _Markers(Sequence[Event]):
    """The markers of one name. ``at`` gives one by its event id and place."""

    __slots__ = ("_at", "ids")

    def __init__(self, at: Callable[[int], Event]) -> None:
        self._at = at
        self.ids = array("Q")

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> list[Event]: ...
    def __getitem__(self, at: Any) -> Any:
        return list(map(self._at, self.ids[at])) if isinstance(at, slice) else self._at(self.ids[at])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Markers) and self.ids == other.ids

    __hash__ = None  # type: ignore[assignment]
