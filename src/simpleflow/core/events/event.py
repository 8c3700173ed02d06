"""An event of a history: its id, its time, and the attributes that say what happened."""

from collections.abc import Iterable
from math import floor
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from simpleflow.core.events.shapes import Attributes


class UnknownEvent(Attributes, frozen=True, kw_only=True):
    """An event of a type that this library does not know. It changes no state and is written back as it was read.

    ``raw`` is the JSON object of its members, without ``eventId``, ``eventTimestamp`` and ``eventType``.
    """

    event_type: str
    raw: bytes


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event.

    Members of the attributes are members of the event too: ``events[0].input`` is short for
    ``events[0].attributes.input``.
    """

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

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # a member of the attributes, see ``with_members``


def milliseconds(time: float) -> float:
    """Seconds with three decimals, as histories and marks at rest have them; ``round`` takes ten times as long."""
    return floor(time * 1000 + 0.5) / 1000


def with_members(kinds: Iterable[Any]) -> None:
    """Give events the members of these classes of attributes.

    A property for each costs nothing where it is not used; a method ``__getattr__`` would make all reading of events
    several times slower, that of their own members too.
    """
    for member in {name for kind in kinds for name in kind.__struct_fields__}.difference(Event.__struct_fields__):
        setattr(Event, member, property(attrgetter(f"attributes.{member}")))
