"""Connecting to a local server, and running workflows through it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simpleflow.engines.swf import registration
from simpleflow.engines.swf.client import client

DOMAIN = "domain"


def environment(url: str) -> dict[str, str]:
    """What a process needs to find the server at ``url``."""
    return {
        "AWS_ENDPOINT_URL_SWF": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


@contextmanager
def pointed_at(url: str) -> Iterator[None]:
    """Inside, SWF is the server at ``url``."""
    before = {name: os.environ.get(name) for name in environment(url)}
    os.environ.update(environment(url))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def registered(domain: str) -> Any:
    """Register a domain; returns the client for calls."""
    calls = client("calls")
    registration.register_domain(calls, domain)
    return calls
