"""The event and decision classes and their codec, compared with botocore's model of the service."""

import json
from functools import cache
from typing import Any

import msgspec
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserFactory
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow.core import decisions, events
from simpleflow.core.codec import (
    decision_from_dict,
    decision_to_dict,
    decode_decision,
    decode_event,
    decode_history,
    encode_decision,
    encode_event,
    encode_history,
    event_from_dict,
    event_to_dict,
)
from simpleflow.core.decisions import DECISION_TYPES
from simpleflow.core.events import EVENT_TYPES, Event, TimerFired, UnknownEvent
from simpleflow.exceptions import InputError

MODEL = Loader().load_service_model("swf", "service-2")
SHAPES: dict[str, Any] = MODEL["shapes"]
EVENT_NAMES: list[str] = SHAPES["EventType"]["enum"]
DECISION_NAMES: list[str] = SHAPES["DecisionType"]["enum"]
KINDS = [("Event", name) for name in EVENT_NAMES] + [("Decision", name) for name in DECISION_NAMES]

every_event = pytest.mark.parametrize("name", EVENT_NAMES)
every_decision = pytest.mark.parametrize("name", DECISION_NAMES)
every_type = pytest.mark.parametrize(("kind", "name"), KINDS)
a_few = settings(max_examples=20, deadline=None, database=None)


def attributes_key(kind: str, name: str) -> str:
    return f"{name[0].lower()}{name[1:]}{kind}Attributes"


def shape_of(kind: str, name: str) -> dict[str, Any]:
    return SHAPES[f"{name}{kind}Attributes"]


def class_of(kind: str, name: str) -> type[msgspec.Struct]:
    return EVENT_TYPES[name] if kind == "Event" else DECISION_TYPES[name]


@cache
def values(shape_name: str) -> st.SearchStrategy[Any]:
    """JSON values that the model allows for a shape."""
    shape = SHAPES[shape_name]
    match shape["type"]:
        case "string" if "enum" in shape:
            return st.sampled_from(shape["enum"])
        case "string":
            return st.text(min_size=shape.get("min", 0), max_size=min(shape.get("max", 20), 20))
        case "long":
            return st.integers(0, 2**63 - 1)
        case "timestamp":
            return st.integers(0, 4 * 10**12).map(lambda milliseconds: milliseconds / 1000)
        case "list":
            return st.lists(values(shape["member"]["shape"]), max_size=shape.get("max"))
        case "structure":
            members = {key: values(member["shape"]) for key, member in shape["members"].items()}
            required = {key: members.pop(key) for key in shape.get("required", [])}
            return st.fixed_dictionaries(required, optional=members)
    raise AssertionError(shape)


def event_dicts(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "eventId": values("EventId"),
            "eventTimestamp": values("Timestamp"),
            "eventType": st.just(name),
            attributes_key("Event", name): values(f"{name}EventAttributes"),
        }
    )


def decision_dicts(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "decisionType": st.just(name),
            attributes_key("Decision", name): values(f"{name}DecisionAttributes"),
        }
    )


def empty_value(shape_name: str) -> Any:
    """Zero, the empty string or the empty list; for a structure, one of these for each member."""
    shape = SHAPES[shape_name]
    if shape["type"] == "structure":
        return {key: empty_value(member["shape"]) for key, member in shape["members"].items()}
    return {"string": "", "long": 0, "list": []}[shape["type"]]


def whole(kind: str, name: str, keys: Any = None) -> dict[str, Any]:
    """An event or decision whose attributes are empty values: all of them, or only those in ``keys``."""
    attributes = empty_value(f"{name}{kind}Attributes")
    if keys is not None:
        attributes = {key: attributes[key] for key in keys}
    header = {"eventId": 1, "eventTimestamp": 0.0, "eventType": name}
    return {
        **(header if kind == "Event" else {"decisionType": name}),
        attributes_key(kind, name): attributes,
    }


def from_dict(kind: str, members: dict[str, Any]) -> Any:
    return event_from_dict(members) if kind == "Event" else decision_from_dict(members)


