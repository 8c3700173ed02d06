"""The embedded engines are held to the engine contract."""

from __future__ import annotations

import tempfile

from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.memory import MemoryEngine
from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.testing.contract import EngineContract, Subject


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
