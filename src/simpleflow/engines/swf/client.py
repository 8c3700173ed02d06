"""The boto3 clients: one for polls and one for all other calls, built anew in each process."""

from __future__ import annotations

import os
from typing import Any, Literal

from simpleflow import __version__, metrics, settings
from simpleflow.constants import AWS_VARIABLES, INSTALL_BOTO3
from simpleflow.engines.swf import faults
from simpleflow.exceptions import SwfError

CONNECT_TIMEOUT = 10  # seconds
CALL_TIMEOUT = 30  # seconds without a byte
POLL_TIMEOUT = 75  # seconds; SWF holds a poll for 60 s, and its documentation requires more than 70

Purpose = Literal["polls", "calls"]

_VARIABLES = (*AWS_VARIABLES, "AWS_ENDPOINT_URL_SWF", "AWS_RETRY_MODE", "SWF_CONNECTION_RETRIES")

_RETRY_MODE = "adaptive"
"""In this mode the client also slows down before it meets a limit of the account again. AWS_RETRY_MODE, or
``retry_mode`` of a profile, overrides it."""

# By process id: after a fork, parent and child would read each other's answers from one connection. If two threads
# build a client at once, setdefault keeps one of them; a lock could be copied by a fork while it is held.
_clients: dict[tuple[object, ...], Any] = {}


def client(purpose: Purpose, region: str | None = None) -> Any:
    """The client of this process for ``polls`` or for ``calls``.

    Polls are never retried, since a lost answer may have been a task. Calls are retried, slower and slower.

    ``region`` None: as configured. Raises SwfError if boto3 is not installed, if no region is known, or if the
    configuration is not valid.
    """
    key = (os.getpid(), purpose, region, *map(os.environ.get, _VARIABLES))
    found = _clients.get(key)
    return found if found is not None else _clients.setdefault(key, _build(purpose, region))


def knows(client: Any, operation: str, member: str) -> bool:
    """True if the client's model of the service has this member in the requests of an operation."""
    return member in client.meta.service_model.operation_model(operation).input_shape.members


def _build(purpose: Purpose, region: str | None) -> Any:
    try:
        import boto3.session
        import botocore.session
        from botocore.config import Config

        from simpleflow.engines.swf import first_try
    except ImportError as error:
        raise SwfError(f"Amazon SWF needs boto3, which is not installed: {INSTALL_BOTO3}") from error
    polls = purpose == "polls"
    with faults.translated("connect"):
        core = botocore.session.get_session()
        # Converting numbers to dates would take half of the time of reading a history.
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=float)
        session = boto3.session.Session(botocore_session=core)
        found = session.client(
            "swf",
            region_name=region or _region(session),
            config=Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=POLL_TIMEOUT if polls else CALL_TIMEOUT,
                retries={"mode": "standard", "total_max_attempts": 1}
                if polls
                else {"mode": _retry_mode(core), "total_max_attempts": 1 + settings.SWF_CONNECTION_RETRIES},
                tcp_keepalive=True,
                user_agent=f"simpleflow/{__version__} {core.user_agent()}",  # boto3 would build it for each request
            ),
        )
    trusted = core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True  # as botocore
    read_timeout = POLL_TIMEOUT if polls else CALL_TIMEOUT
    first_try.install(found, core.get_credentials(), CONNECT_TIMEOUT, read_timeout, trusted)
    found.meta.events.register("needs-retry.swf", _count_throttled)
    return found


def _count_throttled(response: Any = None, operation: Any = None, **rest: Any) -> None:
    """Count an answer that says that there were too many requests, also one that botocore retries by itself."""
    answer = response[1] if response is not None else {}
    if faults.is_throttling(answer.get("Error", {}).get("Code", "")):
        metrics.throttled(operation.name)


def _retry_mode(core: Any) -> str:
    return os.environ.get("AWS_RETRY_MODE") or str(core.get_scoped_config().get("retry_mode") or _RETRY_MODE)


def _region(session: Any) -> str | None:
    """The region that is configured. A server at another endpoint may have none, so any name will do for it."""
    found = os.environ.get("AWS_REGION") or session.region_name  # boto3 does not read AWS_REGION
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_SWF") or os.environ.get("AWS_ENDPOINT_URL")
    return found or ("us-east-1" if elsewhere else None)