def decode(kind: str, data: bytes) -> Any:
    return decode_event(data) if kind == "Event" else decode_decision(data)


def encode(kind: str, value: Any) -> bytes:
    return encode_event(value) if kind == "Event" else encode_decision(value)


def in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    assert keys == sorted(keys)
    return dict(pairs)


# The classes


def test_there_is_a_class_for_each_type_of_the_model() -> None:
    assert list(EVENT_TYPES) == EVENT_NAMES
    assert list(DECISION_TYPES) == DECISION_NAMES
    assert (len(EVENT_TYPES), len(DECISION_TYPES)) == (54, 13)


@every_event
def test_event_classes_are_exported_under_their_names(name: str) -> None:
    assert getattr(events, name) is EVENT_TYPES[name]
    assert name in events.__all__


@every_decision
def test_decision_classes_are_exported_under_their_names(name: str) -> None:
    assert getattr(decisions, name) is DECISION_TYPES[name]


def check_members(cls: type[msgspec.Struct], shape: dict[str, Any]) -> None:
    fields = {field.encode_name: field for field in msgspec.structs.fields(cls)}
    assert set(fields) == set(shape["members"])
    assert {key for key, field in fields.items() if field.required} == set(shape.get("required", []))
    for key, member in shape["members"].items():
        model = SHAPES[member["shape"]]
        declared = fields[key].type
        if not fields[key].required:
            assert fields[key].default is None
            declared = declared.__args__[0]
        match model["type"]:
            case "string":
                assert declared is str, key
            case "long":
                assert declared is int, key
            case "list":
                assert declared.__origin__ is tuple
                assert str in (declared.__args__[0], *getattr(declared.__args__[0], "__args__", ()))
            case "structure":
                assert declared.__name__ == member["shape"]
                check_members(declared, model)
            case other:
                raise AssertionError(other)


@every_type
def test_members_are_those_of_the_model(kind: str, name: str) -> None:
    check_members(class_of(kind, name), shape_of(kind, name))


@every_type
def test_values_are_frozen_and_hashable(kind: str, name: str) -> None:
    value = from_dict(kind, whole(kind, name))
    assert hash(value) == hash(from_dict(kind, whole(kind, name)))
    attributes = value.attributes if kind == "Event" else value
    with pytest.raises(AttributeError, match="immutable"):
        setattr(attributes, attributes.__struct_fields__[0], None)


# The codec


@every_event
@a_few
@given(data=st.data())
def test_event_round_trip(name: str, data: st.DataObject) -> None:
    members = data.draw(event_dicts(name))
    event = event_from_dict(members)
    encoded = encode_event(event)
    assert type(event.attributes) is EVENT_TYPES[name]
    assert event.type == name
    assert json.loads(encoded, object_pairs_hook=in_order) == members
    assert event_to_dict(event) == members
    assert decode_event(encoded) == decode_event(encoded.decode()) == event
    assert decode_event(json.dumps(members)) == event


@every_decision
@a_few
@given(data=st.data())
def test_decision_round_trip(name: str, data: st.DataObject) -> None:
    members = data.draw(decision_dicts(name))
    decision = decision_from_dict(members)
    encoded = encode_decision(decision)
    assert type(decision) is DECISION_TYPES[name]
    assert json.loads(encoded, object_pairs_hook=in_order) == members
    assert decision_to_dict(decision) == members
    assert decode_decision(encoded) == decode_decision(encoded.decode()) == decision
    assert ParamValidator().validate(members, ServiceModel(MODEL).shape_for("Decision")).generate_report() == ""


@every_event
@a_few
@given(data=st.data())
def test_botocore_parses_encoded_events(name: str, data: st.DataObject) -> None:
    members = data.draw(event_dicts(name))
    body = b'{"events":' + encode_history([event_from_dict(members)]) + b"}"
    output = ServiceModel(MODEL).operation_model("GetWorkflowExecutionHistory").output_shape
    factory = ResponseParserFactory()
    factory.set_parser_defaults(timestamp_parser=float)
    parsed = factory.create_parser("json").parse({"status_code": 200, "headers": {}, "body": body}, output)
    assert parsed["events"] == [members]


