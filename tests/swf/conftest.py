"""A local server, and what a process needs to find it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simpleflow.server import Server
from tests.swf.served import DOMAIN, environment, registered


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local server with a domain, in real time, whose polls wait for half a second."""
    with Server(poll_seconds=0.5) as found:
        for name, value in environment(found.url).items():
            monkeypatch.setenv(name, value)
        registered(DOMAIN)
        yield found
