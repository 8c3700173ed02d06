"""A history for a service that others run: it accepts events that are missing, doubled or out of order.

Theory of operation. The embedded engine writes the events that it reads, so a wrong order is a fault of ours, and
``History`` refuses it. Amazon SWF writes its events far away, and so does each server that imitates it. A decider that
refuses an event which it did not foresee decides nothing for that execution, ever again. So here an event that cannot
follow is compared with what is known, and the history goes on from there:

- decision tasks matter to the service only. Missing, doubled or misplaced events of them are passed over;
- a doubled event, or one about something that has ended, is taken as known. The first end counts;
- an end without its start is an end;
- an event that comes before the one to which it refers waits for that one;
- an event that the service never shows (``MISSING``) is passed over if later events prove that it was one of a
  decision task.

Two things are refused with InvalidTransition, since a decision could do work twice: an event about an activity or a
child that no event has scheduled, and a missing event that could have been about one.

Each departure is kept in ``surprises``. Events are folded in one way whether a decider reads them one by one or all at
once, so its decisions stay a function of the history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.history import History
from simpleflow.exceptions import InvalidTransition
from simpleflow.named_tuple import NamedTuple

MISSING = "missing"
"""The type of an event in place of one that the service does not show."""


class Surprise(NamedTuple):
    """An event that was not foreseen, and how it was taken."""

    event: e.Event
    text: str


def missing(id: int, time: float) -> e.Event:
    """The event in place of one that the service does not show."""
    return e.Event(id, time, e.UnknownEvent(event_type=MISSING, raw=b"{}"))


class TolerantHistory(History):
    """The events of one execution, as a service that is not ours shows them.

    Attributes:
        surprises: events that were not foreseen, in order.
    """

    def __init__(self, events: Iterable[e.Event] = ()) -> None:
        self.surprises: list[Surprise] = []
        self._early: dict[int, list[e.Event]] = {}  # by the id of the event that they wait for
        self._copies: dict[int, int] = {}  # id of a doubled event to the id of the first one
        self._decided: dict[tuple[Any, ...], int] = {}  # events that follow from decisions, and their ids
        self._missing: set[int] = set()  # that nothing has proven to be of decision tasks
        super().__init__(events)

    def apply(self, event: e.Event) -> None:
        """Add one event. Raises InvalidTransition if nothing can be decided after it."""
        if event.id <= self.last_event_id:
            self._note(event, "it was there before; taken once")
            return
        for id in range(self.last_event_id + 1, event.id):
            self.apply(missing(id, event.time))
        self._take(event)
        self.events.append(event)
        self.last_event_id = event.id
        for early in self._early.pop(event.id, ()):
            self._take(early)

    def _take(self, event: e.Event) -> None:
        """Fold an event now, or keep it until the one has come that it waits for."""
        attributes: Any = event.attributes
        if isinstance(attributes, e.UnknownEvent):
            if attributes.event_type == MISSING:
                self._missing.add(event.id)
                self._note(event, "the service does not show it")
            return
        if self._missing:
            self._prove_missing(event, attributes)
        awaited = 0 if isinstance(attributes, _OF_DECISIONS) else _reference(attributes)
        if self.state == t.NEW and not isinstance(attributes, e.WorkflowExecutionStarted):
            if isinstance(attributes, e.DecisionTaskStarted):
                raise InvalidTransition(f"event {event.id} ({event.type}) comes before the start of the execution")
            awaited = max(event.id, len(self.events)) + 1
        if awaited > event.id and awaited > len(self.events):
            self._early.setdefault(awaited, []).append(event)
            self._note(event, "it comes before the event to which it refers; it waits for that one")
            return
        self._fold(event)

    def _fold(self, event: e.Event) -> None:
        attributes = self._corrected(event.attributes)
        if attributes is not event.attributes:
            event = e.Event(event.id, event.time, attributes)
        if self.state not in (t.NEW, t.OPEN):
            self._note(event, "the execution has ended before; passed over")
        elif self._is_copy(event, attributes):
            self._note(event, "it is there twice; taken once")
        elif self._is_of_earlier_timer(attributes):
            self._note(event, "the timer has ended before; taken as known")
        else:
            try:
                super()._fold(event)
            except InvalidTransition as error:
                self._settle(event, attributes, error)

    def _corrected(self, attributes: Any) -> Any:
        """The attributes, with references to the first one of events that are there twice."""
        changed: dict[str, int] = {}
        for name in _REFERENCES:
            reference = getattr(attributes, name, None)
            if reference in self._copies:
                changed[name] = self._copies[reference]
        return msgspec.structs.replace(attributes, **changed) if changed else attributes

    def _is_copy(self, event: e.Event, attributes: Any) -> bool:
        """True if an event about the same thing has followed from the same decisions."""
        decided = getattr(attributes, "decision_task_completed_event_id", 0)
        id = next((getattr(attributes, name) for name in _IDS if hasattr(attributes, name)), None)
        if not decided or id is None or isinstance(attributes, _OF_OTHERS):
            return False
        known = self._decided.setdefault((event.type, decided, id), event.id)
        if known == event.id:
            return False
        self._copies[event.id] = known
        return True

    def _is_of_earlier_timer(self, attributes: Any) -> bool:
        if not isinstance(attributes, e.TimerFired | e.TimerCanceled):
            return False
        record = self.timers.get(attributes.timer_id)
        return record is not None and 0 < attributes.started_event_id < record.scheduled_id

    def _settle(self, event: e.Event, attributes: Any, error: InvalidTransition) -> None:
        """Fold an event that cannot follow. Raises ``error`` if nothing can be decided after it."""
        if isinstance(attributes, _OF_DECISIONS):
            self._note(event, "decision tasks come in another order; passed over")
            self._decision_out_of_order(event, attributes)
        elif isinstance(attributes, (*_OF_OTHERS, e.WorkflowExecutionStarted)):
            self._note(event, "it does not fit to what is known; passed over")
        elif isinstance(attributes, _BEGINS):
            self._note(event, "the end of the one before is not there; the new one counts")
            self._end_silently(attributes)
            super()._fold(event)
        elif not isinstance(attributes, _BY_REFERENCE):
            self._note(event, "it has ended before, or is not known; taken as known")
        elif not self._has_scheduled(attributes):
            raise InvalidTransition(
                f"event {event.id} ({event.type}) is about event {_reference(attributes)}, which is not known "
                "to have scheduled such a task; the history cannot be decided on"
            ) from error
        elif (record := self.tasks.get(_reference(attributes))) is None:
            self._note(event, "it has ended before; taken as known")
        elif isinstance(attributes, e.ActivityTaskStarted | e.ChildWorkflowExecutionStarted):
            self._note(event, "it has started before; taken as known")
        else:
            self._note(event, "its start is not there; taken as its end")
            record.state = t.STARTED
            super()._fold(event)

    def _decision_out_of_order(self, event: e.Event, attributes: Any) -> None:
        """Bring the state of the decision tasks to one that the event can follow."""
        if isinstance(attributes, e.DecisionTaskScheduled):
            return  # one waits already
        if isinstance(attributes, e.DecisionTaskStarted):
            self.decision = t.SCHEDULED
            self.decision_scheduled_id = attributes.scheduled_event_id
        else:
            self.decision = t.STARTED_AND_SCHEDULED if self.decision == t.SCHEDULED else t.STARTED
        super()._fold(event)

    def _end_silently(self, attributes: Any) -> None:
        """End what an event begins anew, and whose end is not in the history."""
        if isinstance(attributes, e.TimerStarted):
            record = self.timers[attributes.timer_id]
            self.open_timers -= 1
        elif isinstance(attributes, e.ActivityTaskScheduled):
            record = self.activities[attributes.activity_id]
            self.open_activities -= 1
        else:
            record = self.children[attributes.workflow_id]
        self.tasks.pop(record.scheduled_id, None)
        record.state = t.CANCELED

    def _has_scheduled(self, attributes: Any) -> bool:
        """True if the event that these attributes refer to has scheduled such a task, an activity or a child."""
        id = _reference(attributes)
        of_child = isinstance(attributes, _OF_CHILDREN)
        expected = e.StartChildWorkflowExecutionInitiated if of_child else e.ActivityTaskScheduled
        return 0 < id <= len(self.events) and isinstance(self.events[id - 1].attributes, expected)

    def _prove_missing(self, event: e.Event, attributes: Any) -> None:
        """Strike out the missing events that ``event`` proves to be of decision tasks.

        Raises InvalidTransition if a decision is to be made, and some may have been others.
        """
        self._missing.discard(getattr(attributes, "decision_task_completed_event_id", 0))
        if not isinstance(attributes, _OF_DECISIONS):
            return
        for name in ("scheduled_event_id", "started_event_id"):
            self._missing.discard(getattr(attributes, name, 0))
        if isinstance(attributes, e.DecisionTaskStarted):
            if self.deciding:  # the end of the task before is one of them
                self._missing.discard(min((id for id in self._missing if id > self.decision_started_id), default=0))
            if self._missing:
                ids = ", ".join(map(str, sorted(self._missing)))
                raise InvalidTransition(f"the service does not show event {ids}; the history cannot be decided on")

    def _note(self, event: e.Event, text: str) -> None:
        self.surprises.append(Surprise(event, text))


_OF_DECISIONS = (e.DecisionTaskScheduled, e.DecisionTaskStarted, e.DecisionTaskCompleted, e.DecisionTaskTimedOut)
_BEGINS = (e.ActivityTaskScheduled, e.TimerStarted, e.StartChildWorkflowExecutionInitiated)
_OF_CHILDREN = (
    e.ChildWorkflowExecutionStarted,
    e.ChildWorkflowExecutionCompleted,
    e.ChildWorkflowExecutionFailed,
    e.ChildWorkflowExecutionTimedOut,
    e.ChildWorkflowExecutionCanceled,
    e.ChildWorkflowExecutionTerminated,
)
_BY_REFERENCE = (
    e.ActivityTaskStarted,
    e.ActivityTaskCompleted,
    e.ActivityTaskFailed,
    e.ActivityTaskTimedOut,
    e.ActivityTaskCanceled,
    *_OF_CHILDREN,
)
"""Events of activities and children that name the event which scheduled them."""

_OF_OTHERS = (
    e.SignalExternalWorkflowExecutionInitiated,
    e.SignalExternalWorkflowExecutionFailed,
    e.ExternalWorkflowExecutionSignaled,
    e.RequestCancelExternalWorkflowExecutionInitiated,
    e.RequestCancelExternalWorkflowExecutionFailed,
    e.ExternalWorkflowExecutionCancelRequested,
)
"""Events of requests to other executions. No decision depends on their ends."""

_REFERENCES = ("scheduled_event_id", "initiated_event_id", "started_event_id")
_IDS = ("activity_id", "timer_id", "workflow_id")


def _reference(attributes: Any) -> int:
    """The id of the event about the same thing that came first; 0 for an event that names none."""
    if isinstance(attributes, e.TimerFired | e.TimerCanceled):
        return attributes.started_event_id
    return getattr(attributes, "scheduled_event_id", None) or getattr(attributes, "initiated_event_id", None) or 0
