"""Markers: those that one evaluation records.

A marker counts as recorded the moment it is decided. The same marker (name and details) may be submitted many times.
The n-th submission stands for the n-th marker of that name and details in the history, and is decided if the history
holds fewer.

``list_markers`` lets user code branch on the markers so far. Another piece of user code may record a marker after that.
In an evaluation from the start, the pieces run in another order, so the list might have been longer. So the evaluation
becomes stale then.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, MutableMapping
from typing import Any

from simpleflow import values
from simpleflow.core import decisions as d
from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.digest_table import Digests, DigestTable
from simpleflow.core.marker_index import digest
from simpleflow.core.records import Key
from simpleflow.exceptions import ExecutionBlocked
from simpleflow.futures import FINISHED, Promise
from simpleflow.named_tuple import NamedTuple
from simpleflow.task import MarkerTask

_Identity = tuple[str, str | None]  # name, details as JSON text
_Who = tuple[str, tuple[str, ...]]  # name, values of the keys in ``MarkerTask.identity``


class _Saved(NamedTuple):
    """See ``Markers.save``."""

    counts: MutableMapping[int, int]
    recorded: int
    latest: dict[str, _Identity]


class Markers:
    """The markers that an evaluation has submitted, in order, and how often each.

    There may be hundreds of thousands, and their details are long: here they are digests (``marker_index.digest``).
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self.replaced: dict[_Identity, str | None] = {}  # submitted ones: details of the recorded one in their place
        self._recorded = Digests()  # in the order of submission
        self._identified: dict[str, tuple[str, ...]] = {}  # by name, the keys that say which marker it is
        self._counts: MutableMapping[int, int] = DigestTable()  # submissions so far
        self._latest: dict[str, _Identity] = {}  # by name, the marker submitted last
        self._observers: set[object] = set()  # pieces of user code that have listed the markers

    def observe(self) -> None:
        """Note that the current piece of user code lists the markers so far."""
        self._observers.add(self._evaluation.fibers.current)

    def recorded(self) -> list[_Identity]:
        """The markers submitted so far, in order."""
        # Each is in the history, or waits in the outbox, or another one is in the history in its place.
        waiting = [key[1][:2] for key in self._evaluation.outbox.other_keys() if key[0] == "marker"]
        others = {digest(*identity): identity for identity in (*waiting, *self.replaced)}
        return [others[key] if key in others else self._recorded_as(key) for key in self._recorded]

    def _recorded_as(self, key: int) -> _Identity:
        found: Any = self._evaluation.history.markers.latest(key)
        return found.attributes.marker_name, found.attributes.details

    def submit(self, task: MarkerTask) -> Promise:
        """Record a marker; the result is its details as JSON text."""
        details = task.encoded_details
        self.record(task.name, details, task.identity)
        promise = Promise(self._evaluation)
        promise.assign(FINISHED, details)
        return promise

    def record(self, name: str, details: str | None, keys: tuple[str, ...] = ()) -> None:
        """Record a marker with these details (JSON text). ``keys``: see ``MarkerTask.identity``."""
        evaluation, counts = self._evaluation, self._counts
        if evaluation.fibers.discarded:
            raise ExecutionBlocked
        identity = (name, details)
        if keys:
            self._identified[name] = keys
        key = digest(name, details)
        number = counts.get(key, 0) + 1
        counts[key] = number
        self._recorded.append(key)
        self._latest[name] = identity
        if self._observers and self._observers != {evaluation.fibers.current}:
            evaluation.stale = True
        if number > evaluation.history.markers.count(key):
            evaluation.outbox["marker", (name, details, number)] = d.RecordMarker(details=details, marker_name=name)

    def recorded_others(self, found: Iterable[_Identity]) -> None:
        """The history holds these markers, which this evaluation has not submitted.

        Each takes the place of a submitted one with the same ``MarkerTask.identity``, if there is one.
        """
        outbox = self._evaluation.outbox
        waiting: dict[_Who, list[Key]] | None = None
        for identity in found:
            who = self._who(*identity)
            if who is None:
                continue
            if waiting is None:
                waiting = {}
                for key in outbox.other_keys():
                    each = self._who(*key[1][:2]) if key[0] == "marker" else None
                    if each is not None:
                        waiting.setdefault(each, []).append(key)
            if keys := waiting.get(who):
                key = keys.pop(0)
                outbox.pop(key)
                self.replaced[key[1][:2]] = identity[1]

    def _who(self, name: str, details: str | None) -> _Who | None:
        """Which marker it is; None if only name and details as a whole tell it."""
        keys = self._identified.get(name)
        content = None if keys is None else values.decode(details)
        if keys is None or not isinstance(content, dict):
            return None
        return name, tuple(str(content.get(key)) for key in keys)

    def submit_once(self, name: str, details: str) -> None:
        """Record a marker of the decider itself, unless the history holds the same. ``list_markers`` leaves it out."""
        if not self._evaluation.history.markers.count(digest(name, details)):
            self._evaluation.outbox["marker", (name, details, 1)] = d.RecordMarker(details=details, marker_name=name)

    def pending(self, name: str) -> _Identity | None:
        """The latest marker of that name, if this evaluation has submitted it and the history does not hold it yet."""
        latest = self._latest.get(name)
        if latest is None:
            return None
        key = digest(*latest)
        return None if self._counts.get(key, 0) <= self._evaluation.history.markers.count(key) else latest

    def save(self) -> _Saved:
        """The counts and the list as they stand, for ``restore``."""
        return _Saved(self._counts, len(self._recorded), dict(self._latest))

    def counts(self) -> MutableMapping[int, int]:
        """A copy of the counts, for ``count_from``."""
        counts = self._counts
        return counts.copy() if isinstance(counts, DigestTable) else dict(counts)

    def count_from(self, counts: MutableMapping[int, int]) -> None:
        """Go back to these counts until ``restore``. The list stays as it is."""
        self._counts = ChainMap({}, counts)

    def restore(self, saved: _Saved) -> None:
        """Go back to the saved counts and list."""
        self._counts, self._latest = saved.counts, saved.latest
        self._recorded.cut(saved.recorded)
