"""SWF's JSON for events, histories and decisions, both ways.

    {"eventId": 7, "eventTimestamp": 1464000000.123, "eventType": "TimerFired",
     "timerFiredEventAttributes": {"startedEventId": 6, "timerId": "t"}}

    {"decisionType": "CancelTimer", "cancelTimerDecisionAttributes": {"timerId": "t"}}

Written: keys in alphabetical order at every level, as SWF writes them; times rounded to the millisecond; a
member that is None left out. Read: keys in any order; unknown members of a known type are ignored; a null is
None. An event of a type that this library does not know is kept (``UnknownEvent``); a decision is refused.

Types are checked when reading. When writing they are taken to be those that the classes declare, and only
what JSON cannot hold is refused. Bad input is an ``InputError`` that names the event and the member.

This is the hot path, so one decoder reads an event in one pass: each type has a *wire* struct with the
members of the JSON object above, tagged by ``eventType`` or ``decisionType``; the decoder reads their union.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any, Union

import msgspec

from simpleflow.core.decisions import DECISION_TYPES, Decision
from simpleflow.core.events import EVENT_TYPES, Attributes, Event, UnknownEvent
from simpleflow.exceptions import InputError

_EVENT_MEMBERS = {"id": "eventId", "time": "eventTimestamp", "type": "eventType"}

# What reading or writing a value that cannot be JSON raises; ValueError includes text that UTF-8 cannot hold.
_FAULTS = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)


class _EventHeader(msgspec.Struct, rename=_EVENT_MEMBERS, gc=False):
    """What an event of any type has."""

    id: int
    time: float
    type: str


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


class _Wires(dict[type[Any], type[Any]]):
    """The wire structs by the classes of what is inside, each made when it is asked for: a program needs few."""

    def __init__(self, types: dict[str, Any], kind: str, members: list[tuple[str, type]], names: dict[str, str]):
        super().__init__()
        self._types = types
        self._rest = kind, members, names

    def __missing__(self, cls: type[Any]) -> type[Any]:
        if self._types.get(cls.__name__) is not cls:
            raise KeyError(cls)
        found = self[cls] = _wire(cls, *self._rest)
        return found

    def named(self, name: str) -> type[Any] | None:
        """The wire of the type of that name, if there is one."""
        cls = self._types.get(name)
        return None if cls is None else self[cls]

    @property
    def any(self) -> Any:
        """Their union, which is made at run time and so beyond a type checker."""
        return Union[tuple(self[cls] for cls in self._types.values())]  # noqa: UP007


_EVENT_WIRES = _Wires(EVENT_TYPES, "Event", [("id", int), ("time", float)], _EVENT_MEMBERS)
_DECISION_WIRES = _Wires(DECISION_TYPES, "Decision", [], {})

_encoder = msgspec.json.Encoder(order="sorted")
_encode = _encoder.encode


@functools.cache
def _event_wire_decoder() -> Callable[[bytes | str], Any]:
    return msgspec.json.Decoder[Any](_EVENT_WIRES.any).decode


@functools.cache
def _event_wires_decoder() -> Callable[[bytes | str], Any]:
    return msgspec.json.Decoder[Any](list[_EVENT_WIRES.any]).decode  # type: ignore[name-defined]


@functools.cache
def _decision_wire_decoder() -> Callable[[bytes | str], Any]:
    return msgspec.json.Decoder[Any](_DECISION_WIRES.any).decode


_decode_json = msgspec.json.Decoder[Any]().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def encode_event(event: Event) -> bytes:
    """The JSON of one event."""
    attributes = event.attributes
    try:
        _check_time(event.time)
        try:
            wire = _EVENT_WIRES[type(attributes)]
        except KeyError:
            return _encode_unknown_event(event)
        return _encode(wire(attributes, event.id, round(event.time, 3)))
    except _FAULTS as error:
        where = _unwritable_member(attributes)
        raise InputError(f"event {event.id} ({event.type}) cannot be written: {where}{error}") from error


def encode_events(events: Sequence[Event]) -> list[str]:
    """The JSON of each of these events."""
    try:
        wires = [
            _EVENT_WIRES[type(event.attributes)](event.attributes, event.id, round(event.time, 3))
            for event in events
            if isfinite(event.time)
        ]
        lines = _encoder.encode_lines(wires).decode().split("\n")  # JSON holds no line break of its own
    except (KeyError, *_FAULTS):
        lines = []
    if len(lines) == len(events) + 1:
        return lines[:-1]
    return [encode_event(event).decode() for event in events]  # an unknown type, or a fault: it says where


def decode_event(data: bytes | str) -> Event:
    """The event of a JSON object."""
    return _decode_event(data, None)


def event_to_dict(event: Event) -> dict[str, Any]:
    """The JSON of one event as dicts, lists, strings and numbers."""
    members: dict[str, Any] = _decode_json(encode_event(event))
    return members


def event_from_dict(members: dict[str, Any]) -> Event:
    """The event of such a dict. Its time is a number, not a ``datetime``."""
    return _event_from_dict(members, None)


def encode_history(events: Iterable[Event]) -> bytes:
    """The JSON array of these events."""
    return b"[" + b",".join([encode_event(event) for event in events]) + b"]"


def decode_history(data: bytes | str | list[dict[str, Any]]) -> list[Event]:
    """The events of a JSON array, or of a list of dicts such as ``event_from_dict`` takes."""
    if isinstance(data, list):
        return [_event_from_dict(members, index) for index, members in enumerate(data)]
    try:
        return [Event(wire.id, wire.time, wire.attributes) for wire in _event_wires_decoder()(data)]
    except _FAULTS:
        pass  # an unknown type or a fault somewhere: go event by event to see which
    try:
        items = _decode_items(data)
    except _FAULTS as error:
        raise InputError(f"not a history: {error}") from error
    return [_decode_event(item, index) for index, item in enumerate(items)]


def encode_decision(decision: Decision) -> bytes:
    """The JSON of one decision."""
    name = type(decision).__name__
    try:
        wire = _DECISION_WIRES[type(decision)]
    except KeyError:
        raise InputError(f"{name} is not a decision: expected one of {', '.join(DECISION_TYPES)}") from None
    try:
        return _encode(wire(decision))
    except _FAULTS as error:
        where = _unwritable_member(decision)
        raise InputError(f"decision {name} cannot be written: {where}{error}") from error


def decode_decision(data: bytes | str) -> Decision:
    """The decision of a JSON object."""
    try:
        decision: Decision = _decision_wire_decoder()(data).attributes
    except _FAULTS as error:
        raise InputError(f"not a decision: {error}") from error
    return decision


def decision_to_dict(decision: Decision) -> dict[str, Any]:
    """The JSON of one decision as dicts, lists and strings: what boto3 takes."""
    members: dict[str, Any] = _decode_json(encode_decision(decision))
    return members


def decision_from_dict(members: dict[str, Any]) -> Decision:
    """The decision of such a dict."""
    wire = _wire_named(_DECISION_WIRES, members, "decisionType")
    try:
        # The union is slow to convert to, but it is for the message only: no wire, no decision.
        decision: Decision = msgspec.convert(members, wire or _DECISION_WIRES.any).attributes
    except _FAULTS as error:
        raise InputError(f"not a decision: {error}") from error
    return decision


def _decode_event(data: bytes | str, index: int | None) -> Event:
    """As ``decode_event``. ``index`` is the place in the history, if there is one, for the message."""
    try:
        wire = _event_wire_decoder()(data)
    except _FAULTS as error:
        try:
            kept = _decode_members(data)
            members = {key: _decode_json(kept[key]) for key in _EVENT_MEMBERS.values() if key in kept}
        except _FAULTS:
            raise InputError(f"{_event_label(None, index)}: {error}") from error
        if _wire_named(_EVENT_WIRES, members, "eventType"):
            raise InputError(f"{_event_label(members, index)}: {error}") from error
        return _unknown_event(members, kept, index)
    return Event(wire.id, wire.time, wire.attributes)


def _event_from_dict(members: dict[str, Any], index: int | None) -> Event:
    """As ``event_from_dict``, with ``index`` as in ``_decode_event``."""
    wire_type = _wire_named(_EVENT_WIRES, members, "eventType")
    if wire_type is None:
        return _unknown_event(members, members, index)
    try:
        wire = msgspec.convert(members, wire_type)
        _check_time(wire.time)
    except _FAULTS as error:
        raise InputError(f"{_event_label(members, index)}: {error}") from error
    return Event(wire.id, wire.time, wire.attributes)


def _unknown_event(members: Any, kept: dict[str, Any], index: int | None) -> Event:
    """The event of a type that is none of ours. ``kept`` are its members as they are to be kept."""
    try:
        header = msgspec.convert(members, _EventHeader)
        _check_time(header.time)
        rest = {key: value for key, value in kept.items() if key not in _EVENT_MEMBERS.values()}
        attributes = UnknownEvent(event_type=header.type, raw=_encode(rest))
    except _FAULTS as error:
        raise InputError(f"{_event_label(members, index)}: {error}") from error
    return Event(header.id, header.time, attributes)


def _encode_unknown_event(event: Event) -> bytes:
    attributes = event.attributes
    if not isinstance(attributes, UnknownEvent):
        raise TypeError("its attributes are not those of an event")
    header = {"eventId": event.id, "eventTimestamp": round(event.time, 3), "eventType": attributes.event_type}
    return _encode({**_decode_members(attributes.raw), **header})


def _check_time(time: float) -> None:
    """JSON has no infinity and no NaN, though a float may be one."""
    if not isfinite(time):
        raise ValueError(f"the time {time} is not finite")


def _unwritable_member(attributes: Attributes | Decision) -> str:
    """``name: `` of the first member that JSON cannot hold, or nothing if it is none of them."""
    for name in attributes.__struct_fields__:
        try:
            _encode(getattr(attributes, name))
        except _FAULTS:
            return f"{name}: "
    return ""


def _wire_named(wires: _Wires, members: Any, key: str) -> type[Any] | None:
    """The wire that ``members[key]`` names, if ``members`` is a dict and names one."""
    name = members.get(key) if isinstance(members, dict) else None
    return wires.named(name) if isinstance(name, str) else None


def _event_label(members: Any, index: int | None) -> str:
    """What to call an event that could not be read: by its id and type as far as they can be made out."""
    event_id = members.get("eventId") if isinstance(members, dict) else None
    event_type = members.get("eventType") if isinstance(members, dict) else None
    label = "event" if event_id is None else f"event {event_id}"
    if event_type is not None:
        label += f" ({event_type})"
    return label if index is None else f"{label} at index {index} of the history"
