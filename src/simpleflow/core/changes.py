"""The changes of a history since its decider last read it."""

from __future__ import annotations

from simpleflow.constants import PACKED_MARKER
from simpleflow.core import events as e
from simpleflow.core.records import Key


class Changes:
    """The records that new events are about, each once, and the signals among these events, in order."""

    __slots__ = ("signals", "touched")

    def __init__(self) -> None:
        self.touched: dict[Key, None] = {}  # a set that keeps its order
        self.signals: list[e.Event] = []

    def add(self, key: Key, event: e.Event) -> None:
        """Note an event about the record that ``key`` names."""
        if key[0] == PACKED_MARKER:
            self.touched.update(dict.fromkeys(key[1]))
            return
        self.touched[key] = None
        if key[0] == "signal":
            self.signals.append(event)

    def drain(self) -> tuple[dict[Key, None], list[e.Event]]:
        """Return ``touched`` and ``signals``, and begin anew with none of either."""
        drained = self.touched, self.signals
        self.touched, self.signals = {}, []
        return drained
