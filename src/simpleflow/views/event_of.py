"""Reading single events of a run: rows hold the ids of events, and little of what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simpleflow.core import events as e

EventOf = Callable[[int], e.Event]
"""Gives the event of a run with this id."""


def in_history(events: Sequence[e.Event]) -> EventOf:
    """Read from a history that is at hand, from its first event on."""
    return lambda id: events[id - 1]
