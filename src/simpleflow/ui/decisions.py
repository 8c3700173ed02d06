"""Which decision led to an event, and when it began: all that the critical path reads of a history, in few bytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from simpleflow.core import events as e


class Decisions(Sequence[e.Event]):
    """A history whose events know their decision alone; for ``views.critical_path``."""

    def __init__(self) -> None:
        self._numbers = array("q")  # by event: the decision that led to it; or, negative, the start of this decision

    def extend(self, events: Iterable[e.Event]) -> None:
        """Remember the events, which follow those before."""
        for event in events:
            attributes: Any = event.attributes
            if isinstance(attributes, e.DecisionTaskCompleted):
                self._numbers.append(-attributes.started_event_id)
            else:
                self._numbers.append(getattr(attributes, "decision_task_completed_event_id", None) or 0)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> e.Event: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[e.Event]: ...
    def __getitem__(self, at: int | slice) -> e.Event | Sequence[e.Event]:
        if isinstance(at, slice):
            return [self[each] for each in range(*at.indices(len(self)))]
        number = self._numbers[at]
        attributes: Any = _Scheduled(number) if number >= 0 else _completed(-number)
        return e.Event(at + 1, 0.0, attributes)

    def __iter__(self) -> Iterator[e.Event]:
        return (self[at] for at in range(len(self)))


class _Scheduled:
    """The attributes of an event that a decision led to."""

    def __init__(self, decision: int) -> None:
        self.decision_task_completed_event_id = decision


def _completed(started: int) -> e.DecisionTaskCompleted:
    return e.DecisionTaskCompleted(scheduled_event_id=0, started_event_id=started)