@every_type
def test_zero_and_the_empty_string_are_written(kind: str, name: str) -> None:
    members = whole(kind, name)
    encoded = encode(kind, from_dict(kind, members))
    assert json.loads(encoded) == members
    assert decode(kind, encoded) == from_dict(kind, members)


@every_type
def test_none_is_left_out_and_null_is_none(kind: str, name: str) -> None:
    required = shape_of(kind, name).get("required", [])
    members = whole(kind, name, required)
    value = from_dict(kind, members)
    assert json.loads(encode(kind, value)) == members

    with_nulls = json.loads(json.dumps(members))
    for key in shape_of(kind, name)["members"]:
        with_nulls[attributes_key(kind, name)].setdefault(key, None)
    assert decode(kind, json.dumps(with_nulls).encode()) == from_dict(kind, with_nulls) == value


RECORDED = {
    "WorkflowExecutionStarted": "childPolicy executionStartToCloseTimeout input parentInitiatedEventId "
    "taskList taskStartToCloseTimeout workflowType",
    "WorkflowExecutionCancelRequested": "externalInitiatedEventId",
    "WorkflowExecutionCompleted": "decisionTaskCompletedEventId result",
    "WorkflowExecutionFailed": "decisionTaskCompletedEventId details reason",
    "WorkflowExecutionCanceled": "decisionTaskCompletedEventId",
    "DecisionTaskScheduled": "startToCloseTimeout taskList",
    "DecisionTaskStarted": "identity scheduledEventId",
    "DecisionTaskCompleted": "scheduledEventId startedEventId",
    "ActivityTaskScheduled": "activityId activityType decisionTaskCompletedEventId heartbeatTimeout input "
    "scheduleToCloseTimeout scheduleToStartTimeout startToCloseTimeout taskList",
    "ActivityTaskStarted": "identity scheduledEventId",
    "ActivityTaskCompleted": "result scheduledEventId startedEventId",
    "ActivityTaskFailed": "reason scheduledEventId startedEventId",
    "WorkflowExecutionSignaled": "externalInitiatedEventId signalName",
    "MarkerRecorded": "decisionTaskCompletedEventId markerName",
    "TimerStarted": "decisionTaskCompletedEventId startToFireTimeout timerId",
    "TimerFired": "startedEventId timerId",
    "TimerCanceled": "decisionTaskCompletedEventId startedEventId timerId",
    "StartChildWorkflowExecutionInitiated": "childPolicy decisionTaskCompletedEventId "
    "executionStartToCloseTimeout input taskList taskStartToCloseTimeout workflowId workflowType",
    "ChildWorkflowExecutionStarted": "initiatedEventId workflowExecution workflowType",
    "ChildWorkflowExecutionCompleted": "initiatedEventId result startedEventId workflowExecution workflowType",
    "ChildWorkflowExecutionFailed": "details initiatedEventId reason startedEventId workflowExecution workflowType",
}


@pytest.mark.parametrize(("name", "keys"), RECORDED.items(), ids=RECORDED)
def test_events_as_swf_records_them(name: str, keys: str) -> None:
    """The attributes that every recorded event of a type has, in the order in which SWF writes them."""
    members = whole("Event", name, keys.split())
    encoded = encode_event(decode_event(json.dumps(members)))
    assert list(json.loads(encoded)[attributes_key("Event", name)]) == keys.split()


def test_an_old_client_was_allowed_a_null_tag() -> None:
    members = whole("Event", "WorkflowExecutionStarted")
    members["workflowExecutionStartedEventAttributes"]["tagList"] = ["a", None]
    assert event_to_dict(event_from_dict(members)) == members


def test_the_bytes_of_an_event() -> None:
    event = Event(7, 1464000000.12345, TimerFired(started_event_id=6, timer_id="a timer"))
    assert encode_event(event) == (
        b'{"eventId":7,"eventTimestamp":1464000000.123,"eventType":"TimerFired",'
        b'"timerFiredEventAttributes":{"startedEventId":6,"timerId":"a timer"}}'
    )


