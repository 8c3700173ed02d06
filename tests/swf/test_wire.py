"""Every event and every decision, translated both ways and checked against botocore's model of the service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.codec import decision_from_dict, event_to_dict
from simpleflow.core.decisions import DECISION_TYPES
from simpleflow.core.events import EVENT_TYPES
from simpleflow.engines.base import StartRequest
from simpleflow.engines.swf import wire

MODEL = botocore.session.get_session().get_service_model("swf")
EVENT = MODEL.shape_for("HistoryEvent")
DECISION = MODEL.shape_for("Decision")


def sample(shape: Any, full: bool, name: str = "") -> Any:
    """A value of a shape, with all of its members or only the required ones."""
    if shape.type_name == "structure":
        wanted = shape.members if full else shape.required_members
        return {key: sample(shape.members[key], full, key) for key in wanted}
    if shape.type_name == "list":
        return [sample(shape.member, full, name)]
    if shape.type_name == "timestamp":
        return 1_700_000_000.123
    if shape.type_name in ("long", "integer"):
        return 7
    if shape.type_name == "boolean":
        return True
    if getattr(shape, "enum", None):
        return shape.enum[0]
    return "5" if "imeout" in name or "riority" in name else f"some {name}"


def attributes_name(kind: str, what: str) -> str:
    return f"{kind[0].lower()}{kind[1:]}{what}Attributes"


def members_of(kind: str, full: bool) -> dict[str, Any]:
    attributes = EVENT.members[attributes_name(kind, "Event")]
    return {
        "eventId": 3,
        "eventTimestamp": 1_700_000_000.123,
        "eventType": kind,
        attributes_name(kind, "Event"): sample(attributes, full),
    }


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_members_that_a_server_leaves_out_are_filled_in(kind: str) -> None:
    found = wire.event({"eventId": 3, "eventTimestamp": 1.0, "eventType": kind})
    assert found.type == kind
    whole = wire.event(members_of(kind, full=False))
    for name in whole.attributes.__struct_fields__:
        assert type(getattr(found.attributes, name)) is type(getattr(whole.attributes, name))


def test_all_types_of_the_model_are_known() -> None:
    assert set(EVENT.members["eventType"].enum) == set(EVENT_TYPES)
    assert set(DECISION.members["decisionType"].enum) == set(DECISION_TYPES)


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_member_of_an_event_is_read(kind: str, full: bool) -> None:
    members = members_of(kind, full)
    event = wire.event(members)
    assert type(event.attributes) is EVENT_TYPES[kind]
    assert event_to_dict(event) == members
    moment = datetime.fromtimestamp(members["eventTimestamp"], UTC)
    assert wire.event({**members, "eventTimestamp": moment}) == event


def test_an_event_of_an_unknown_type_is_kept() -> None:
    members = {"eventId": 9, "eventTimestamp": 5, "eventType": "SomethingNew", "somethingNewEventAttributes": {"a": 1}}
    event = wire.event(members)
    assert isinstance(event.attributes, e.UnknownEvent)
    assert (event.id, event.time, event.type) == (9, 5.0, "SomethingNew")


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", DECISION_TYPES)
def test_a_decision_is_a_valid_request(kind: str, full: bool) -> None:
    attributes = DECISION.members[attributes_name(kind, "Decision")]
    members = {"decisionType": kind, attributes_name(kind, "Decision"): sample(attributes, full)}
    request = wire.answer("token", [decision_from_dict(members)], "context", ("own", "10"))
    assert request["decisions"] == [members]
    check("RespondDecisionTaskCompleted", request)


@pytest.mark.parametrize(
    "request_",
    [
        StartRequest("w", "type", "1"),
        StartRequest("w", "type", "1", "[1]", "list", ("a", "b"), "-3", "100", "NONE", "ABANDON"),
    ],
    ids=["least", "most"],
)
def test_a_start_is_a_valid_request(request_: StartRequest) -> None:
    check("StartWorkflowExecution", wire.start("domain", request_))


def check(operation: str, members: dict[str, Any]) -> None:
    shape = MODEL.operation_model(operation).input_shape
    report = ParamValidator().validate(members, shape)
    assert not report.has_errors(), report.generate_report()


def test_an_empty_answer_to_a_poll_has_no_task() -> None:
    assert wire.activity_task({}, "list") is None
    assert wire.activity_task({"taskToken": "", "startedEventId": 0}, "list") is None


@pytest.mark.parametrize("status", MODEL.shape_for("CloseStatus").enum)
def test_descriptions(status: str) -> None:
    info = {
        "execution": {"workflowId": "w", "runId": "r"},
        "workflowType": {"name": "type", "version": "1"},
        "startTimestamp": datetime.fromtimestamp(5, UTC),
        "closeTimestamp": 7.5,
        "executionStatus": "CLOSED",
        "closeStatus": status,
    }
    found = wire.description(info)
    assert (found.status, found.started, found.closed) == (status.lower(), 5.0, 7.5)
    assert wire.description({**info, "executionStatus": "OPEN"}).status == "open"


def test_an_answer_holds_only_the_given_members() -> None:
    assert wire.answer("token", [d.CompleteWorkflowExecution()]) == {
        "taskToken": "token",
        "decisions": [{"decisionType": "CompleteWorkflowExecution", "completeWorkflowExecutionDecisionAttributes": {}}],
    }
