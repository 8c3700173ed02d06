"""An event of a history: its place, its time, and what happened."""

import msgspec

from simpleflow.core.events.shapes import Attributes


class UnknownEvent(Attributes, frozen=True, kw_only=True):
    """An event of a type that this library does not know: to be skipped, and kept as it is.

    ``raw`` is the JSON object of its members, without ``eventId``, ``eventTimestamp`` and ``eventType``.
    """

    event_type: str
    raw: bytes


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event. ``id`` counts from 1 within the history; ``time`` is in epoch seconds."""

    id: int
    time: float
    attributes: Attributes

    @property
    def type(self) -> str:
        """SWF's ``eventType``: the class name of the attributes, or the recorded type of an unknown event."""
        attributes = self.attributes
        if isinstance(attributes, UnknownEvent):
            return attributes.event_type
        return attributes.__class__.__name__
