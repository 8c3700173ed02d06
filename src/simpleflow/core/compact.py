"""The short form of events, in which a journal keeps them: a JSON array without the names of members.

    [30,7,1464000000.123,6,"t"]

Theory of operation. The array has a number for the type of the event, its id, its time, and then the members of its
attributes: first those that every event of the type has, then the others, both in the order of ``_MEMBERS``. Members
missing at the end have their defaults. The example is the TimerFired that ``codec`` writes in 120 bytes.

The numbers and orders are those of all state folders. So they may not change: a new type goes to the end of
``EVENT_TYPES``, a new member to the end of its type's. ``tests/core/test_compact.py`` has one event of each type as it
must be read for ever.

An event of a type that this library does not know has no short form.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import isfinite
from operator import attrgetter
from typing import Any, Union

import msgspec

from simpleflow.core.events import EVENT_TYPES, Attributes, Event, milliseconds
from simpleflow.named_tuple import NamedTuple

_NUMBERS = tuple(EVENT_TYPES)
"""The names of the types, each at its number."""

_encode_lines = msgspec.json.Encoder().encode_lines


class _Form(NamedTuple):
    """How events of one type are written."""

    number: int
    members: Callable[[Any], tuple[Any, ...]]


def encode(events: Sequence[Event]) -> list[str]:
    """The short form of each of these events.

    Raises ValueError for an event of an unknown type or without a finite time, and what msgspec raises for a value that
    JSON cannot hold.
    """
    return _encode_lines(_arrays(events)).decode().split("\n")[:-1]


def _arrays(events: Sequence[Event]) -> list[list[Any]]:
    arrays = []
    last: float | None = None
    rounded = 0.0
    for event in events:
        time, attributes = event.time, event.attributes
        if time != last:  # events that are kept together often have one time
            if not isfinite(time):
                raise ValueError(f"the time {time} is not finite")
            last, rounded = time, milliseconds(time)
        number, members = _form(type(attributes))
        found = [number, event.id, rounded, *members(attributes)]
        while found[-1] is None:
            del found[-1]
        arrays.append(found)
    return arrays


def decode(data: bytes | str) -> Event:
    """The event of a short form. Raises what msgspec raises for another text."""
    read = _decoder()(data)
    members = msgspec.structs.asdict(read)
    return Event(members.pop("event_id"), members.pop("event_time"), EVENT_TYPES[type(read).__name__](**members))


@functools.cache
def _form(cls: type[Attributes]) -> _Form:
    members = _members(cls)
    names = [name for name, _ in members]
    get: Callable[[Any], Any] = attrgetter(*names) if names else lambda each: ()
    values = get if len(names) != 1 else lambda each: (get(each),)
    return _Form(_NUMBERS.index(cls.__name__), values)


def _members(cls: type[Attributes]) -> list[tuple[str, Any]]:
    """The members of a type in the order of the short form, each with its default."""
    # ``msgspec.structs.fields`` would say the same, but takes as long as all else until a run begins.
    names, defaults = cls.__struct_fields__, cls.__struct_defaults__
    members = list(zip(names, [*[msgspec.NODEFAULT] * (len(names) - len(defaults)), *defaults], strict=True))
    needed = [each for each in members if each[1] is msgspec.NODEFAULT]
    return [*needed, *(each for each in members if each[1] is not msgspec.NODEFAULT)]


@functools.cache
def _decoder() -> Callable[[bytes | str], Any]:
    """Reads the short form of an event of any known type."""
    return msgspec.json.Decoder[Any](Union[tuple(map(_struct, EVENT_TYPES.values()))]).decode  # noqa: UP007


def _struct(cls: type[Attributes]) -> type[Any]:
    types = {field.name: field.type for field in msgspec.structs.fields(cls)}
    members = [
        (name, types[name]) if default is msgspec.NODEFAULT else (name, types[name], default)
        for name, default in _members(cls)
    ]
    return msgspec.defstruct(
        cls.__name__,
        [("event_id", int), ("event_time", float), *members],
        array_like=True,
        tag=_NUMBERS.index(cls.__name__),
        frozen=True,
        gc=False,
    )
