"""An ``Executor`` with the journal, the clock and the script of a test."""

from __future__ import annotations

from typing import Any

from simpleflow import local
from simpleflow.engines.embedded import EmbeddedEngine, process_identity
from simpleflow.engines.executions import Executions
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.projection import changes_of
from simpleflow.testing.clock import VirtualClock
from simpleflow.testing.journal import Crash, MemoryJournal
from simpleflow.testing.moments import Moments
from simpleflow.testing.script import Call, Script
from simpleflow.testing.step_store import StepStore
from simpleflow.testing.worker import Order, VirtualWorker
from simpleflow.worker.base import ActivityPool
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.workflow import Workflow


class Parts(NamedTuple):
    """What a test puts in place of the parts of a real run."""

    store: StepStore
    clock: VirtualClock
    journal: MemoryJournal
    script: Script
    moments: Moments
    order: Order
    calls: list[Call]  # gets the calls of activities


class ScriptedExecutor(local.Executor):
    """Runs a workflow with the parts of a test. For ``options`` see ``local.Executor``.

    Attributes:
        root_id: run id of the execution; "" until it has begun.
    """

    def __init__(self, parts: Parts, workflow: type[Workflow], **options: Any) -> None:
        super().__init__(workflow, **options)
        self.root_id = ""
        self._parts = parts
        self._marks = parts.store.bucket
        self._checks_source = False

    def _engine(self) -> EmbeddedEngine:
        parts = self._parts
        executions = Executions(parts.journal, parts.clock, self._observer, project=changes_of)
        return EmbeddedEngine(executions, process_identity())

    def _workers(self, engine: EmbeddedEngine, deciders: DecisionWorker) -> ActivityPool:
        parts = self._parts
        engine.executions.times_out = True
        return VirtualWorker(
            engine,
            deciders.activities,
            self._pools.middlewares,
            parts.clock,
            parts.script,
            parts.moments,
            parts.order,
            parts.calls,
            deciders.awaited_signals,
        )

    def _begin(self, engine: EmbeddedEngine, request: Any) -> str:
        moments = self._parts.moments
        moments.workflow_id, moments.begin = request.workflow_id, self._parts.clock()
        try:
            self.root_id = super()._begin(engine, request)
        except Crash:
            self.root_id = self._parts.journal.runs[-1].run_id
            raise
        moments.begin = engine.runs[self.root_id].history.events[0].time
        return self.root_id

    def _give_up(self, engine: EmbeddedEngine, workers: ActivityPool | None) -> None:
        if workers is not None:
            workers.close()
        if not self._parts.journal.crashed:  # a process that is killed gives nothing up
            super()._give_up(engine, None)
