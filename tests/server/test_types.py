"""Domains and types: registering, deprecating, deleting, listing, and their use in decisions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.clients import (
    DOMAIN,
    LIST,
    TASK_DEFAULTS,
    TYPE,
    WORKFLOW_DEFAULTS,
    Swf,
    activity,
    child,
    decision,
    fault,
)


def test_domains(swf: Swf) -> None:
    client = swf.client
    client.register_domain(name="other", workflowExecutionRetentionPeriodInDays="7", description="what it is for")
    with fault("DomainAlreadyExistsFault"):
        client.register_domain(name="other", workflowExecutionRetentionPeriodInDays="7")
    described = client.describe_domain(name="other")
    assert described["configuration"] == {"workflowExecutionRetentionPeriodInDays": "7"}
    assert described["domainInfo"]["description"] == "what it is for"
    with fault("UnknownResourceFault", "Unknown domain: nobody"):
        client.describe_domain(name="nobody")
    assert _names(client.list_domains(registrationStatus="REGISTERED")) == [DOMAIN, "other"]
    assert _names(client.list_domains(registrationStatus="REGISTERED", reverseOrder=True)) == ["other", DOMAIN]
    with fault("DomainAlreadyExistsFault"):
        client.undeprecate_domain(name="other")
    client.deprecate_domain(name="other")
    with fault("DomainDeprecatedFault"):
        client.deprecate_domain(name="other")
    assert _names(client.list_domains(registrationStatus="DEPRECATED")) == ["other"]
    with fault("DomainDeprecatedFault"):
        client.register_activity_type(domain="other", **TYPE)
    with fault("DomainDeprecatedFault"):
        client.start_workflow_execution(domain="other", workflowId="w", workflowType=TYPE)
    client.undeprecate_domain(name="other")
    client.register_activity_type(domain="other", **TYPE)


def _names(answer: dict[str, Any]) -> list[str]:
    return [each["name"] for each in answer["domainInfos"]]


def test_domains_share_nothing(swf: Swf) -> None:
    client = swf.client
    client.register_domain(name="other", workflowExecutionRetentionPeriodInDays="1")
    with fault("UnknownResourceFault", "Unknown type: WorkflowType=[name=type, version=1]"):
        client.start_workflow_execution(domain="other", workflowId="w", workflowType=TYPE)
    client.register_workflow_type(domain="other", **TYPE, **WORKFLOW_DEFAULTS)
    swf.start()
    client.start_workflow_execution(domain="other", workflowId="w", workflowType=TYPE)
    swf.decide()
    assert "taskToken" not in swf.poll()
    assert "taskToken" in client.poll_for_decision_task(domain="other", taskList=LIST)


@pytest.mark.parametrize("kind", ["activity", "workflow"])
def test_types(swf: Swf, kind: str) -> None:
    def call(verb: str, **options: Any) -> Any:
        return getattr(swf.client, f"{verb}_{kind}_type")(domain=DOMAIN, **options)

    def listed(**options: Any) -> list[tuple[str, str]]:
        answer = getattr(swf.client, f"list_{kind}_types")(domain=DOMAIN, **options)
        return [(each[f"{kind}Type"]["name"], each[f"{kind}Type"]["version"]) for each in answer["typeInfos"]]

    defaults = TASK_DEFAULTS if kind == "activity" else WORKFLOW_DEFAULTS
    named = {f"{kind}Type": {"name": "new", "version": "2"}}
    call("register", name="new", version="2", description="d", **defaults)
    with fault("TypeAlreadyExistsFault", f"{kind.capitalize()}Type=[name=new, version=2]"):
        call("register", name="new", version="2")
    described = call("describe", **named)
    assert described["configuration"] == defaults
    assert described["typeInfo"]["status"] == "REGISTERED"
    assert described["typeInfo"]["description"] == "d"
    assert "deprecationDate" not in described["typeInfo"]
    call("register", name="new", version="10")
    assert listed(registrationStatus="REGISTERED") == [("new", "10"), ("new", "2"), ("type", "1")]
    assert listed(registrationStatus="REGISTERED", name="type") == [("type", "1")]
    assert listed(registrationStatus="REGISTERED", reverseOrder=True, maximumPageSize=1) == [("type", "1")]
    with fault("TypeNotDeprecatedFault"):
        call("delete", **named)
    with fault("TypeAlreadyExistsFault"):
        call("undeprecate", **named)
    call("deprecate", **named)
    with fault("TypeDeprecatedFault"):
        call("deprecate", **named)
    assert listed(registrationStatus="DEPRECATED") == [("new", "2")]
    assert "deprecationDate" in call("describe", **named)["typeInfo"]
    with fault("TypeAlreadyExistsFault"):
        call("register", name="new", version="2")
    call("undeprecate", **named)
    call("deprecate", **named)
    call("delete", **named)
    for verb in ("describe", "deprecate", "undeprecate", "delete"):
        with fault("UnknownResourceFault", "Unknown type"):
            call(verb, **named)
    call("register", name="new", version="2")


def test_starts_that_are_refused(swf: Swf) -> None:
    with fault("UnknownResourceFault", "Unknown type"):
        swf.client.start_workflow_execution(domain=DOMAIN, workflowId="w", workflowType={"name": "x", "version": "1"})
    with fault("UnknownResourceFault", "Unknown domain"):
        swf.client.start_workflow_execution(domain="nobody", workflowId="w", workflowType=TYPE)
    bare = {"name": "bare", "version": "1"}
    swf.client.register_workflow_type(domain=DOMAIN, **bare)
    given: dict[str, Any] = {}
    for missing, value in (
        ("executionStartToCloseTimeout", "60"),
        ("taskList", LIST),
        ("taskStartToCloseTimeout", "NONE"),
        ("childPolicy", "ABANDON"),
    ):
        default = "default" + missing[0].upper() + missing[1:]
        with fault("DefaultUndefinedFault", default):
            swf.client.start_workflow_execution(domain=DOMAIN, workflowId="w", workflowType=bare, **given)
        given[missing] = value
    swf.client.start_workflow_execution(domain=DOMAIN, workflowId="w", workflowType=bare, **given)
    with fault("WorkflowExecutionAlreadyStartedFault"):
        swf.start()
    swf.client.deprecate_workflow_type(domain=DOMAIN, workflowType=TYPE)
    with fault("TypeDeprecatedFault"):
        swf.start("other")


def test_decisions_that_their_types_refuse(swf: Swf) -> None:
    bare = {"name": "bare", "version": "1"}
    swf.client.register_activity_type(domain=DOMAIN, **bare)
    swf.client.register_workflow_type(domain=DOMAIN, **bare)
    old = {"name": "old", "version": "1"}
    swf.client.register_activity_type(domain=DOMAIN, **old)
    swf.client.deprecate_activity_type(domain=DOMAIN, activityType=old)
    swf.client.register_workflow_type(domain=DOMAIN, **old)
    swf.client.deprecate_workflow_type(domain=DOMAIN, workflowType=old)
    nothing = {"name": "nothing", "version": "1"}
    task: dict[str, Any] = {
        "taskList": LIST,
        "scheduleToCloseTimeout": "1",
        "scheduleToStartTimeout": "1",
        "startToCloseTimeout": "1",
        "heartbeatTimeout": "1",
    }
    execution: dict[str, Any] = {
        "executionStartToCloseTimeout": "1",
        "taskList": LIST,
        "taskStartToCloseTimeout": "1",
        "childPolicy": "ABANDON",
    }
    activities = [activity("1", activityType=nothing), activity("2", activityType=old)]
    activities += [activity(name, activityType=bare, **_without(task, name)) for name in task]
    children = [child("1", workflowType=nothing), child("2", workflowType=old)]
    children += [child(name, workflowType=bare, **_without(execution, name)) for name in execution]
    swf.start()
    swf.decide(*activities, *children, activity("fine"), activity("given", activityType=bare, **task))
    events = swf.events()[4:]
    assert [_cause(event) for event in events if event["eventType"] == "ScheduleActivityTaskFailed"] == [
        "ACTIVITY_TYPE_DOES_NOT_EXIST",
        "ACTIVITY_TYPE_DEPRECATED",
        "DEFAULT_TASK_LIST_UNDEFINED",
        "DEFAULT_SCHEDULE_TO_CLOSE_TIMEOUT_UNDEFINED",
        "DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED",
        "DEFAULT_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        "DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED",
    ]
    assert [_cause(event) for event in events if event["eventType"] == "StartChildWorkflowExecutionFailed"] == [
        "WORKFLOW_TYPE_DOES_NOT_EXIST",
        "WORKFLOW_TYPE_DEPRECATED",
        "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        "DEFAULT_TASK_LIST_UNDEFINED",
        "DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        "DEFAULT_CHILD_POLICY_UNDEFINED",
    ]
    assert [event["eventType"] for event in events[-3:]] == [
        "ActivityTaskScheduled",
        "ActivityTaskScheduled",
        "DecisionTaskScheduled",
    ]


def _without(options: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != name}


def _cause(event: dict[str, Any]) -> Any:
    kind = event["eventType"]
    return event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]["cause"]


@pytest.mark.parametrize("known", [False, True])
def test_a_version_to_continue_as(swf: Swf, known: bool) -> None:
    run_id = swf.start()
    if known:
        swf.client.register_workflow_type(domain=DOMAIN, name="type", version="2")
    swf.decide(decision("ContinueAsNewWorkflowExecution", workflowTypeVersion="2"))
    assert swf.orders(run_id=run_id) == "ContinueAsNewWorkflowExecutionFailed DTS"
    cause = swf.last("ContinueAsNewWorkflowExecutionFailed")["cause"]
    undefined = "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED"
    assert cause == (undefined if known else "WORKFLOW_TYPE_DOES_NOT_EXIST")
