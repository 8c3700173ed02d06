"""Wire structs: the JSON object around the attributes of each event and decision.

Theory of operation. SWF writes an event as an object with its id, time and type, and one more member whose name comes
from the type and whose value has the attributes:

    {"eventId": 7, "eventTimestamp": 1464000000.123, "eventType": "TimerFired",
     "timerFiredEventAttributes": {"startedEventId": 6, "timerId": "t"}}

Each type has a *wire*, a msgspec struct with the members of that object, tagged by ``eventType`` (``decisionType`` for
decisions). A decoder of the union of all wires reads an event in one pass, straight into the classes of ``events`` and
``decisions``: reading is the hot path of a replay. A wire is made when it is first needed, and so is each union, since
a program that only writes needs few of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Union

import msgspec

from simpleflow.core.decisions import DECISION_TYPES
from simpleflow.core.events import EVENT_TYPES

EVENT_MEMBERS = {"id": "eventId", "time": "eventTimestamp", "type": "eventType"}
"""The members that an event of any type has, by their names in ``Event``."""


def _wire(
    cls: type[msgspec.Struct], kind: str, members: Iterable[tuple[str, type]], names: dict[str, str]
) -> type[Any]:
    """The struct of the JSON object around the attributes ``cls``; ``kind`` is ``Event`` or ``Decision``."""
    name = cls.__name__
    return msgspec.defstruct(
        name,
        [("attributes", cls), *members],
        rename={**names, "attributes": f"{name[0].lower()}{name[1:]}{kind}Attributes"},
        tag_field=f"{kind.lower()}Type",
        tag=name,
        frozen=True,
        gc=False,
    )


class Wires(dict[type[Any], type[Any]]):
    """The wires by the class of the attributes inside. Raises KeyError for a class that is none of the types."""

    def __init__(self, types: dict[str, Any], kind: str, members: list[tuple[str, type]], names: dict[str, str]):
        super().__init__()
        self._types = types
        self._arguments = kind, members, names

    def __missing__(self, cls: type[Any]) -> type[Any]:
        if self._types.get(cls.__name__) is not cls:
            raise KeyError(cls)
        made = self[cls] = _wire(cls, *self._arguments)
        return made

    def named_by(self, members: Any, key: str) -> type[Any] | None:
        """The wire of the type that ``members[key]`` names; None if ``members`` is no dict or names no known type."""
        name = members.get(key) if isinstance(members, dict) else None
        cls = self._types.get(name) if isinstance(name, str) else None
        return None if cls is None else self[cls]

    @property
    def union(self) -> Any:
        """The union of all wires. It is made at run time, so a type checker cannot know it."""
        return Union[tuple(self[cls] for cls in self._types.values())]  # noqa: UP007


EVENT_WIRES = Wires(EVENT_TYPES, "Event", [("id", int), ("time", float)], EVENT_MEMBERS)
DECISION_WIRES = Wires(DECISION_TYPES, "Decision", [], {})


@functools.cache
def event_decoder() -> Callable[[bytes | str], Any]:
    """Reads the wire of an event of any known type."""
    return msgspec.json.Decoder[Any](EVENT_WIRES.union).decode


@functools.cache
def events_decoder() -> Callable[[bytes | str], Any]:
    """Reads the wires of a JSON array of events of known types."""
    return msgspec.json.Decoder[Any](list[EVENT_WIRES.union]).decode  # type: ignore[name-defined]


@functools.cache
def decision_decoder() -> Callable[[bytes | str], Any]:
    """Reads the wire of a decision of any known type."""
    return msgspec.json.Decoder[Any](DECISION_WIRES.union).decode
