"""First tries of requests: what they cannot do is left to boto3, which retries as it always does."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.config import Config
from botocore.credentials import Credentials

from simpleflow.engines.swf import first_try
from tests.swf.test_transport import EMPTY, script


def answered(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def fault(code: str, status: int = 400) -> bytes:
    return answered(status, json.dumps({"__type": code, "message": "no"}).encode())


THROTTLED = fault("com.amazon.coral.availability#ThrottlingException")
BROKEN = answered(500, b"")


def made(url: str, mode: str = "standard", tries: int = 3) -> Any:
    found = boto3.client(
        "swf",
        "us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"mode": mode, "total_max_attempts": tries}),
    )
    assert first_try.install(found, Credentials("a", "b"), 5, 5) is not None
    return found


def heartbeat(client: Any) -> Any:
    return client.record_activity_task_heartbeat(taskToken="t")


def attempts(requests: list[bytes]) -> list[str]:
    """What boto3 says of each request; "" for those that it has not sent."""
    found = [re.search(rb"\r\namz-sdk-request: ([^\r]*)", each) for each in requests]
    return ["" if each is None else each[1].decode().partition(";")[0] for each in found]


@pytest.mark.parametrize("mode", ["standard", "adaptive"])
@pytest.mark.parametrize("first", [THROTTLED, BROKEN, None], ids=["throttled", "500", "hangs up"])
def test_boto3_retries_what_may_pass(mode: str, first: bytes | None) -> None:
    with script(first, EMPTY) as server:
        found = heartbeat(made(f"http://{server.netloc}", mode))
        assert found["ResponseMetadata"]["RetryAttempts"] == 1
        assert attempts(server.requests) == ["", "attempt=2"]
        assert all(b"AWS4-HMAC-SHA256 Credential=a/" in each for each in server.requests)
        assert len({each.partition(b"\r\n\r\n")[2] for each in server.requests}) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "times"),
    [
        pytest.param(THROTTLED, exceptions.ClientError, 2, id="throttled"),
        pytest.param(BROKEN, exceptions.ClientError, 2, id="500"),
        pytest.param(None, exceptions.ConnectionClosedError, 2, id="hangs up"),
        pytest.param(fault("x#UnknownResourceFault"), exceptions.ClientError, 1, id="unknown"),
        pytest.param(fault("x#ValidationException"), exceptions.ClientError, 1, id="not valid"),
    ],
)
def test_as_often_as_boto3_would(answer: bytes | None, kind: type[Exception], times: int) -> None:
    with script(*[answer] * 5) as server:
        with pytest.raises(kind) as raised:
            heartbeat(made(f"http://{server.netloc}", tries=2))
        assert len(server.requests) == times
        if isinstance(raised.value, exceptions.ClientError):
            assert raised.value.response["ResponseMetadata"]["RetryAttempts"] == times - 1


def test_without_retries_a_request_is_sent_once() -> None:
    with script(THROTTLED, None) as server:
        client = made(f"http://{server.netloc}", tries=1)
        with pytest.raises(client.exceptions.ClientError, match="ThrottlingException"):
            heartbeat(client)
        with pytest.raises(exceptions.ConnectionClosedError):
            client = made(f"http://{server.netloc}", tries=1)
            heartbeat(client)
        assert attempts(server.requests) == ["", ""]


def test_after_a_refusal_for_too_many_requests_boto3_sends_all() -> None:
    with script(THROTTLED, *[EMPTY] * 4) as server:
        client = made(f"http://{server.netloc}", "adaptive")
        heartbeat(client)
        began = time.monotonic()
        heartbeat(client)
        assert time.monotonic() - began > 0.2, "boto3 has slowed down"
        assert attempts(server.requests) == ["", "attempt=2", "attempt=1"]


def test_other_faults_do_not_slow_down() -> None:
    with script(fault("x#UnknownResourceFault"), BROKEN, *[EMPTY] * 2) as server:
        client = made(f"http://{server.netloc}", "adaptive")
        with pytest.raises(client.exceptions.UnknownResourceFault):
            heartbeat(client)
        heartbeat(client)
        heartbeat(client)
        assert attempts(server.requests) == ["", "", "attempt=2", ""]


def test_boto3_measures_the_rate_of_first_tries() -> None:
    """A client that was refused goes on with most of the rate that it had, not with the least that there is."""
    with script(*[EMPTY] * 200, THROTTLED, *[EMPTY] * 20) as server:
        client = made(f"http://{server.netloc}", "adaptive")
        for _ in range(100):
            heartbeat(client)
            time.sleep(0.01)
        while len(server.requests) < 201:
            heartbeat(client)
        began = time.monotonic()
        for _ in range(5):
            heartbeat(client)
        assert time.monotonic() - began < 2


def test_what_a_request_has_met_that_boto3_gave_up_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(**given: Any) -> None:
        raise RuntimeError("given up")

    with script(THROTTLED, EMPTY) as server:
        client = made(f"http://{server.netloc}", tries=1)
        client.meta.events.register("request-created.swf", gives_up)
        with pytest.raises(RuntimeError, match="given up"):
            heartbeat(client)
        client.meta.events.unregister("request-created.swf", gives_up)
        monkeypatch.setattr("time.monotonic", lambda: -1.0)  # as after a refusal for too many requests
        heartbeat(client)
        assert attempts(server.requests) == ["", "attempt=1"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b"{}", {}),
        (b'{"cancelRequested":true}', {"cancelRequested": True}),
        (b'{"cancelRequested": null}', {}),
        (b'{"cancelRequested":true, "other":null}', {"cancelRequested": True}),
    ],
)
def test_answers_say_what_they_say_to_boto3(body: bytes, expected: dict[str, Any]) -> None:
    with script(answered(200, body)) as server:
        found = heartbeat(made(f"http://{server.netloc}"))
        found.pop("ResponseMetadata", None)
        assert found == expected
        assert len(server.requests) == 1


def test_null_in_a_text_is_a_text() -> None:
    text = json.dumps({"args": [None, {"a": None}]})
    with script(answered(200, json.dumps({"taskToken": "t", "input": text}).encode())) as server:
        found = made(f"http://{server.netloc}").poll_for_activity_task(domain="d", taskList={"name": "l"})
        assert found["input"] == text


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"<html>"])
def test_an_answer_that_is_no_object_is_left_to_boto3(body: bytes) -> None:
    with script(*[answered(200, body)] * 3) as server:
        plain = boto3.client(
            "swf",
            "us-east-1",
            endpoint_url=f"http://{server.netloc}",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )

        def outcome(client: Any) -> Any:
            try:
                return {**heartbeat(client), "ResponseMetadata": None}
            except Exception as error:
                return type(error), str(error)

        assert outcome(made(f"http://{server.netloc}", tries=1)) == outcome(plain)