def test_unknown_members_of_a_known_type_are_ignored() -> None:
    members = whole("Event", "TimerFired")
    expected = event_from_dict(members)
    members["timerFiredEventAttributes"]["drift"] = members["region"] = 3
    assert event_from_dict(members) == decode_event(json.dumps(members)) == expected


# Events of an unknown type

UNKNOWN = (
    b'{"coffeeBrewedEventAttributes":{"z":[1, 2.50,1e400],"a":"\\u00e9"},"eventId":9,'
    b'"eventTimestamp":1464000000.123,"eventType":"CoffeeBrewed","region":"eu"}'
)


def test_an_unknown_event_survives_unchanged() -> None:
    event = decode_event(UNKNOWN)
    assert (event.id, event.time, event.type) == (9, 1464000000.123, "CoffeeBrewed")
    assert isinstance(event.attributes, UnknownEvent)
    assert encode_event(event) == UNKNOWN


def test_an_unknown_event_crosses_as_a_dict() -> None:
    members = {"eventId": 9, "eventTimestamp": 1.5, "eventType": "CoffeeBrewed", "cup": {"sugar": None}}
    assert event_to_dict(event_from_dict(members)) == members


def test_an_unknown_event_does_not_disturb_its_neighbours() -> None:
    timer = Event(8, 1.0, TimerFired(started_event_id=6, timer_id="t"))
    history = [timer, decode_event(UNKNOWN), timer]
    assert decode_history(encode_history(history)) == history


def test_an_event_has_the_members_of_its_attributes() -> None:
    event = Event(8, 1.0, TimerFired(started_event_id=6, timer_id="t"))
    assert (event.started_event_id, event.timer_id) == (6, "t")
    assert decode_event(UNKNOWN).event_type == "CoffeeBrewed"
    assert Event(8, 1.0, events.LambdaFunctionScheduled(decision_task_completed_event_id=4, id="l", name="f")).id == 8
    with pytest.raises(AttributeError, match="'TimerFired' object has no attribute 'input'"):
        event.input
    assert not hasattr(event, "no_member_of_any")


# Histories


def test_history_round_trip() -> None:
    history = [event_from_dict(whole("Event", name)) for name in EVENT_NAMES]
    encoded = encode_history(history)
    assert decode_history(encoded) == decode_history(encoded.decode()) == history
    assert decode_history(json.loads(encoded)) == history
    assert encode_history([]) == b"[]"
    assert decode_history(b"[]") == decode_history([]) == []


# Bad input


@every_type
def test_a_missing_member_is_named(kind: str, name: str) -> None:
    required = shape_of(kind, name).get("required", [])
    for missing in required:
        members = whole(kind, name, [key for key in required if key != missing])
        for read in (lambda m: from_dict(kind, m), lambda m: decode(kind, json.dumps(m).encode())):
            with pytest.raises(InputError, match=f"`{missing}` - at `\\$.{attributes_key(kind, name)}`") as caught:
                read(members)
            assert isinstance(caught.value.__cause__, msgspec.ValidationError)


@every_type
def test_a_member_of_the_wrong_type_is_named(kind: str, name: str) -> None:
    for key in shape_of(kind, name)["members"]:
        members = whole(kind, name)
        members[attributes_key(kind, name)][key] = True
        for read in (lambda m: from_dict(kind, m), lambda m: decode(kind, json.dumps(m).encode())):
            with pytest.raises(InputError, match=f"got `bool` - at `\\$.{attributes_key(kind, name)}.{key}`"):
                read(members)


@every_type
def test_missing_attributes_are_named(kind: str, name: str) -> None:
    members = whole(kind, name)
    del members[attributes_key(kind, name)]
    with pytest.raises(InputError, match=attributes_key(kind, name)):
        from_dict(kind, members)


