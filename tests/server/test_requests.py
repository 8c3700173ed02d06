"""Requests that Amazon SWF refuses although boto3 sends them."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import time
from typing import Any
from urllib.parse import urlparse

import boto3
import pytest
from botocore.config import Config

from simpleflow.server import Server, headers
from simpleflow.server.model import _NAMES, _TRIMMED, load
from simpleflow.server.operations import OPERATIONS as TABLE
from tests.server import clients
from tests.server.clients import (
    COMPLETE,
    DOMAIN,
    LIST,
    MODEL,
    TYPE,
    WORKFLOW_DEFAULTS,
    Swf,
    activity,
    child,
    decision,
    fault,
    timer,
)

SHAPES = MODEL["shapes"]
OPERATIONS = sorted(set(MODEL["operations"]) - {"TagResource", "UntagResource", "ListTagsForResource"})


def test_all_operations_are_there() -> None:
    assert sorted(TABLE) == OPERATIONS


def _minimal(shape_name: str) -> Any:
    """Return the smallest value that a shape allows."""
    shape = SHAPES[shape_name]
    if shape["type"] == "structure":
        required = {member: _minimal(shape["members"][member]["shape"]) for member in shape.get("required", ())}
        if shape_name == "Decision":
            return decision("CompleteWorkflowExecution")
        return required
    if shape["type"] == "string":
        number = shape_name.startswith(("Duration", "TaskPriority"))
        return shape["enum"][0] if "enum" in shape else ("1" if number else "x" * max(1, shape.get("min", 0)))
    return {"list": [], "boolean": True}.get(shape["type"], 1)


def _problems(operation: str, request: dict[str, Any]) -> str:
    from simpleflow.server.faults import Fault

    try:
        load().check(operation, request)
    except Fault as fault:
        return fault.message
    return ""


def _strings() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for operation in OPERATIONS:
        members = SHAPES[MODEL["operations"][operation]["input"]["shape"]]["members"]
        for member, each in members.items():
            shape = SHAPES[each["shape"]]
            if shape["type"] == "string" and "max" in shape and "enum" not in shape:
                found.append((operation, member, shape))
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_required_members(operation: str) -> None:
    input_shape = MODEL["operations"][operation]["input"]["shape"]
    request = _minimal(input_shape)
    assert _problems(operation, request) == ""
    for member in SHAPES[input_shape].get("required", ()):
        without = {name: value for name, value in request.items() if name != member}
        assert f"Value null at '{member}'" in _problems(operation, without)


@pytest.mark.parametrize(("operation", "member", "shape"), _strings())
def test_longest_strings(operation: str, member: str, shape: dict[str, Any]) -> None:
    request = _minimal(MODEL["operations"][operation]["input"]["shape"])
    number = SHAPES[MODEL["operations"][operation]["input"]["shape"]]["members"][member]["shape"].startswith("Dur")
    longest = ("1" if number else "é") * shape["max"]
    if not member.lower().endswith(("executionstarttoclosetimeout", "retentionperiodindays")):
        assert _problems(operation, {**request, member: longest}) == ""
    constraint = (
        f"'{member}' failed to satisfy constraint: Member must have length less than or equal to {shape['max']}"
    )
    assert constraint in _problems(operation, {**request, member: longest + longest[0]})
    if shape.get("min"):
        assert "greater than or equal to 1" in _problems(operation, {**request, member: ""})


def test_names_are_those_that_the_model_documents() -> None:
    documented, trimmed = set(), set()
    for name, shape in SHAPES.items():
        for member, each in shape.get("members", {}).items():
            text = re.sub("<[^>]+>", "", each.get("documentation", ""))
            if re.search(r"must not (be|contain) the literal string arn", text):
                documented.add((name, member))
                if "start or end with whitespace" in text:
                    trimmed.add((name, member))
    assert {(name, member) for name, members in _NAMES.items() for member in members} == documented
    assert set(_TRIMMED) == trimmed


@pytest.mark.parametrize("name", ["a:b", "a/b", "a|b", "a\x00b", "a\x1fb", "a\x7fb", "a\x9fb", "arn"])
def test_names(swf: Swf, name: str) -> None:
    with fault("ValidationException", "workflowId"):
        swf.start(name)
    with fault("ValidationException", "taskList.name"):
        swf.start(taskList={"name": name})
    with fault("ValidationException", "'name'"):
        swf.client.register_domain(name=name, workflowExecutionRetentionPeriodInDays="1")
    swf.start()
    task = swf.poll()
    for refused in (activity(name), activity(taskList={"name": name}), timer(name), child(name)):
        with fault("ValidationException", "decisions.1.member."):
            swf.answer(task, refused)
    assert swf.orders(3) == "DTSt", "nothing has changed"
    swf.answer(task, activity("arn1"))


@pytest.mark.parametrize("name", [" a", "a ", "\u3000a"])
def test_white_space_around_names(swf: Swf, name: str) -> None:
    with fault("ValidationException", "whitespace"):
        swf.take(name)


def test_values(swf: Swf) -> None:
    for options in (
        {"childPolicy": "FOO"},
        {"tagList": ["1", "2", "3", "4", "5", "6"]},
        {"tagList": ["x" * 257]},
        {"input": "x" * 32_769},
        {"executionStartToCloseTimeout": "NONE"},
        {"executionStartToCloseTimeout": "31536001"},
        {"executionStartToCloseTimeout": "1.5"},
        {"taskStartToCloseTimeout": "-1"},
        {"taskStartToCloseTimeout": "none"},
        {"taskPriority": "high"},
        {"taskPriority": "2147483648"},
    ):
        with fault("ValidationException", next(iter(options))):
            swf.start(**options)
    with fault("ValidationException", "maximumPageSize"):
        swf.client.list_domains(registrationStatus="REGISTERED", maximumPageSize=1001)
    with fault("ValidationException", "2 validation errors detected"):
        swf.start("x" * 257, childPolicy="FOO")
    assert swf.start(input="x" * 32_768, taskStartToCloseTimeout="NONE", taskPriority="-2147483648", tagList=[""])


@pytest.mark.parametrize(
    ("refused", "member"),
    [
        (decision("StartTimer"), "startTimerDecisionAttributes.timerId"),
        (decision("StartTimer", timerId="t"), "startToFireTimeout"),
        (decision("ScheduleActivityTask"), "scheduleActivityTaskDecisionAttributes.activityId"),
        (decision("RecordMarker"), "recordMarkerDecisionAttributes.markerName"),
        (decision("RecordMarker", markerName="m", details="x" * 32_769), "details"),
        (decision("RecordMarker", markerName="m" * 257), "markerName"),
        (decision("CancelTimer"), "timerId"),
        (decision("SignalExternalWorkflowExecution", workflowId="w"), "signalName"),
        (decision("FailWorkflowExecution", reason="x" * 257), "reason"),
        (decision("Unknown"), "decisionType"),
        (decision("StartTimer", timerId="t", startToFireTimeout="NONE"), "startToFireTimeout"),
        (decision("StartTimer", timerId="t", startToFireTimeout="soon"), "startToFireTimeout"),
    ],
)
def test_decisions(swf: Swf, refused: dict[str, Any], member: str) -> None:
    client = boto3.client(
        "swf",
        endpoint_url=swf.url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    swf.start()
    task = swf.poll()
    with fault("ValidationException", member):
        client.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[activity(), refused])
    assert swf.orders(3) == "DTSt", "all or nothing"
    with fault("ValidationException", "Close must be last decision in list"):
        swf.answer(task, COMPLETE, activity())
    swf.answer(task, activity())
    client.close()


def test_closes_need_no_attributes(swf: Swf) -> None:
    for kind, event in (
        ("CompleteWorkflowExecution", "WorkflowExecutionCompleted"),
        ("FailWorkflowExecution", "WorkflowExecutionFailed"),
        ("CancelWorkflowExecution", "WorkflowExecutionCanceled"),
    ):
        run_id = swf.start()
        swf.decide(decision(kind))
        assert swf.orders(run_id=run_id) == event


def test_answers_are_checked_against_the_model(swf: Swf) -> None:
    clients.CHECKED.clear()
    swf.start()
    assert clients.CHECKED == ["StartWorkflowExecution"]
    with pytest.raises(AssertionError, match="does not know"):
        clients._check({"runId": "1", "other": 1}, "Run", "")
    with pytest.raises(AssertionError, match="lacks"):
        clients._check({"eventType": "TimerFired"}, "HistoryEvent", "")


# Requests that boto3 never sends


def _post(url: str, body: bytes, target: str = "SimpleWorkflowService.ListDomains", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlparse(url).netloc, timeout=10)
    try:
        connection.request("POST", "/", body, {"X-Amz-Target": target, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def test_other_requests(swf: Swf) -> None:
    serialization = "com.amazon.coral.service#SerializationException"
    for body in (b"{", b"[]", b'{"registrationStatus": 1}', b'{"registrationStatus": "REGISTERED", "reverseOrder": 1}'):
        status, answer = _post(swf.url, body)
        assert (status, answer["__type"]) == (400, serialization)
    for target in ("", "SimpleWorkflowService.Nothing", "SimpleWorkflowService.TagResource"):
        status, answer = _post(swf.url, b"{}", target)
        assert (status, answer["__type"]) == (400, "com.amazon.coral.service#UnknownOperationException")
    assert _post(swf.url, b" " * 2**20 + b"{}")[0] == 413
    with fault("UnknownOperationException"):
        swf.client.tag_resource(resourceArn="arn:aws:swf:us-east-1:1:/domain/d", tags=[])
    old = "com.amazonaws.swf.service.model.SimpleWorkflowService.ListDomains"  # the name in boto 2
    status, answer = _post(swf.url, b'{"registrationStatus": "REGISTERED", "unknown": 1, "name": null}', old)
    assert status == 200
    assert answer["domainInfos"][0]["name"] == DOMAIN


def test_web_pages_are_not_served(swf: Swf) -> None:
    """Otherwise any web page in a browser could use a server on loopback."""
    status, answer = _post(swf.url, b'{"registrationStatus": "REGISTERED"}', Origin="http://example.org")
    assert status == 403
    assert "domainInfos" not in answer


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe", b'{"registrationStatus": "\xe9"}', b'{"name": "\xed\xa0\x80"}', b"\x00", b'{"a": ' + b"[" * 100_000],
)
def test_a_body_that_is_not_text_is_refused(swf: Swf, body: bytes) -> None:
    status, answer = _post(swf.url, body)
    assert (status, answer["__type"]) == (400, "com.amazon.coral.service#SerializationException")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:1", 200),
        ("localhost", 200),
        ("LOCALHOST.:8042", 200),
        ("[::1]:8042", 200),
        ("example.org", 403),
        ("127.0.0.1.example.org:8042", 403),
        ("localhost.example.org", 403),
        ("10.0.0.1", 403),
        ("", 403),
        ("é", 403),
    ],
)
def test_a_foreign_host_is_refused(swf: Swf, host: str, status: int) -> None:
    """A web page can have the name of its own server lead here; then it need not name its origin."""
    found, answer = _post(swf.url, b'{"registrationStatus": "REGISTERED"}', Host=host)
    assert found == status
    assert ("domainInfos" in answer) == (status == 200)


def _raw(url: str, head: str, body: bytes = b'{"registrationStatus": "REGISTERED"}') -> bytes:
    """The answer to a request whose head is sent as it is, after which the client sends no more."""
    host, _, port = urlparse(url).netloc.partition(":")
    lines = f"{head}X-Amz-Target: SimpleWorkflowService.ListDomains\r\n\r\n"
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(lines.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return stream.read()


@pytest.mark.parametrize("length", ["-1", "+36", "3_6", "0x24", "", "36\r\nContent-Length: 3", "360", "9" * 30])
def test_lengths_that_are_not_those_of_the_body(swf: Swf, length: str) -> None:
    answer = _raw(swf.url, f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n")
    assert answer.split(b" ")[1] in (b"400", b"413"), answer
    assert b"domainInfos" not in answer


@pytest.mark.parametrize("length", ["", "Content-Length: 36\r\n"])
def test_a_body_in_chunks_is_refused_and_nothing_of_it_is_a_request(swf: Swf, length: str) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n{length}"
    answer = _raw(swf.url, head, b"0\r\n\r\nPOST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.split(b" ")[1] == b"400"
    assert b"Transfer-Encoding is 'chunked'; expected none, and a Content-Length" in answer
    assert b"Connection: close" in answer


def test_a_foreign_host_in_the_target(swf: Swf) -> None:
    rest = "HTTP/1.1\r\nHost: localhost\r\nContent-Length: 36\r\n"
    assert _raw(swf.url, f"POST http://example.org/ {rest}").split(b" ")[1] == b"403"
    assert _raw(swf.url, f"POST http://localhost/ {rest}").split(b" ")[1] == b"200"


def test_a_retention_that_is_too_long(swf: Swf) -> None:
    for days, problem in (("91", "less than or equal to 90"), ("99999999", "less than"), ("x", "whole number")):
        with fault("ValidationException", problem):
            swf.client.register_domain(name="long", workflowExecutionRetentionPeriodInDays=days)
    swf.client.register_domain(name="long", workflowExecutionRetentionPeriodInDays="90")


def test_a_text_that_is_no_token(swf: Swf) -> None:
    for token in ("garbage", "a.b.c", "x" * 1024, "é", "a.1"):
        for call in (
            swf.client.respond_decision_task_completed,
            swf.client.respond_activity_task_completed,
            swf.client.respond_activity_task_failed,
            swf.client.respond_activity_task_canceled,
            swf.client.record_activity_task_heartbeat,
        ):
            with fault("ValidationException", "Invalid token"):
                call(taskToken=token)
    with fault("UnknownResourceFault"):
        swf.client.respond_activity_task_completed(taskToken="23qrZ1.5.1")


def test_connections_that_end_after_a_reply() -> None:
    with Server(close_connections=True) as server:
        netloc = urlparse(server.url).netloc
        connection = http.client.HTTPConnection(netloc, timeout=10)
        headers = {"X-Amz-Target": "SimpleWorkflowService.ListDomains"}
        connection.request("POST", "/", b'{"registrationStatus": "REGISTERED"}', headers)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.headers["Connection"] == "close"
        answer.read()
        connection.close()


def test_connections_may_be_closed_by_the_client(swf: Swf) -> None:
    for value in ("close", "keep-alive"):
        body = b'{"registrationStatus": "REGISTERED"}'
        assert _post(swf.url, body, Connection=value)[0] == 200
    assert WORKFLOW_DEFAULTS["defaultTaskList"] == LIST
    assert swf.client.describe_workflow_type(domain=DOMAIN, workflowType=TYPE)["configuration"] == WORKFLOW_DEFAULTS


@pytest.mark.parametrize(
    ("head", "is_plain"),
    [
        ("Content-Type: x\r\nHOST:localhost\r\nX-Amz-Target:  S.ListDomains \t\r\n", True),
        ("x-amz-target: S.ListDomains\r\nX-Empty:\r\nX-Colon: a: b\r\nX-Other: é\r\n", True),
        ("X-Amz-Target: S.\r\n  ListDomains\r\n", False),
        ("X-Amz-Target: S.ListDomains\r\nX-Space : 1\r\n", False),
        ("X-Amz-Target: S.ListDomains\r\nno colon\r\n", False),
        ("X-Amz-Target: S.ListDomains\nX-Bare: 1\r\n", False),
        ("X-Amz-Target: S.ListDomains\r\nExpect: 100-continue\r\n", False),
        ("X-Amz-Target: S.ListDomains\r\n" + "X-Many: 1\r\n" * 101, False),
    ],
)
def test_plain_heads_are_read_as_http_server_reads_them(head: str, is_plain: bool) -> None:
    sent = f"{head}Content-Length: 2\r\n\r\n{{}}".encode("latin-1")
    stream = io.BufferedReader(io.BytesIO(sent))  # type: ignore[arg-type]
    found = headers.read(stream)
    assert (found is not None) == is_plain
    if found is None:
        assert stream.read() == sent  # http.server reads it
        return
    assert stream.read() == b"{}"
    other = http.client.parse_headers(io.BytesIO(sent))
    for name in (*other, "none"):
        assert found.get(name) == other.get(name)
        assert found.get_all(name, ()) == other.get_all(name, ())


def test_a_head_that_comes_in_parts(swf: Swf) -> None:
    with socket.create_connection(("127.0.0.1", int(swf.url.rpartition(":")[2]))) as connection:
        body = b'{"registrationStatus": "REGISTERED"}'
        head = b"POST / HTTP/1.1\r\nX-Amz-Target: S.ListDomains\r\nContent-Length: %d\r\n\r\n" % len(body)
        for _ in range(2):
            for part in (head[:20], head[20:50], head[50:] + body[:5], body[5:]):
                connection.sendall(part)
                time.sleep(0.02)
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
