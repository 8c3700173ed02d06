"""All engines pass the engine contract: the embedded ones, and SWF as the local server implements it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack

from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.memory import MemoryEngine
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.engines.swf import registration
from simpleflow.engines.swf.activities import SwfActivitySource
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from simpleflow.testing.contract import EngineContract, Subject
from tests.server.clients import hold_to_the_model
from tests.swf.served import DOMAIN, pointed_at, registered


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def subject(engine: EmbeddedEngine, clock: Clock) -> Subject:
    def pass_time(seconds: float) -> None:
        clock.now += seconds
        engine.expire()

    return Subject(engine, engine, engine, engine, pass_time, engine.close)


class TestMemoryEngine(EngineContract):
    def make(self) -> Subject:
        clock = Clock()
        return subject(MemoryEngine(clock), clock)


class TestSqliteEngine(EngineContract):
    def make(self) -> Subject:
        clock = Clock()
        self.folder = tempfile.TemporaryDirectory()
        return subject(SqliteEngine(self.folder.name, clock), clock)

    def teardown_method(self) -> None:
        super().teardown_method()
        self.folder.cleanup()


class TestSwf(EngineContract):
    def make(self) -> Subject:
        clock = Clock()
        stack = ExitStack()
        server = stack.enter_context(Server(poll_seconds=0.0, clock=clock))
        stack.enter_context(pointed_at(server.url))
        for each in (client("polls"), client("calls")):
            hold_to_the_model(each)
        calls = registered(DOMAIN)
        registration.register_workflow(calls, DOMAIN, "type", "1")
        registration.register_activity(calls, DOMAIN, "type", "1")

        def pass_time(seconds: float) -> None:
            clock.now += seconds
            server.tick()

        engine = SwfEngine(DOMAIN)
        decisions, activities = SwfDecisionSource(DOMAIN, "default"), SwfActivitySource(DOMAIN, "default")
        return Subject(engine, decisions, activities, engine, pass_time, stack.close)
