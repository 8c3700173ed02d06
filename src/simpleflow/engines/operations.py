"""When events are kept, and what happens if they cannot be.

Theory of operation
-------------------
An event is first folded into its execution's history in memory, then it is *pending*, then it is *kept*: committed by
the journal. Everything pending is committed in one transaction, in the order in which it was appended, across
executions. So if an event is kept, all events before it are kept too, and no effect on another execution is kept
without its cause.

An *operation* is a block (``with operation():``) whose events are kept as a whole at its end, or not at all. One
inside another is part of it. Events appended outside of any operation, such as that a task was started, are pending
until the next operation ends or ``flush`` is called.

``may_wait=True`` leaves the events of an operation pending too, and saves a transaction. This is right only if the
same events come again after a crash: a decider finds the same answer from the history before it, and a quick activity
may be done again. The operation commits all the same if somebody outside would miss its events:

- the journal has a transaction open (``must_commit``): other processes wait for it, or get a message by it;
- an execution has ended: a caller waits for that.

If an operation fails, or the commit does, the pending events have not happened. A history cannot be unfolded, so the
executions with pending events are forgotten; from then on this process does not drive them. The journal is as it was at
the last commit, and a process that adopts the executions goes on from there. An operation that failed before it
appended anything costs nothing that was pending.

Some events write or remove done marks (``run.Projection``). These changes are pending and kept with their events, in
one transaction. ``changes_marks`` is true while some are pending: an activity that begins then could act on marks that
are not kept yet, so the loop flushes first.

Observers are called after the commit, in the order of the events. They never see an event that is not kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter
from types import TracebackType

from simpleflow.core import events as e
from simpleflow.engines.journal import Journal
from simpleflow.engines.run import Observer, Projection, Run
from simpleflow.stores.base import Change

_RUN, _EVENT = itemgetter(0), itemgetter(1)  # of a pending event
_MANY_EVENTS = 512
_MANY_CHARACTERS = 1 << 18
"""Of events that were kept since events were last let go from memory."""


class Operations:
    """Pending events, and their commits.

    Args:
        journal: keeps the events.
        forget: called with each execution whose pending events were lost.
        observer: called with (run, events) once they are kept.
        project: gives the done marks that an event changes.
    """

    def __init__(
        self,
        journal: Journal,
        forget: Callable[[Run], None],
        observer: Observer | None,
        project: Projection | None = None,
    ) -> None:
        self._journal = journal
        self._forget = forget
        self._observer = observer
        self._project = project
        self._pending: list[tuple[Run, e.Event]] = []
        self._changes: list[Change] = []  # of marks, by pending events
        self._has_end = False  # an execution ended by a pending event
        self._inside = False  # an operation is under way
        self._grown: dict[Run, None] = {}  # the executions whose events were kept since some were let go
        self._events = 0  # how many these are
        self._characters = 0  # how long they are

    def operation(self, may_wait: bool = False) -> AbstractContextManager[None]:
        """A block whose events are kept as a whole at its end, or not at all; see the theory of operation."""
        return _INSIDE if self._inside else _Operation(self, may_wait)

    def add(self, run: Run, event: e.Event) -> None:
        """An event was folded into an execution: it is pending."""
        self._pending.append((run, event))
        if self._project is not None and type(event.attributes) is e.MarkerRecorded:
            self._changes.extend(self._project(run, event))

    @property
    def changes_marks(self) -> bool:
        """True if pending events write or remove marks."""
        return bool(self._changes)

    def ended(self) -> None:
        """An execution ended by the last event that was added."""
        self._has_end = True

    def flush(self) -> None:
        """Keep pending events, unless an operation is under way."""
        if self._pending and not self._inside:
            self._commit()

    def enter(self) -> int:
        """An operation begins; returns how many events were pending before it."""
        self._inside = True
        return len(self._pending)

    def leave(self, before: int, failed: bool, may_wait: bool) -> None:
        """The operation that began with ``before`` pending events ends."""
        self._inside = False
        if failed:
            self._undo(before)
        elif not may_wait or self._has_end or self._journal.must_commit:
            self._commit()

    def _commit(self) -> None:
        pending = self._pending
        try:
            self._characters += self._journal.commit(pending, self._changes)
        except BaseException:
            self._undo(-1)  # what had waited was part of this transaction
            raise
        self._pending = []
        self._changes = []
        self._has_end = False
        if self._observer is not None:
            for run, events in itertools.groupby(pending, _RUN):
                self._observer(run, list(map(_EVENT, events)))
        self._events += len(pending)
        self._grown.update(dict.fromkeys(map(_RUN, pending)))
        if self._events >= _MANY_EVENTS or self._characters >= _MANY_CHARACTERS:
            self._let_go()

    def _let_go(self) -> None:
        """Let events go from memory that the journal keeps: all of them are kept now."""
        for run in self._grown:
            reader = self._journal.reader(run.run_id)
            if reader is not None:
                run.history.let_go(reader, keep_new=self._characters < _MANY_CHARACTERS)
        self._grown, self._events, self._characters = {}, 0, 0

    def _undo(self, before: int) -> None:
        self._journal.rollback()
        if len(self._pending) > before:
            for run in {run.run_id: run for run, _ in self._pending}.values():
                self._forget(run)
            self._pending = []
            self._changes = []
            self._has_end = False


class _Operation:
    """See ``Operations.operation``."""

    __slots__ = ("_before", "_may_wait", "_operations")

    def __init__(self, operations: Operations, may_wait: bool) -> None:
        self._operations = operations
        self._may_wait = may_wait

    def __enter__(self) -> None:
        self._before = self._operations.enter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._operations.leave(self._before, kind is not None, self._may_wait)


_INSIDE = nullcontext()
