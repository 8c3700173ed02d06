"""Marks of done steps, read many at once and ahead of need, where each by itself would cost too much.

Theory of operation
-------------------
To skip a step that keeps a result or has a fingerprint, its mark is read, by an activity: six events, and a request if
the marks are in a bucket. Where steps follow each other, each would take such an activity. Where a history has room for
a limited number of events, a run that takes up thousands of done steps would fill it with nothing else. A bucket takes
as long for one mark as for 16 that are read at once. So in both cases an activity reads the marks that are needed now
and, ahead, those of done steps that come next in the order of their names, with numbers compared as numbers. That is
the order of most runs; in another order, the marks are needed a little later.

How many are read ahead depends on how it went: none at first, then more each time, as long as at least half of those
that were read were needed. The activity returns as many as fit into a field, and at least the first one; the others are
requested again.

A mark that was read ahead counts as read when it is needed. It may have changed in between only if another run changes
it. So nothing is read ahead where runs claim their steps, and a step that this run has marked itself is read anew.

Batches are numbered, and a later evaluation takes up those that the history holds, as ``readings`` tells.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from simpleflow import stores
from simpleflow.futures import Promise
from simpleflow.scopes import Scope
from simpleflow.step.host import Host, submit
from simpleflow.step.ledger import Ledger
from simpleflow.step.mark_activities import MarkActivities

_FIRST = 16  # marks that are read ahead when it seems worthwhile
_GROWTH = 4
_MOST_NAMES = 12_000  # characters of names in the input of an activity


class MarksAhead:
    """The marks of done steps in one evaluation."""

    def __init__(self, host: Host, marks: MarkActivities, ledger: Ledger) -> None:
        self._host = host
        self._marks = marks
        self._ledger = ledger
        self._found: dict[str, Mapping[str, Any] | None] = {}
        self._batches: list[Promise] = []
        self._wanted: dict[str, None] = {}  # not submitted yet
        self._next: Promise | None = None  # final once the batch of these has been read
        self._ahead: set[str] = set()  # that were read before they were needed
        self._used: set[str] = set()
        self._size = 0  # how many marks the latest batch has read ahead
        self._order: list[tuple[Any, str]] | None = None

    @functools.cached_property
    def _is_used(self) -> bool:
        return self._host.executor.counts_events or not stores.is_local(self._marks.location[0])

    def serves(self, name: str) -> bool:
        """True if the mark of this step is read here, and not by a separate activity."""
        return self._is_used and not self._marks.claims and self._ledger.is_from_before(name)

    def uses(self, name: str) -> None:
        """Note that a step that reads its mark was skipped."""
        self._used.add(name)

    def known(self, name: str) -> bool:
        """True if the mark has been read."""
        self._take_up()
        return name in self._found

    def find(self, name: str) -> Mapping[str, Any] | Promise | None:
        """The mark, as ``GetStepMarkTask`` returns it; or a promise to wait for, which may have failed.

        Ask ``serves`` again after the wait.
        """
        self._take_up()
        if name in self._found:
            return self._found[name]
        for batch in self._batches:
            if not batch.done or batch.failure is not None:
                return batch
        self._wanted[name] = None
        if self._next is None:
            self._next = Promise()
            self._host.executor.when_idle(self._submit)
        return self._next

    def _take_up(self) -> None:
        """Take up the batches that the history holds."""
        if not self._is_used:
            return
        while not self._batches or self._batches[-1].done:
            reading = self._marks.read_marks([])
            if not self._host.executor.is_recorded(reading.activity, self._scope):
                return
            self._add(submit(self._host, reading, self._scope))

    def _submit(self) -> None:
        wanted: list[str] = []
        room = _MOST_NAMES
        for name in self._wanted:
            room -= len(name) + 3
            if room < 0 and wanted:
                break  # the steps whose marks are not read ask again
            wanted.append(name)
        self._wanted = {}
        read, self._next = self._next, None
        batch = submit(self._host, self._marks.read_marks(wanted, self._names_ahead(wanted)), self._scope)
        self._add(batch)
        if read is not None:
            batch.when_done(read.settle_as)

    def _names_ahead(self, wanted: list[str]) -> list[str]:
        """The steps whose marks are read with those that are ``wanted``."""
        if not self._batches:
            return []
        worthwhile = 2 * len(self._ahead & self._used) >= len(self._ahead)
        size = max(_FIRST, _GROWTH * self._size) if worthwhile else self._size // _GROWTH
        if self._order is None:
            self._order = sorted((_natural(name), name) for name in self._ledger.done_at_first)
        begin = bisect_right(self._order, (_natural(wanted[-1]), wanted[-1]))
        found: list[str] = []
        room = _MOST_NAMES - sum(len(name) + 3 for name in wanted)
        for _, name in (*self._order[begin:], *self._order[:begin]):
            if len(found) >= size or room < 0:
                break
            if name not in self._found and name not in wanted and self.serves(name):
                found.append(name)
                room -= len(name) + 3
        return found

    @property
    def _scope(self) -> Scope:
        """The scope of the next batch."""
        return Scope(f"steps.marks{len(self._batches)}")

    def _add(self, batch: Promise) -> None:
        self._batches.append(batch)
        batch.when_done(self._keep)

    def _keep(self, batch: Promise) -> None:
        if batch.failure is None:
            result = batch.result
            self._found.update({**result["ahead"], **result["found"]})
            self._ahead.update(result["ahead"])
            self._size = len(result["ahead"])


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names with their numbers as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(each), each) if each.isdigit() and each.isascii() else (1, 0, each) for each in parts]
