"""A dictionary from digests of 128 bits to small numbers, and a list of such digests, in little memory.

Theory of operation. A run may have hundreds of thousands of markers and activities, and each is found by a digest. In a
``dict``, an entry takes 130 bytes: two objects and a place for them. Here it takes some 30, in arrays of plain numbers.

The latest entries are in a ``dict`` all the same, which is fast. Once they are many, all of them move to the arrays:
``_slots`` is a hash table with open addressing, at most two thirds full, of the places of entries in ``_halves`` and
``_values``. Digests are spread evenly as they are, so their last bits say where to begin to look.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, MutableMapping

_LOW = (1 << 64) - 1
_RECENT = 4_096
"""Entries up to this number are in a ``dict`` alone."""


class Digests:
    """A list of digests."""

    __slots__ = ("_halves",)

    def __init__(self) -> None:
        self._halves = array("Q")

    def __len__(self) -> int:
        return len(self._halves) // 2

    def __getitem__(self, at: int) -> int:
        halves = self._halves
        return _signed(halves[2 * at + 1]) << 64 | halves[2 * at]

    def __iter__(self) -> Iterator[int]:
        return map(self.__getitem__, range(len(self)))

    def append(self, digest: int) -> None:
        """Add a digest at the end."""
        self._halves.append(digest & _LOW)
        self._halves.append(digest >> 64 & _LOW)

    def cut(self, count: int) -> None:
        """Keep the first ones, so many."""
        del self._halves[2 * count :]


class DigestTable(MutableMapping[int, int]):
    """Numbers from 0 to 2**64 - 1 by digest. Nothing is ever removed."""

    __slots__ = ("_digests", "_recent", "_slots", "_values")

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._digests = Digests()  # of the entries that are not recent
        self._values = array("Q")  # of the same
        self._slots = array("I", bytes(4))  # 1 + the place of an entry, or 0

    def get(self, digest: int, default: int = 0) -> int:  # type: ignore[override]
        """Return the number of a digest, or ``default``."""
        found = self._recent.get(digest)
        if found is not None:
            return found
        if not self._values:
            return default
        place = self._place(digest)
        return default if place < 0 else self._values[place]

    def __getitem__(self, digest: int) -> int:
        found = self.get(digest, -1)
        if found < 0:
            raise KeyError(digest)
        return found

    def put(self, digest: int, value: int) -> int:
        """Set the number of a digest. Returns the one before; -1 if there was none."""
        recent = self._recent
        before = recent.get(digest, -1)
        if before < 0 and self._values and (place := self._place(digest)) >= 0:
            before = self._values[place]
            self._values[place] = value
            return before
        recent[digest] = value
        if len(recent) >= _RECENT:
            self._move()
        return before

    __setitem__ = put  # type: ignore[assignment]  # what it returns does no harm

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, int) and self.get(digest, -1) >= 0

    def __len__(self) -> int:
        return len(self._recent) + len(self._values)

    def __iter__(self) -> Iterator[int]:
        yield from self._digests
        yield from list(self._recent)

    def __delitem__(self, digest: int) -> None:
        raise TypeError("nothing is removed from a table of digests")

    def copy(self) -> DigestTable:
        """Return a table with the same entries."""
        found = DigestTable()
        found._recent = dict(self._recent)
        found._digests._halves = self._digests._halves[:]
        found._values, found._slots = self._values[:], self._slots[:]
        return found

    def _place(self, digest: int) -> int:
        """The place of an entry that is not recent; if there is none, the negative of 1 + the free slot for it."""
        slots, halves = self._slots, self._digests._halves
        low, high, last = digest & _LOW, digest >> 64 & _LOW, len(slots) - 1
        at = low & last
        while entry := slots[at]:
            if halves[2 * entry - 2] == low and halves[2 * entry - 1] == high:
                return entry - 1
            at = at + 1 & last
        return -1 - at

    def _move(self) -> None:
        """Move the recent entries to the arrays."""
        recent, self._recent = self._recent, {}
        self._make_room(len(self._values) + len(recent))
        for digest, value in recent.items():
            self._values.append(value)
            self._slots[-1 - self._place(digest)] = len(self._values)
            self._digests.append(digest)

    def _make_room(self, count: int) -> None:
        size = len(self._slots)
        if 3 * count <= 2 * size:
            return
        while 3 * count > 2 * size:
            size *= 2
        self._slots = slots = array("I", bytes(4 * size))
        for entry, low in enumerate(self._digests._halves[::2], 1):
            at = low & size - 1
            while slots[at]:
                at = at + 1 & size - 1
            slots[at] = entry


def _signed(high: int) -> int:
    return high - (1 << 64) if high >> 63 else high
