"""The done marks of the runs of a test, in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simpleflow import stores
from simpleflow.step.projection import prefix_of
from simpleflow.stores.base import Change, Store
from simpleflow.stores.memory import MemoryStore

_numbers = itertools.count(1)


class StepStore:
    """The marks of steps, in memory: nothing is written to a folder or a bucket.

    A workflow that names its own bucket keeps its marks here too. Marks of different buckets are apart.
    """

    def __init__(self) -> None:
        self.bucket = f"memory://test-{next(_numbers)}"
        """The bucket string of the marks of workflows that name no bucket."""
        self._stores: dict[str, MemoryStore] = {}

    def done(self, workflow_id: str, bucket: str | None = None) -> list[str]:
        """The names of the done steps of a workflow id, sorted."""
        return self.store(bucket).names(prefix_of(workflow_id))

    def mark(self, workflow_id: str, *steps: str, bucket: str | None = None) -> None:
        """Mark steps as done, as an earlier run would have."""
        for step in steps:
            self.store(bucket).put(prefix_of(workflow_id), step, b"{}")

    def forget(self, workflow_id: str, *steps: str, bucket: str | None = None) -> None:
        """Remove the marks of steps, those that exist."""
        self.store(bucket).delete(prefix_of(workflow_id), steps)

    def store(self, bucket: str | None = None) -> MemoryStore:
        """The store that stands for a bucket; None: for the one of workflows that name none."""
        bucket = bucket or self.bucket
        return self._stores.setdefault(bucket, MemoryStore(bucket.removeprefix("memory://")))

    def copy(self) -> StepStore:
        """Another store with the same marks."""
        found = StepStore()
        for bucket, store in self._stores.items():
            other = found.store(None if bucket == self.bucket else bucket)
            for key, body in store.contents("").items():
                other.put("", key, body)
        return found

    def change(self, changes: Sequence[Change]) -> None:
        """Write and remove marks, as the engine does."""
        store = self.store()
        for prefix, name, body in changes:
            if body is None:
                store.delete(prefix, [name])
            else:
                store.put(prefix, name, body)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """A block in which every bucket string leads here."""

        def find(bucket: str) -> Store:
            return self.store(bucket)

        with stores.replaced(find):
            yield
