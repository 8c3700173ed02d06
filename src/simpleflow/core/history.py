"""History: the events of one execution, folded one by one into the state that they amount to.

Theory of operation. An execution is nothing more than its list of events. Everything that simpleflow knows of it is
computed from that list by adding one event at a time (a *fold*):

    state(events + [event]) = apply(state(events), event)

``ExecutionState`` is the state, ``folding`` has one handler for each family of events, and the tables of
``transitions`` say which event may follow which.

Only the history decides. The decider reads the state to see which results are there; the service reads it to see what
is open and what is due. Neither keeps facts elsewhere. So the decider and the service agree, a process that takes over
a run folds the same events and comes to the same state, and a recorded history can be replayed in a test.

``apply`` runs once for every event of every execution. It looks up one handler by class and does no work that grows
with the history.
"""

from __future__ import annotations

from collections.abc import Iterable

from simpleflow.core import events as e
from simpleflow.core.changes import Changes
from simpleflow.core.execution_state import ExecutionState
from simpleflow.core.folding import HANDLERS
from simpleflow.exceptions import InvalidTransition


class History(ExecutionState):
    """The events of one execution and the state that they amount to."""

    def __init__(self, events: Iterable[e.Event] = ()) -> None:
        super().__init__()
        self.changes: Changes | None = None  # collects them for the decider that reads this history, if there is one
        for event in events:
            self.apply(event)

    def apply(self, event: e.Event) -> None:
        """Add one event. Raises InvalidTransition, and changes nothing, if it cannot be the next one."""
        id = event.id
        if id != self.last_event_id + 1:
            raise InvalidTransition(f"event {id} cannot follow event {self.last_event_id}")
        if not self.open and not isinstance(event.attributes, e.WorkflowExecutionStarted):
            raise InvalidTransition(f"{event.type} cannot follow: the execution is {self.state}")
        self._fold(event)
        self.events.append(event)
        self.last_event_id = id

    def _fold(self, event: e.Event) -> None:
        """Change the state by one event. Raises InvalidTransition, and changes nothing, if it cannot follow."""
        attributes = event.attributes
        handler = HANDLERS.get(type(attributes))
        if handler is not None:
            key = handler(self, event, attributes)
            if key is not None and self.changes is not None:
                self.changes.add(key, event)
