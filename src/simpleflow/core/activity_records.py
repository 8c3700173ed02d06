"""The records of the activities of an execution, by id: as objects while that is needed, then in arrays.

Theory of operation. A run may have hundreds of thousands of activities. Nearly all complete at their first try, and
are seldom asked for again. All that a record then says is three times and the ids of three events, which take a tenth
of the room in arrays of numbers; its id is there as a digest. Who asks for such a record gets a new object.

The last ones that have completed stay as objects, since the work that they are a part of goes on. So do those that are
open, or have failed.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.digest_table import DigestTable
from simpleflow.core.marker_index import digest
from simpleflow.core.records import Record

_LAST = 4_096
"""The last completed ones, up to so many, stay as objects."""

_AT_ONCE = 1_024
"""How many go into the arrays together."""


class ActivityRecords(Mapping[str, Record]):
    """The records of activities. ``events``: those of the execution."""

    def __init__(self, events: Sequence[e.Event]) -> None:
        self._events = events
        self._kept: dict[str, Record] = {}
        self._last: deque[Record] = deque()  # those of them that have completed at their first try
        # The others: by digest of the id, 1 + the index in these arrays. An event id of 0: it is kept again.
        self._packed = DigestTable()
        self._gone = 0  # how many are kept again
        self._ids = tuple(array("I") for _ in range(3))  # of the events: scheduled, started, completed
        self._times = tuple(array("d") for _ in range(3))  # of the same
        self._types = array("I")
        self._type_names: dict[str | None, int] = {}

    def __setitem__(self, id: str, record: Record) -> None:
        self._kept[id] = record
        if (index := self._index(id)) >= 0:
            self._packed.put(digest("activity", id), 0)
            self._ids[0][index] = 0
            self._gone += 1

    def get(self, id: str, default: Record | None = None) -> Record | None:  # type: ignore[override]
        """The record of an id, or ``default``. A change of it is lost unless it is set again."""
        found = self._kept.get(id)
        if found is not None:
            return found
        index = self._index(id)
        return default if index < 0 else self._unpacked(id, index)

    def __getitem__(self, id: str) -> Record:
        found = self.get(id)
        if found is None:
            raise KeyError(id)
        return found

    def __contains__(self, id: object) -> bool:
        return id in self._kept or (isinstance(id, str) and self._index(id) >= 0)

    def __len__(self) -> int:
        return len(self._kept) + len(self._types) - self._gone

    def __iter__(self) -> Iterator[str]:
        return (record.id for record in self.chosen())

    def chosen(self, wanted: Callable[[str], bool] | None = None) -> list[Record]:
        """The records of all activities, or of those whose type names are wanted, in the order of their scheduling."""
        types = {number: name for name, number in self._type_names.items() if wanted is None or wanted(name or "")}
        found = [each for each in self._kept.values() if wanted is None or wanted(each.type_name or "")]
        scheduled = self._ids[0]
        for index, number in enumerate(self._types):
            if number in types and scheduled[index]:
                attributes = self._events[scheduled[index] - 1].attributes
                assert isinstance(attributes, e.ActivityTaskScheduled)
                found.append(self._unpacked(attributes.activity_id, index))
        return sorted(found, key=lambda each: each.scheduled_id)

    def has_type(self, wanted: Callable[[str], bool]) -> bool:
        """True if there is, or was, an activity whose type name is wanted."""
        names = [*(each.type_name for each in self._kept.values()), *self._type_names]
        return any(wanted(name or "") for name in names)

    @property
    def kept(self) -> Collection[Record]:
        """The records that are objects: of those that are open, that have failed, or that have just completed."""
        return self._kept.values()

    def is_open(self, id: str) -> bool:
        """True if the activity is open."""
        found = self._kept.get(id)
        return found is not None and found.open

    def last_scheduled_at(self) -> float | None:
        """When the latest activity was scheduled, in epoch seconds; None if none was."""
        return max(filter(None, (*(each.scheduled_at for each in self._kept.values()), *self._times[0])), default=None)

    def completed(self, record: Record) -> None:
        """An activity has completed: its record may go into the arrays."""
        if not _is_plain(record):
            return
        self._last.append(record)
        if len(self._last) >= _LAST + _AT_ONCE:
            for _ in range(_AT_ONCE):
                self._pack(self._last.popleft())

    def _pack(self, record: Record) -> None:
        if self._kept.get(record.id) is not record or not _is_plain(record):
            return  # another task of that id has begun since
        del self._kept[record.id]
        for numbers, id in zip(self._ids, (record.scheduled_id, record.started_id, record.closed_id), strict=True):
            numbers.append(id)
        times = record.scheduled_at, record.first_started_at, record.closed_at
        for seconds, time in zip(self._times, times, strict=True):
            seconds.append(time)
        self._types.append(self._type_names.setdefault(record.type_name, len(self._type_names)))
        self._packed.put(digest("activity", record.id), len(self._types))

    def _index(self, id: str) -> int:
        return self._packed.get(digest("activity", id)) - 1 if self._types else -1

    def _unpacked(self, id: str, index: int) -> Record:
        record = Record(id, self._events)
        record.state, record.tries = t.COMPLETED, 1
        record.scheduled_id, record.started_id, record.closed_id = (numbers[index] for numbers in self._ids)
        times = self._times
        record.scheduled_at, record.first_started_at, record.closed_at = (seconds[index] for seconds in times)
        record.type_name = list(self._type_names)[self._types[index]]
        return record


def _is_plain(record: Record) -> bool:
    """True if ids and times say all about a record."""
    return (
        record.state == t.COMPLETED
        and record.tries == 1
        and not record.failures
        and record.started_id > 0
        and not record.cancel_requested_id
        and record.beat_details is None
        and not record.waits_again
    )
