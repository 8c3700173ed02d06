"""The tasks that workers elsewhere were given, until the end of each is known."""

from __future__ import annotations

import time
from collections.abc import Iterator

from simpleflow.cluster.members import Given

_SHORT_SECONDS = 0.02  # a task that takes less is short
_SHORT_IN_A_ROW = 8


class GivenTasks:
    """The batches that were given to workers, by id, and by the tokens of their tasks.

    Attributes:
        by_token: the batch of each task whose end is not known.
    """

    def __init__(self) -> None:
        self.by_token: dict[str, Given] = {}
        self._by_id: dict[str, Given] = {}
        self._begun_at: dict[str, float] = {}  # monotonic times, by token
        self._short_in_a_row = 0

    def __iter__(self) -> Iterator[Given]:
        return iter(list(self._by_id.values()))

    @property
    def are_short(self) -> bool:
        """True if the latest tasks were short: then workers may have more of them ahead."""
        return self._short_in_a_row >= _SHORT_IN_A_ROW

    def batch(self, id: str) -> Given | None:
        """The batch of that id, until it is over; else None."""
        return self._by_id.get(id)

    def add(self, given: Given) -> None:
        """A lane is given a batch."""
        given.lane.given[given.id] = self._by_id[given.id] = given
        self.by_token.update(dict.fromkeys(given.rest, given))

    def begin(self, given: Given, token: str) -> None:
        """A worker has begun a task."""
        given.begun.add(token)
        self._begun_at[token] = time.monotonic()

    def count_time(self, token: str) -> None:
        """A worker has ended a task: note whether it was short."""
        began = self._begun_at.get(token)
        is_short = began is not None and time.monotonic() - began < _SHORT_SECONDS
        self._short_in_a_row = self._short_in_a_row + 1 if is_short else 0

    def remove(self, given: Given, token: str) -> None:
        """The end of a task is known, or it is handed out again."""
        given.rest.pop(token, None)
        self.by_token.pop(token, None)
        self._begun_at.pop(token, None)

    def forget(self, given: Given) -> None:
        """A batch is over."""
        given.lane.given.pop(given.id, None)
        self._by_id.pop(given.id, None)

    def clear(self) -> None:
        """Forget all: the workers are lost."""
        self._by_id.clear()
        self.by_token.clear()
        self._begun_at.clear()
