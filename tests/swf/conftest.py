"""A local server, and the environment variables that point to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow.engines.swf import client as clients
from simpleflow.server import Server
from tests.server.clients import hold_to_the_model
from tests.swf.served import DOMAIN, environment, registered


@pytest.fixture(autouse=True)
def held_to_the_model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check every request to SWF and every answer against botocore's service model. moto's answers do not fit it."""
    build = clients._build

    def held(*args: Any) -> Any:
        found = build(*args)
        if "moto" not in request.fixturenames:
            hold_to_the_model(found)
        return found

    monkeypatch.setattr(clients, "_build", held)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local server with a domain, in real time, whose polls wait for half a second."""
    with Server(poll_seconds=0.5) as found:
        for name, value in environment(found.url).items():
            monkeypatch.setenv(name, value)
        registered(DOMAIN)
        yield found
