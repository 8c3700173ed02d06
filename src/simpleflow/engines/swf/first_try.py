"""The first try of each request of a boto3 client, made with less work than boto3 takes for it.

Theory of operation
-------------------
Signing and sending a request and parsing its answer take boto3 two thirds of the CPU time of a short call. But when it
has built a request, it asks the handlers of its event ``before-call``, and if one of them has the parsed answer,
nothing is sent. Here a handler signs the request, sends it, and returns the answer if that is 200 and plain JSON.

A fault, an error of the connection, and JSON that boto3 reads in its own way are left to boto3, which does all that it
always does. Only when it would send the request for the first time, it is handed what the first
try has met (a handler of ``before-send``). So faults, retries and their pauses are boto3's own, and retries are signed
and sent by boto3.

In its adaptive mode boto3 measures how fast the client sends, and slows down after the service has refused a request
for there being too many. So that it can measure, it is told of the answers here, and for some time after such a refusal
all requests are left to it.

Clients that need a proxy, a client certificate, unverified TLS or another signature are left as they are.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec
from botocore.awsrequest import AWSResponse
from botocore.exceptions import HTTPClientError
from botocore.utils import get_environ_proxies

from simpleflow.engines.swf.faults import is_throttling
from simpleflow.engines.swf.signing import Signer
from simpleflow.engines.swf.transport import Answer, Endpoint, Session

THROTTLED_SECONDS = 300.0
"""For how long all requests are left to boto3 after one was refused. By then its limit has grown far beyond need."""

_NULL = re.compile(rb'[^\\]"\s*:\s*null')  # boto3 leaves out such members

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def install(
    client: Any, credentials: Any, connect_timeout: float, read_timeout: float, verify: str | bool = True
) -> FirstTries | None:
    """Let the first tries of the requests of a client of boto3 be made here.

    Args:
        client: of boto3.
        credentials: those of its session.
        connect_timeout, read_timeout: in seconds.
        verify: what the client was built with, else the file with certificates to trust that is configured, if any.

    Returns what makes the first tries; None if the client is left as it is.
    """
    config, url = client.meta.config, client.meta.endpoint_url
    proxies = get_environ_proxies(url) if config.proxies is None else config.proxies
    signs_otherwise = config.signature_version != "v4" or getattr(config, "auth_scheme_preference", None)
    if credentials is None or signs_otherwise:
        return None
    if not verify or config.client_cert or urlsplit(url).scheme in proxies:
        return None
    signer = Signer(credentials, client.meta.service_model.signing_name, client.meta.region_name)
    found = FirstTries(client.meta.events, signer, (connect_timeout, read_timeout, verify), _is_adaptive(config))
    client.meta.events.register_last("before-call", found.make)  # after those that change the request
    client.meta.events.register("before-send.swf", found.hand_over)
    client.meta.events.register("needs-retry.swf", found.watch)
    return found


class FirstTries:
    """Makes first tries. Threads may share it.

    Args:
        events: of the client.
        signer: signs the requests.
        options: of the Session after its endpoint.
        tells: tell boto3's handlers of ``needs-retry`` also of answers that were made here.
    """

    def __init__(self, events: Any, signer: Signer, options: tuple[float, float, str | bool], tells: bool) -> None:
        self._events = events
        self._signer = signer
        self._options = options
        self._tells = tells
        self._targets: dict[str, tuple[Endpoint, Session]] = {}  # by URL; there is one, as a rule
        self._met = _Met()
        self._from = 0.0  # monotonic time from which on first tries are made here

    def make(self, model: Any, params: dict[str, Any], **given: Any) -> Any:
        """Handle ``before-call``: the answer and what it says; None leaves the request to boto3."""
        self._met.value = None  # an earlier request may have ended before boto3 would have sent it
        if time.monotonic() < self._from:
            return None
        try:
            answer = self._post(params)
        except HTTPClientError as error:
            self._met.value = error
            return None
        response = AWSResponse(params["url"], answer.status, answer.headers, _Read(answer.body))
        found = _read(answer.body) if answer.status == 200 else None
        if found is None:
            self._met.value = response
            return None
        if self._tells:
            self._events.emit(
                f"needs-retry.swf.{model.name}",
                response=(response, found),
                endpoint=None,
                operation=model,
                attempts=1,
                caught_exception=None,
                request_dict=params,
            )
        return response, found

    def hand_over(self, **given: Any) -> Any:
        """Handle ``before-send``: what the first try has met; None lets boto3 send the request. Raises its error."""
        met, self._met.value = self._met.value, None
        if isinstance(met, HTTPClientError):
            raise met
        return met

    def watch(self, response: Any = None, **given: Any) -> None:
        """Handle ``needs-retry``: leave the next requests to boto3 if there were too many."""
        if response is not None and is_throttling(response[1].get("Error", {}).get("Code", "")):
            self._from = time.monotonic() + THROTTLED_SECONDS

    def close(self) -> None:
        """Close the connections that are not in use."""
        for _, session in self._targets.values():
            session.close()

    def _post(self, params: dict[str, Any]) -> Answer:
        url, headers, body = params["url"], params["headers"], params["body"]
        target = self._targets.get(url)
        if target is None:
            endpoint = Endpoint(url)
            target = self._targets.setdefault(url, (endpoint, Session(endpoint, *self._options)))
        endpoint, session = target
        return session.post({**headers, **self._signer.headers(endpoint.host, endpoint.path, headers, body)}, body)


class _Met(threading.local):
    """The answer or the error of the first try of this thread's request, until boto3 takes it."""

    value: Any = None


class _Read:
    """A body that has been read, as boto3 reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body


def _read(body: bytes) -> dict[str, Any] | None:
    """What an answer says; None if boto3 may read it in another way."""
    if not body:
        return {}
    if b"null" in body and _NULL.search(body):
        return None
    try:
        return _decode(body)
    except (msgspec.MsgspecError, ValueError):
        return None


def _is_adaptive(config: Any) -> bool:
    return (config.retries or {}).get("mode") == "adaptive"
