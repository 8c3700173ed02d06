"""Errors of the service and its client become errors of this library: one line, with advice, marked if it may pass."""

from __future__ import annotations

import math
import time

import botocore.exceptions
import botocore.session
import pytest
from botocore.exceptions import ClientError

from simpleflow.engines.swf import activities, faults
from simpleflow.exceptions import InputError, RunBusy, SimpleflowError, SwfError, UnknownResource

MODEL = botocore.session.get_session().get_service_model("swf")
FAULTS = sorted({shape.name for name in MODEL.operation_names for shape in MODEL.operation_model(name).error_shapes})
BEYOND_THE_MODEL = ["ThrottlingException", "ValidationException", "AccessDeniedException", "InternalFailure"]
HARMLESS = {"DomainAlreadyExistsFault", "TypeAlreadyExistsFault", "TypeNotDeprecatedFault", "TooManyTagsFault"}


def fault(code: str, message: str = "some\nwords", status: int = 400) -> ClientError:
    """An error answer of the service."""
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SomeOperation")


@pytest.mark.parametrize("code", [*FAULTS, *BEYOND_THE_MODEL, "SomethingNew"])
def test_every_error_of_the_service_becomes_one_line(code: str) -> None:
    found = faults.translate(fault(code), "SomeOperation")
    assert isinstance(found, SimpleflowError)
    assert "\n" not in str(found)
    assert "some words" in str(found)
    if type(found) is SwfError and code not in {*HARMLESS, "SomethingNew"}:
        assert ";" in str(found), "it says what to do"


@pytest.mark.parametrize(
    ("code", "kind", "passing"),
    [
        ("UnknownResourceFault", UnknownResource, None),
        ("com.amazonaws.swf.base.model#UnknownResourceFault", UnknownResource, None),
        ("WorkflowExecutionAlreadyStartedFault", RunBusy, None),
        ("ValidationException", InputError, None),
        ("ThrottlingException", SwfError, True),
        ("LimitExceededFault", SwfError, True),
        ("InternalFailure", SwfError, True),
        ("OperationNotPermittedFault", SwfError, False),
        ("AccessDeniedException", SwfError, False),
        ("TypeDeprecatedFault", SwfError, False),
        ("DefaultUndefinedFault", SwfError, False),
    ],
)
def test_kinds(code: str, kind: type[SimpleflowError], passing: bool | None) -> None:
    found = faults.translate(fault(code), "SomeOperation")
    assert type(found) is kind
    assert getattr(found, "passing", None) is passing


@pytest.mark.parametrize("action", ["RespondDecisionTaskCompleted", "RecordActivityTaskHeartbeat"])
def test_a_text_that_is_no_token_is_a_token_that_is_not_known(action: str) -> None:
    assert type(faults.translate(fault("ValidationException", "Invalid token"), action)) is UnknownResource
    assert type(faults.translate(fault("ValidationException", "Invalid token"), "ListDomains")) is InputError


def test_a_missing_permission_is_named() -> None:
    found = faults.translate(fault("AccessDeniedException"), "RegisterActivityType")
    assert "give these credentials swf:RegisterActivityType" in str(found)


def test_an_unknown_domain_is_not_an_unknown_token() -> None:
    found = faults.translate(fault("UnknownResourceFault", "Unknown domain: x"), "PollForDecisionTask")
    assert type(found) is SwfError


def test_an_unknown_error_of_the_server_may_pass() -> None:
    for status, passing in ((503, True), (400, False)):
        found = faults.translate(fault("SomethingNew", status=status), "SomeOperation")
        assert isinstance(found, SwfError)
        assert found.passing is passing


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (botocore.exceptions.EndpointConnectionError(endpoint_url="u", error="e"), True),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="u", error="e"), True),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="u", error="e"), True),
        (botocore.exceptions.HTTPClientError(error="e"), True),
        (botocore.exceptions.NoCredentialsError(), False),
        (botocore.exceptions.NoRegionError(), False),
        (botocore.exceptions.DataNotFoundError(data_path="p"), False),
    ],
    ids=lambda given: type(given).__name__,
)
def test_errors_of_the_client(error: Exception, passing: bool) -> None:
    found = faults.translate(error, "SomeOperation")
    assert isinstance(found, SwfError)
    assert found.passing is passing


def test_an_endpoint_that_is_no_url_is_reported() -> None:
    found = faults.translate(ValueError("Invalid endpoint: nothing"), "connect")
    assert isinstance(found, SwfError)
    assert "Invalid endpoint: nothing; expected http://HOST" in str(found)
    assert not found.passing


def test_any_other_error_is_left_alone() -> None:
    assert faults.translate(KeyError("x"), "SomeOperation") is None
    with pytest.raises(KeyError), faults.translated("SomeOperation"):
        raise KeyError("x")


def test_only_errors_that_may_pass_are_retried() -> None:
    tries = []

    def throttled_twice() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise fault("ThrottlingException")
        return "done"

    assert faults.insist("SomeOperation", throttled_twice) == "done"
    assert len(tries) == 3

    def refused() -> None:
        tries.append(1)
        raise fault("UnknownResourceFault")

    tries.clear()
    with pytest.raises(UnknownResource):
        faults.insist("SomeOperation", refused)
    assert len(tries) == 1

    def always_throttled() -> None:
        raise fault("ThrottlingException")

    with pytest.raises(SwfError, match="too many requests"):
        faults.insist("SomeOperation", always_throttled, seconds=0.1)


def test_an_answer_is_not_retried_for_longer_than_the_process_may_go_on() -> None:
    tries: list[float] = []
    left = [math.inf]

    def throttled() -> None:
        tries.append(time.monotonic())
        if len(tries) == 2:
            left[0] = time.monotonic() + 0.3  # a stop is requested, while the pause would go on
        raise fault("ThrottlingException")

    with pytest.raises(SwfError, match="too many requests"):
        faults.insist("SomeOperation", throttled, left=lambda: max(0.0, left[0] - time.monotonic()))
    assert time.monotonic() - tries[1] < 5
    assert left[0] <= tries[-1], "the last try is made when no time is left"


def test_finished_work_is_reported_as_long_as_the_worker_may_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    class Refusing:
        def respond_activity_task_completed(self, **_: object) -> None:
            tries.append(1)
            raise fault("ThrottlingException")

    monkeypatch.setattr(activities, "client", lambda kind, region: Refusing())
    source = activities.SwfActivitySource("d", "l", left=lambda: 0.0)
    with pytest.raises(SwfError):
        source.respond_activity_task_completed("token", "1")
    assert len(tries) == 1
