"""The calls by which a workflow reads its history. Events about what it has read may change what it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow.core import events as e
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.decider.event_details import event_details
from simpleflow.core.decider.markers import Markers
from simpleflow.core.decider.signals import Signals
from simpleflow.core.decider.stopping import Stoppable
from simpleflow.core.history import History
from simpleflow.core.marker_index import digest
from simpleflow.core.records import Key
from simpleflow.marker import Marker


class Reading(Stoppable):
    """An evaluation whose workflow can read the history. ``base.Executor`` describes what has no docstring."""

    def __init__(self, history: History, execution: Execution) -> None:
        super().__init__(history, execution)
        self.markers = Markers(self)
        self.signals = Signals(self)
        self._observed_events: set[Key] = set()  # (type, name) of the events that user code has looked up

    @property
    def waits_for_signal(self) -> bool:
        """True if an event from outside may still change what ``run`` does."""
        return self.signals.awaited or bool(self._observed_events)

    def observes(self, key: Key) -> bool:
        """True if user code has looked up the record of that key: an event about it may change what ``run`` does."""
        return _event_of(key) in self._observed_events

    def recorded_markers(self, name: str) -> Sequence[str | None]:
        found = self.history.markers.named(name)
        return [each.attributes.details for each in found if isinstance(each.attributes, e.MarkerRecorded)]

    def signalled(self, name: str) -> Sequence[Any]:
        return self.signals.inputs(name)

    def recorded_details(self, name: str, details: str | None) -> str | None:
        return self.markers.replaced.get((name, details), details)

    def marked_at(self, name: str, details: str | None) -> float:
        found = self.history.markers.latest(digest(name, details))
        return self.now if found is None else found.time

    @property
    def pauses(self) -> Sequence[tuple[float, float]]:
        return self.history.pauses

    @property
    def now(self) -> float:
        return self.history.decision_started_at

    def list_markers(self, all: bool = False) -> list[Marker]:
        self.markers.observe()
        found = [Marker(name, self.decode(details)) for name, details in self.markers.recorded()]
        return found if all else list({marker.name: marker for marker in found}.values())

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        self._observed_events.add((event_type, event_name))
        if event_type == "marker" and (pending := self.markers.pending(event_name)) is not None:
            # It counts as recorded, but has no event yet.
            found = {"type": "marker", "name": event_name, "event_id": None, "timestamp": self.now}
            return found | {"state": "recorded", "details": self.decode(pending[1])}
        return event_details(self.history, event_type, event_name, self.decode)


def _event_of(key: Key) -> Key:
    """The type and name by which ``get_event_details`` finds the record."""
    kind, id = key
    return (kind, id[0]) if kind == "marker" else key
