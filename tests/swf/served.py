"""Connect to a local server, and run workflows through it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from simpleflow import Workflow, values
from simpleflow.core.decider.answer import Limits
from simpleflow.engines.base import RunDescription, StartRequest
from simpleflow.engines.swf import registration
from simpleflow.engines.swf.activities import SwfActivitySource
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.exceptions import SwfError
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import perform
from simpleflow.worker.inline import respond

DOMAIN = "domain"


def environment(url: str) -> dict[str, str]:
    """The environment variables that point a process to the server at ``url``."""
    return {
        "AWS_ENDPOINT_URL_SWF": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


@contextmanager
def pointed_at(url: str) -> Iterator[None]:
    """A block in which SWF is the server at ``url``."""
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


class Crew:
    """Deciders and workers, each in a thread of this process, until the end of the block.

    An error of a thread ends that thread, and is raised at the end of the block.
    """

    def __init__(self, deciders: int = 1, workers: int = 1, limits: Limits = Limits(), **options: Any) -> None:
        self._limits = limits
        self.sources = [SwfDecisionSource(DOMAIN, "default", **options) for _ in range(deciders)]
        loops: list[Callable[[], None]] = [
            partial(self._decide, source, source.poll_for_decision_task) for source in self.sources
        ]
        if options.get("own_list"):
            loops += [partial(self._decide, source, source.poll_own_list) for source in self.sources]
        loops += [self._work] * workers
        self._threads = [threading.Thread(target=partial(self._guard, loop)) for loop in loops]
        self._over = threading.Event()
        self.faults: list[BaseException] = []

    def __enter__(self) -> Crew:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.faults:
            raise self.faults[0]

    def _guard(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException as error:
            self.faults.append(error)

    def _decide(self, source: SwfDecisionSource, poll: Callable[[], Any]) -> None:
        worker = DecisionWorker(source, {}, DOMAIN, limits=self._limits)
        while not self._over.is_set():
            task = passing(poll)
            if task is not None:
                worker.decide(task)

    def _work(self) -> None:
        source = SwfActivitySource(DOMAIN, "default")
        while not self._over.is_set():
            task = passing(source.poll_for_activity_task)
            if task is not None:
                respond(source, task.token, perform(task, domain=DOMAIN))


def passing(poll: Callable[[], Any]) -> Any:
    """The task of a poll; None if the poll failed with an error that passes."""
    try:
        return poll()
    except SwfError as error:
        if not error.passing:
            raise
        return None


def start(workflow_class: type[Workflow], *args: Any, workflow_id: str = "w", **options: Any) -> str:
    """Start an execution; returns its run id."""
    text = values.encode({"args": args, "kwargs": {}}, "input")
    request = StartRequest(workflow_id, workflow_class.name or "", "1", text, **options)
    return SwfEngine(DOMAIN).start_workflow_execution(request)


def ended(workflow_id: str = "w", run_id: str | None = None, seconds: float = 60) -> RunDescription:
    """Wait for the end of an execution, and of those that continue it as new; returns the last one's description."""
    engine = SwfEngine(DOMAIN)
    deadline = time.monotonic() + seconds
    while (found := engine.describe(workflow_id, run_id)).status in ("open", "continued_as_new"):
        assert time.monotonic() < deadline, engine.history(workflow_id, run_id)[-20:]
        time.sleep(0.05)
    return found


def outcome(workflow_id: str = "w", run_id: str | None = None) -> Any:
    """The attributes of the execution's last event."""
    return SwfEngine(DOMAIN).history(workflow_id, run_id)[-1].attributes
