"""``MarksTask``: the base class of the activities about marks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from simpleflow import settings, stores, values
from simpleflow.constants import MAX_FIELD_LENGTH, MAX_JUMBO_LENGTH
from simpleflow.step import claims
from simpleflow.stores import presence

_LARGE_RESULT = 2**20  # characters; a longer result makes a history slow


class MarksTask:
    """An activity about the marks below ``path`` in ``bucket``."""

    params: ClassVar[dict[str, Any]] = {}
    """Parameters that differ from ``constants.STEP_ACTIVITY_PARAMS_DEFAULT``."""

    context: dict[str, Any] | None = None
    """The execution that the task belongs to; set by the worker."""

    def __init__(self, bucket: str, path: str) -> None:
        self.bucket = bucket
        self.path = path
        self._store: stores.Store | None = None

    @staticmethod
    def is_quick(bucket: str, *_: Any) -> bool:
        """True for marks in a folder or in memory: an engine may execute the task at once, in its own process."""
        return stores.is_local(bucket)

    @property
    def store(self) -> stores.Store:
        """Where the marks are; a dry run sets another store."""
        if self._store is not None:
            return self._store
        store = stores.open_store(self.bucket)
        presence.keeps_marks(store.url)
        return store

    @store.setter
    def store(self, store: stores.Store) -> None:
        self._store = store

    def claim(self, name: str, owner: claims.Owner, seconds: float) -> claims.Holder | None:
        """Claim a step, or ``*``. Returns the other run that holds it, if one does."""
        # The embedded engine executes this in the process that drives the run: the claim lives as long as that process.
        embedded = (self.context or {}).get("domain_name") is None
        local = embedded and stores.is_local(self.bucket)
        return claims.claim(self.store, self.path, name, owner, seconds, local)

    @contextmanager
    def given_up_on_failure(self, name: str, owner: claims.Owner) -> Iterator[None]:
        """Give up a new claim if what follows fails: the run does not learn then that it has the claim."""
        try:
            yield
        except BaseException:
            claims.release(self.store, self.path, [name], owner)
            raise

    def room(self, *beside: Any) -> int:
        """How many characters the result should have, beside these parts of it."""
        return min(_LARGE_RESULT, self.most(*beside))

    def most(self, *beside: Any) -> int:
        """How many characters the result can have, beside these parts of it."""
        if (self.context or {}).get("domain_name") is None:
            return sys.maxsize
        limit = MAX_JUMBO_LENGTH if settings.SIMPLEFLOW_JUMBO_FIELDS_BUCKET else MAX_FIELD_LENGTH
        return limit - 100 - sum(len(values.encode(each, "a result")) for each in beside)


def owner_of(given: Sequence[str]) -> claims.Owner:
    """The owner of claims, from the argument of an activity: workflow id, run id, and the run ids above that."""
    workflow_id, run_id, *above = given
    return claims.Owner(workflow_id, run_id, tuple(above))
