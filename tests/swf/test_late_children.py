"""Signals to children that start late, as they may on Amazon SWF."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.server import Server
from simpleflow.server.chaos import Chaos
from tests.swf.served import DOMAIN, Crew, ended, environment, registered, start


class Waiting(Workflow):
    name = "late.waiting"

    def run(self) -> Any:
        return self.submit(self.wait_signal("go")).result


class Signalling(Workflow):
    """It gets its signal before its child, or the child of that, has started."""

    name = "late.signalling"

    def run(self) -> Any:
        futures.wait(self.submit(Waiting), self.submit(self.signal("go")))


class Above(Workflow):
    name = "late.above"

    def run(self) -> Any:
        futures.wait(self.submit(Waiting), self.submit(Signalling))


@pytest.mark.parametrize("workflow_class", [Signalling, Above])
def test_a_signal_reaches_children_that_have_yet_to_start(
    workflow_class: type[Workflow], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(poll_seconds=0.2, chaos=Chaos(delay=0.5, seed=3)) as server:
        for name, value in environment(server.url).items():
            monkeypatch.setenv(name, value)
        registered(DOMAIN)
        start(workflow_class)
        with Crew():
            assert ended(seconds=10).status == "completed"
