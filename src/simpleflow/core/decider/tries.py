"""When the tries of an activity or child were scheduled, started and ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simpleflow.core.decider.evaluation import Evaluation
from simpleflow.core.records import Record
from simpleflow.futures import Promise
from simpleflow.scopes import Scope, ScopeOwner


class TriedTask:
    """The part of a handle that says it; see ``scopes.Tried``."""

    evaluation: Evaluation
    promise: Promise
    early: tuple[Promise, ...]

    @property
    def promises(self) -> tuple[Promise, ...]:
        """See ``scopes.Tried``."""
        return (self.promise, *self.early)

    @property
    def record(self) -> Record | None:
        """The record of the task in the history."""
        raise NotImplementedError

    def submitted_in(self, scope: Scope) -> None:
        """Tell the owners of the scopes around the task of it."""
        for owner in scope.owners():
            if isinstance(owner, ScopeOwner):
                owner.add_task(self)
        if scope.beside is not None:
            scope.beside.append(self)

    @property
    def type_name(self) -> str | None:
        """See ``scopes.Tried``."""
        record = self.record
        return None if record is None else record.type_name

    def tries(self) -> Iterator[tuple[float, float | None, float | None]]:
        """See ``scopes.Tried``."""
        record = self.record
        if record is None:
            return
        events = self.evaluation.history.events
        for failure in record.failures:
            a: Any = failure.attributes
            first = getattr(a, "scheduled_event_id", None) or getattr(a, "initiated_event_id", None)
            if first:  # nothing was scheduled by a decision that the service refused
                started = getattr(a, "started_event_id", 0)
                yield events[first - 1].time, events[started - 1].time if started else None, failure.time
        ended_badly = record.closed_id > 0 and bool(record.failures) and record.failures[-1].id == record.closed_id
        if record.scheduled_id and not ended_badly:
            started_at = record.first_started_at if record.started_id else None
            yield record.scheduled_at, started_at, record.closed_at if record.closed_id else None
