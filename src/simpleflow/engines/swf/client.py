"""The boto3 clients: one for polls and one for everything else, made anew in each process."""

from __future__ import annotations

import os
from typing import Any, Literal

from simpleflow import settings
from simpleflow.engines.swf import faults
from simpleflow.exceptions import SwfError

CONNECT_TIMEOUT = 10  # seconds
CALL_TIMEOUT = 30  # seconds without a byte
POLL_TIMEOUT = 75  # SWF holds a poll for 60 s, and asks for more than 70

Purpose = Literal["polls", "calls"]

# What a client takes from the environment when it is built. A change of these needs a new client.
_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SWF",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "AWS_RETRY_MODE",
    "SWF_CONNECTION_RETRIES",
)

_RETRY_MODE = "adaptive"
"""It also slows down before a limit of the account is met again. AWS_RETRY_MODE, or ``retry_mode`` of a profile, says
otherwise."""

# By process: after a fork, parent and child would read each other's answers from one connection. setdefault keeps one
# of two that threads build at once, without a lock that a fork could copy while it is held.
_clients: dict[tuple[object, ...], Any] = {}


def client(purpose: Purpose, region: str | None = None) -> Any:
    """The client of this process for ``polls`` (never tried again: an answer that was lost may have been a task) or
    for ``calls`` (tried again, slower and slower).

    ``region`` None: as configured. Raises SwfError if boto3 is not installed, no region is known, or what is configured
    cannot be.
    """
    key = (os.getpid(), purpose, region, *map(os.environ.get, _VARIABLES))
    found = _clients.get(key)
    return found if found is not None else _clients.setdefault(key, _build(purpose, region))


def knows(client: Any, operation: str, member: str) -> bool:
    """Whether the client's model of the service has this member in the requests of an operation."""
    return member in client.meta.service_model.operation_model(operation).input_shape.members


def _build(purpose: Purpose, region: str | None) -> Any:
    try:
        import boto3.session
        import botocore.session
        from botocore.config import Config
    except ImportError as error:
        raise SwfError("Amazon SWF needs boto3, which is not installed: pip install 'simpleflow[aws]'") from error
    polls = purpose == "polls"
    with faults.translated("connect"):
        core = botocore.session.get_session()
        # Half of the time that reading a history takes would go into making dates of numbers.
        core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=float)
        session = boto3.session.Session(botocore_session=core)
        return session.client(
            "swf",
            region_name=region or _region(session),
            config=Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=POLL_TIMEOUT if polls else CALL_TIMEOUT,
                retries={"mode": "standard", "total_max_attempts": 1}
                if polls
                else {"mode": _retry_mode(core), "total_max_attempts": 1 + settings.SWF_CONNECTION_RETRIES},
                tcp_keepalive=True,
            ),
        )


def _retry_mode(core: Any) -> str:
    return os.environ.get("AWS_RETRY_MODE") or str(core.get_scoped_config().get("retry_mode") or _RETRY_MODE)


def _region(session: Any) -> str | None:
    """The region; any will do for a server that has none."""
    found = os.environ.get("AWS_REGION") or session.region_name  # boto3 does not read AWS_REGION
    elsewhere = os.environ.get("AWS_ENDPOINT_URL_SWF") or os.environ.get("AWS_ENDPOINT_URL")
    return found or ("us-east-1" if elsewhere else None)
