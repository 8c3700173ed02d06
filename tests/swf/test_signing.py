"""The signatures of requests: the same as botocore's own, over the headers that the service requires."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from simpleflow.engines.swf import first_try
from tests.swf.test_transport import EMPTY, script


def made(url: str, credentials: Any) -> Any:
    found = boto3.client(
        "swf",
        "eu-west-1",
        endpoint_url=url,
        aws_access_key_id="unused",
        aws_secret_access_key="unused",
        config=Config(retries={"total_max_attempts": 1}),
    )
    first_try.install(found, credentials, 5, 5)
    return found


def sent(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    assert len({name.lower() for name, _, _ in lines}) == len(lines)
    return {name.lower(): value for name, _, value in lines}, body


def expected(headers: dict[str, str], body: bytes, credentials: Credentials, region: str, path: str) -> str:
    """The header Authorization as botocore makes it."""
    names = [name for name in headers if name.startswith("x-amz-") or name == "content-type"]
    request = AWSRequest("POST", f"http://{headers['host']}{path}", {name: headers[name] for name in names}, body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(credentials, "swf", region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    auth._inject_signature_to_request(request, auth.signature(text, request))
    return str(request.headers["Authorization"])


@pytest.mark.parametrize("token", [None, "a/session+token="])
@pytest.mark.parametrize("path", ["/", "/of ours/"])
def test_a_request_has_the_signature_of_botocore(token: str | None, path: str) -> None:
    credentials = Credentials("AKID", "secret/key+", token)
    with script(EMPTY, EMPTY) as server:
        client = made(f"http://{server.netloc}{path}", credentials)
        for text in ("plain", "ü\n" * 1_000):
            client.record_activity_task_heartbeat(taskToken="t", details=text)
        for request in server.requests:
            headers, body = sent(request)
            assert json.loads(body)["taskToken"] == "t"
            assert headers.get("x-amz-security-token") == token
            assert headers["authorization"] == expected(headers, body, credentials, "eu-west-1", path)


def test_a_key_that_has_changed_is_used() -> None:
    credentials = Credentials("AKID", "first")
    with script(EMPTY, EMPTY) as server:
        client = made(f"http://{server.netloc}", credentials)
        client.record_activity_task_heartbeat(taskToken="t")
        credentials.access_key, credentials.secret_key = "OTHER", "second"
        client.record_activity_task_heartbeat(taskToken="t")
        found = [sent(each) for each in server.requests]
        assert re.search("Credential=AKID/", found[0][0]["authorization"])
        assert found[1][0]["authorization"] == expected(*found[1], credentials, "eu-west-1", "/")


def test_without_credentials_the_client_stays_as_it_is() -> None:
    with script(EMPTY) as server:
        made(f"http://{server.netloc}", None).record_activity_task_heartbeat(taskToken="t")
        assert "Credential=unused/" in sent(server.requests[0])[0]["authorization"]


def test_credentials_that_cannot_be_fetched_are_an_error_of_botocore() -> None:
    class Broken:
        def get_frozen_credentials(self) -> Any:
            raise exceptions.CredentialRetrievalError(provider="p", error_msg="gone")

    with script() as server, pytest.raises(exceptions.CredentialRetrievalError):
        made(f"http://{server.netloc}", Broken()).record_activity_task_heartbeat(taskToken="t")
