"""The readings on which verdicts on steps depend, beside the done names: fingerprints in marks, files and outputs.

Theory of operation
-------------------
A verdict is a function of the history, so an activity looks at these things, and the verdict uses what it found. The
steps that need a reading at the same time share one activity: a reading is put off until the evaluation can do nothing
else, and then one activity is submitted for all steps that have asked until then, a *batch*.

Batches are numbered. A later evaluation may ask for readings in another order, and for fewer of them, since it has the
verdicts that the history holds. So it does not make up the batches again. It takes up all batches that the history
holds, in order of their numbers, even if it would ask for others. Each reading of a batch has a key, which is made of
the whole request for it. A step whose reading is not known waits for the batches that are under way, which may hold it,
and else asks for a new one. If a batch failed, the steps that wait fail, and so do those that ask afterwards: the
history does not say which steps were in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simpleflow import values
from simpleflow.exceptions import TaskFailed
from simpleflow.futures import Promise
from simpleflow.named_tuple import NamedTuple
from simpleflow.scopes import Scope
from simpleflow.step.fingerprints import FileState
from simpleflow.step.host import Host, submit
from simpleflow.step.mark_activities import MarkActivities
from simpleflow.step.reading_tasks import Wanted

_MOST_CHARACTERS = 25_000  # of what is wanted in one batch, where fields are limited


class Reading(NamedTuple):
    """The result of the reading."""

    mark: Mapping[str, Any] | None = None  # ``fingerprint``, ``made_with`` and ``parts``; None if there is no mark
    files: Sequence[FileState] = ()  # for each pattern
    missing: Sequence[str] = ()  # outputs


class Readings:
    """All readings of an evaluation."""

    def __init__(self, host: Host, marks: MarkActivities) -> None:
        self._host = host
        self._marks = marks
        self._found: dict[str, dict[str, Any]] = {}  # by key
        self._batches: list[Promise] = []
        self._wanted: dict[str, Wanted] = {}  # by key; not submitted yet
        self._next: Promise | None = None  # final once the batch of these has been read

    def find(self, wanted: Wanted, number: int) -> Reading | Promise:
        """The reading for the ``number``-th verdict on a step; or a promise to wait for, which may have failed."""
        key = values.digest(values.canonical([*wanted, number], "a reading"))[:24]
        self._take_up()
        if (found := self._found.get(key)) is not None:
            if "error" not in found:
                return Reading(**found)
            failed = Promise()
            failed.fail(TaskFailed(wanted.step, found["error"]))
            return failed
        for batch in self._batches:
            if not batch.done or batch.failure is not None:
                return batch
        self._wanted[key] = wanted
        if self._next is None:
            self._next = Promise()
            self._host.executor.when_idle(self._submit)
        return self._next

    def _take_up(self) -> None:
        """Take up the batches that the history holds."""
        while not self._batches or self._batches[-1].done:
            reading = self._marks.read({})
            if not self._host.executor.is_recorded(reading.activity, self._scope):
                return
            self._add(submit(self._host, reading, self._scope))

    def _submit(self) -> None:
        wanted, self._wanted = self._fitting(), {}
        read, self._next = self._next, None
        batch = submit(self._host, self._marks.read(wanted), self._scope)
        self._add(batch)
        if read is not None:
            batch.when_done(read.settle_as)

    def _fitting(self) -> dict[str, Wanted]:
        """The wanted readings, as far as they fit into a field where fields are limited; the other steps ask again."""
        if not self._host.executor.counts_events:
            return self._wanted
        found: dict[str, Wanted] = {}
        room = _MOST_CHARACTERS
        for key, each in self._wanted.items():
            room -= len(values.encode([key, each], "a reading"))
            if room < 0 and found:
                break
            found[key] = each
        return found

    @property
    def _scope(self) -> Scope:
        """The scope of the next batch."""
        return Scope(f"steps.read{len(self._batches)}")

    def _add(self, batch: Promise) -> None:
        self._batches.append(batch)
        batch.when_done(self._keep)

    def _keep(self, batch: Promise) -> None:
        if batch.failure is None:
            self._found.update(batch.result)
