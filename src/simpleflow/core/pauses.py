"""The times in which no process drove an execution of the embedded engine, found in its history.

A process that takes over an execution asks for a decision, which no other event causes. So a DecisionTaskScheduled
that is later than the event before it ends a pause. If a decision task was waiting or started when the process died,
the next DecisionTaskStarted tells that another process has come: the pause is then the longest gap between the events
since the decision task before it.

Amazon SWF and its workers go on without any one process. There, a time-out says that a worker has died.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from simpleflow.core import events as e
from simpleflow.core.work_time import Interval

_SHORTEST = 0.05  # seconds; the events of one cause may be some milliseconds apart on Amazon SWF

_NO_GAP: Interval = (0.0, 0.0)

_DECISION_TASKS = frozenset({e.DecisionTaskScheduled, e.DecisionTaskStarted})

_PAGE = 128  # events that are read at once: a history may have let them go from memory

OF_PROCESS = "simpleflow@"
"""How the identity of a process begins that drives an execution of the embedded engine."""


class Pauses:
    """The pauses of one execution, found event by event."""

    def __init__(self) -> None:
        self.found: list[Interval] = []  # in order
        self._count = 0  # of the events that ``extend`` has seen
        self._time = inf  # of the last event
        self._gap: Interval = _NO_GAP  # the longest one between events since the last DecisionTaskStarted
        self._longest = 0.0  # how long it is; 0 if none is as long as a pause
        self._identity: str | None = None  # of the last decider

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pauses) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def extend(self, events: Sequence[e.Event]) -> list[Interval]:
        """See the events of a history that are new, and return all pauses."""
        end = len(events)
        while self._count < end:
            page = events[self._count : min(end, self._count + _PAGE)]
            self._count += len(page)
            if not self._longest and self._time <= page[-1].time < self._time + _SHORTEST:
                self._pass(page)
                continue
            for event in page:
                self.see(event)
        return self.found

    def _pass(self, events: Sequence[e.Event]) -> None:
        """See events that follow each other too fast for a pause, as those of a step that takes no time."""
        self._time = events[-1].time
        for event in events:
            if type(event.attributes) is e.DecisionTaskStarted:
                self._identity = event.attributes.identity

    def see(self, event: e.Event) -> None:
        """See the next event."""
        time, before = event.time, self._time
        if time != before:
            self._time = time
            if time - before >= _SHORTEST and time - before > self._longest:
                self._gap, self._longest = (before, time), time - before
        attributes = event.attributes
        if type(attributes) not in _DECISION_TASKS:  # nearly always
            return
        if type(attributes) is e.DecisionTaskScheduled:
            self._add((before, time))
        elif type(attributes) is e.DecisionTaskStarted:
            if self._is_other(attributes.identity):
                self._add(self._gap)
            self._identity, self._gap, self._longest = attributes.identity, _NO_GAP, 0.0

    def _is_other(self, identity: str | None) -> bool:
        """True if another process drives the execution now than before."""
        both = identity, self._identity
        return both[0] != both[1] and all(each is not None and each.startswith(OF_PROCESS) for each in both)

    def _add(self, gap: Interval) -> None:
        if gap[1] - gap[0] < _SHORTEST / 2:
            return
        begin, end = map(e.milliseconds, gap)  # as a history at rest has them
        if end - begin >= _SHORTEST and (not self.found or begin >= self.found[-1][1]):
            self.found.append((begin, end))
