"""An event of a history: its id, its time, and the attributes that say what happened."""

from typing import Any

import msgspec

from simpleflow.core.events.shapes import Attributes


class UnknownEvent(Attributes, frozen=True, kw_only=True):
    """An event of a type that this library does not know. It changes no state and is written back as it was read.

    ``raw`` is the JSON object of its members, without ``eventId``, ``eventTimestamp`` and ``eventType``.
    """

    event_type: str
    raw: bytes


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event."""

    id: int  # counts from 1 within the history
    time: float  # epoch seconds
    attributes: Attributes  # one class for each type of event

    @property
    def type(self) -> str:
        """SWF's ``eventType``: the class name of the attributes, or the recorded type of an unknown event."""
        attributes = self.attributes
        if isinstance(attributes, UnknownEvent):
            return attributes.event_type
        return attributes.__class__.__name__

    def __getattr__(self, name: str) -> Any:
        """A member of the attributes: ``events[0].input`` is short for ``events[0].attributes.input``."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.attributes, name)
