"""Codec: events, histories and decisions to SWF's JSON and back.

    {"eventId": 7, "eventTimestamp": 1464000000.123, "eventType": "TimerFired",
     "timerFiredEventAttributes": {"startedEventId": 6, "timerId": "t"}}

    {"decisionType": "CancelTimer", "cancelTimerDecisionAttributes": {"timerId": "t"}}

Theory of operation. This is the border of the core: JSON outside, frozen typed values inside.

Written: keys are in alphabetical order at every level, as SWF writes them, so equal values give equal bytes. Times are
rounded to the millisecond. A member that is None is left out.

Read: keys may come in any order. Unknown members of a known type are ignored; a null is None. An event of a type that
this library does not know is kept as it is (``UnknownEvent``), since SWF may add types. A decision of an unknown type
is refused.

Reading checks types. Writing trusts that values have the types that their classes declare, and refuses only what JSON
cannot hold. Bad input raises an ``InputError`` that names the event and the member.

The fast path reads or writes without a look at faults. Only when it raises, a slow path goes over the input again to
find which event and which member is to blame. ``wires`` has the structs that make the fast path fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import msgspec

from simpleflow.core import compact
from simpleflow.core.decisions import DECISION_TYPES, Decision
from simpleflow.core.events import Attributes, Event, UnknownEvent, milliseconds
from simpleflow.core.wires import (
    DECISION_WIRES,
    EVENT_MEMBERS,
    EVENT_WIRES,
    decision_decoder,
    event_decoder,
    events_decoder,
)
from simpleflow.exceptions import InputError

# Raised when a value cannot be read from JSON or written to it; ValueError includes text that UTF-8 cannot hold.
_FAULTS = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError)

_encoder = msgspec.json.Encoder(order="sorted")
_encode = _encoder.encode
_decode_json = msgspec.json.Decoder[Any]().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _EventHeader(msgspec.Struct, rename=EVENT_MEMBERS, gc=False):
    """The members that an event of any type has."""

    id: int
    time: float
    type: str


def encode_event(event: Event) -> bytes:
    """The JSON of one event."""
    attributes = event.attributes
    try:
        _check_time(event.time)
        try:
            wire = EVENT_WIRES[type(attributes)]
        except KeyError:
            return _encode_unknown_event(event)
        return _encode(wire(attributes, event.id, milliseconds(event.time)))
    except _FAULTS as error:
        where = _unwritable_member(attributes)
        raise InputError(f"event {event.id} ({event.type}) cannot be written: {where}{error}") from error


def encode_events(events: Sequence[Event]) -> list[str]:
    """The JSON of each of these events."""
    try:
        wires = [
            EVENT_WIRES[type(event.attributes)](event.attributes, event.id, milliseconds(event.time))
            for event in events
            if isfinite(event.time)
        ]
        lines = _encoder.encode_lines(wires).decode().split("\n")  # the encoder escapes line breaks in texts
    except (KeyError, *_FAULTS):
        lines = []
    if len(lines) == len(events) + 1:
        return lines[:-1]
    return [encode_event(event).decode() for event in events]  # an unknown type, or a fault, which this names


def encode_short(events: Sequence[Event]) -> list[str]:
    """The short form of each of these events (``compact``); the JSON of all of them if one has no short form."""
    try:
        return compact.encode(events)
    except _FAULTS:
        return encode_events(events)


def decode_event(data: bytes | str) -> Event:
    """The event of a JSON object, or of its short form (``compact``)."""
    if data[:1] in ("[", b"[") and data[1:2].isdigit():
        try:
            return compact.decode(data)
        except _FAULTS as error:
            raise InputError(f"{_event_label(None, None)}: {error}") from error
    return _decode_event(data, None)


def event_to_dict(event: Event) -> dict[str, Any]:
    """The JSON of one event, as dicts, lists, strings and numbers."""
    members: dict[str, Any] = _decode_json(encode_event(event))
    return members


def event_from_dict(members: dict[str, Any]) -> Event:
    """The event of a dict as ``event_to_dict`` returns it. Its time is a number, not a ``datetime``."""
    return _event_from_dict(members, None)


def encode_history(events: Iterable[Event]) -> bytes:
    """The JSON array of these events."""
    return b"[" + b",".join([encode_event(event) for event in events]) + b"]"


def decode_history(data: bytes | str | list[dict[str, Any]]) -> list[Event]:
    """The events of a JSON array, or of a list of the dicts that ``event_from_dict`` takes."""
    if isinstance(data, list):
        return [_event_from_dict(members, index) for index, members in enumerate(data)]
    try:
        return [Event(wire.id, wire.time, wire.attributes) for wire in events_decoder()(data)]
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
        wire = DECISION_WIRES[type(decision)]
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
        decision: Decision = decision_decoder()(data).attributes
    except _FAULTS as error:
        raise InputError(f"not a decision: {error}") from error
    return decision


def decision_to_dict(decision: Decision) -> dict[str, Any]:
    """The JSON of one decision as dicts, lists and strings, in the form that boto3 takes."""
    members: dict[str, Any] = _decode_json(encode_decision(decision))
    return members


def decision_from_dict(members: dict[str, Any]) -> Decision:
    """The decision of a dict as ``decision_to_dict`` returns it."""
    wire = DECISION_WIRES.named_by(members, "decisionType")
    try:
        # Conversion to the union is slow. It happens only without a wire, and then raises the message that we want.
        decision: Decision = msgspec.convert(members, wire or DECISION_WIRES.union).attributes
    except _FAULTS as error:
        raise InputError(f"not a decision: {error}") from error
    return decision


def _decode_event(data: bytes | str, index: int | None) -> Event:
    """As ``decode_event``. ``index`` of the event in its history, if it has one, is for the message."""
    try:
        wire = event_decoder()(data)
    except _FAULTS as error:
        try:
            kept = _decode_members(data)
            members = {key: _decode_json(kept[key]) for key in EVENT_MEMBERS.values() if key in kept}
        except _FAULTS:
            raise InputError(f"{_event_label(None, index)}: {error}") from error
        if EVENT_WIRES.named_by(members, "eventType"):
            raise InputError(f"{_event_label(members, index)}: {error}") from error
        return _unknown_event(members, kept, index)
    return Event(wire.id, wire.time, wire.attributes)


def _event_from_dict(members: dict[str, Any], index: int | None) -> Event:
    """As ``event_from_dict``; ``index`` as in ``_decode_event``."""
    wire_type = EVENT_WIRES.named_by(members, "eventType")
    if wire_type is None:
        return _unknown_event(members, members, index)
    try:
        wire = msgspec.convert(members, wire_type)
        _check_time(wire.time)
    except _FAULTS as error:
        raise InputError(f"{_event_label(members, index)}: {error}") from error
    return Event(wire.id, wire.time, wire.attributes)


def _unknown_event(members: Any, kept: dict[str, Any], index: int | None) -> Event:
    """An event of a type that this library does not know.

    ``members`` are read for its id, time and type; ``kept`` are its members in the form in which they are kept.
    """
    try:
        header = msgspec.convert(members, _EventHeader)
        _check_time(header.time)
        rest = {key: value for key, value in kept.items() if key not in EVENT_MEMBERS.values()}
        attributes = UnknownEvent(event_type=header.type, raw=_encode(rest))
    except _FAULTS as error:
        raise InputError(f"{_event_label(members, index)}: {error}") from error
    return Event(header.id, header.time, attributes)


def _encode_unknown_event(event: Event) -> bytes:
    attributes = event.attributes
    if not isinstance(attributes, UnknownEvent):
        raise TypeError("its attributes are not those of an event")
    header = {"eventId": event.id, "eventTimestamp": milliseconds(event.time), "eventType": attributes.event_type}
    return _encode({**_decode_members(attributes.raw), **header})


def _check_time(time: float) -> None:
    """Raise ValueError for infinity and NaN, which a float can hold and JSON cannot."""
    if not isfinite(time):
        raise ValueError(f"the time {time} is not finite")


def _unwritable_member(attributes: Attributes | Decision) -> str:
    """``name: `` of the first member that JSON cannot hold; empty if each member by itself can be written."""
    for name in attributes.__struct_fields__:
        try:
            _encode(getattr(attributes, name))
        except _FAULTS:
            return f"{name}: "
    return ""


def _event_label(members: Any, index: int | None) -> str:
    """The name of an unreadable event in a message: its id and type if they can be read, and its index if given."""
    event_id = members.get("eventId") if isinstance(members, dict) else None
    event_type = members.get("eventType") if isinstance(members, dict) else None
    label = "event" if event_id is None else f"event {event_id}"
    if event_type is not None:
        label += f" ({event_type})"
    return label if index is None else f"{label} at index {index} of the history"
