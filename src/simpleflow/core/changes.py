"""What has come to a history since its decider last looked."""

from __future__ import annotations

from simpleflow.core import events as e
from simpleflow.core.records import Key


class Changes:
    """The records that new events are about, each once, and the signals among these events, in order."""

    __slots__ = ("signals", "touched")

    def __init__(self) -> None:
        self.touched: dict[Key, None] = {}
        self.signals: list[e.Event] = []

    def add(self, key: Key, event: e.Event) -> None:
        """An event about a record was folded."""
        self.touched[key] = None
        if key[0] == "signal":
            self.signals.append(event)

    def take(self) -> tuple[dict[Key, None], list[e.Event]]:
        """``touched`` and ``signals``; nothing is new then."""
        taken = self.touched, self.signals
        self.touched, self.signals = {}, []
        return taken