NOT_EVENTS = [
    (b"", "event: Input data was truncated"),
    (b"{]", "event: JSON is malformed"),
    (b"\xff", "event: JSON is malformed"),
    (b'{"a":' + b"[" * 100_000, "event: maximum recursion depth"),
    ("\ud800", "event: 'utf-8' codec"),
    (b"[]", "event: Expected `object`, got `array`"),
    (b"{}", "event: Object missing required field"),
    (b'{"eventId":3,"eventTimestamp":1}', r"event 3: Object missing required field `eventType`"),
    (b'{"eventId":3,"eventTimestamp":1,"eventType":[]}', r"event 3 \(\[\]\): Expected `str`"),
    (b'{"eventTimestamp":1,"eventType":"Coffee"}', r"event \(Coffee\): .* `eventId`"),
    (b'{"eventId":3,"eventType":"Coffee"}', r"event 3 \(Coffee\): .* `eventTimestamp`"),
    (
        b'{"eventId":3,"eventTimestamp":"now","eventType":"TimerFired"}',
        r"event 3 \(TimerFired\): .*Timestamp",
    ),
]


@pytest.mark.parametrize(("data", "message"), NOT_EVENTS)
def test_bad_events_are_refused(data: bytes | str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        decode_event(data)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("event_type", ["TimerFired", "CoffeeBrewed"])
@pytest.mark.parametrize("time", [float("nan"), float("inf"), 10**400, None, "1", True])
def test_a_time_that_is_not_a_number_is_refused(event_type: str, time: Any) -> None:
    members = {**whole("Event", "TimerFired"), "eventType": event_type, "eventTimestamp": time}
    with pytest.raises(InputError, match=rf"^event 1 \({event_type}\): "):
        event_from_dict(members)


def test_an_error_in_a_history_names_its_event() -> None:
    good, bad = whole("Event", "TimerFired"), {**whole("Event", "TimerFired", ["timerId"]), "eventId": 2}
    for history in ([good, bad], json.dumps([good, bad])):
        with pytest.raises(InputError, match=r"^event 2 \(TimerFired\) at index 1 of the history: .*startedEventId"):
            decode_history(history)
    with pytest.raises(InputError, match=r"^not a history: Expected `array`"):
        decode_history(b"{}")


@pytest.mark.parametrize("members", [{}, [], {"decisionType": []}, {"decisionType": "MakeCoffee"}])
def test_bad_decisions_are_refused(members: Any) -> None:
    with pytest.raises(InputError, match=r"^not a decision: ") as from_members:
        decision_from_dict(members)
    with pytest.raises(InputError, match=r"^not a decision: ") as from_bytes:
        decode_decision(json.dumps(members))
    assert from_members.value.__cause__ is not None
    assert from_bytes.value.__cause__ is not None


def test_values_that_json_cannot_hold_are_refused() -> None:
    half = "\ud800"
    fired = TimerFired(started_event_id=1, timer_id=half)
    with pytest.raises(InputError, match=r"^event 2 \(TimerFired\) cannot be written: timer_id: ") as caught:
        encode_event(Event(2, 1.0, fired))
    assert isinstance(caught.value.__cause__, UnicodeEncodeError)
    with pytest.raises(InputError, match=r"^decision CancelTimer cannot be written: timer_id: "):
        encode_decision(decisions.CancelTimer(timer_id=half))
    with pytest.raises(InputError, match=r"^event 2 \(TimerFired\) cannot be written: the time inf"):
        encode_event(Event(2, float("inf"), TimerFired(started_event_id=1, timer_id="t")))
    with pytest.raises(InputError, match=r"^event 2 \(Coffee\) cannot be written: "):
        encode_event(Event(2, 1.0, UnknownEvent(event_type="Coffee", raw=b"[]")))


def test_events_and_decisions_are_never_equal() -> None:
    decision: Any = decisions.CancelTimer(timer_id="t")
    fired: Any = TimerFired(started_event_id=1, timer_id="t")
    with pytest.raises(InputError, match=r"^event 2 \(CancelTimer\) cannot be written"):
        encode_event(Event(2, 1.0, decision))
    with pytest.raises(InputError, match=r"^TimerFired is not a decision"):
        encode_decision(fired)
