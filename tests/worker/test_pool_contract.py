"""The contract of pools, over this process and over worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simpleflow.engines.memory import MemoryEngine
from simpleflow.worker.base import ActivityPool
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.inline import InlineWorker
from simpleflow.worker.late_pool import LatePool
from simpleflow.worker.pool import Pool
from tests.worker.pool_contract import ContractOfProcesses, PoolContract


class TestInline(PoolContract):
    @contextmanager
    def make_pool(self, engine: MemoryEngine, size: int, slots: dict[str, int]) -> Iterator[ActivityPool]:
        yield InlineWorker(engine, {}, Middlewares(), None)


class TestProcesses(ContractOfProcesses):
    @contextmanager
    def make_pool(self, engine: MemoryEngine, size: int, slots: dict[str, int]) -> Iterator[ActivityPool]:
        pool = LatePool(size, Middlewares(), lambda: Pool(size, Middlewares(), slots=slots))
        assert (pool.free, pool.accepts, pool.accepts_ahead(1_000), pool.wait(0)) == (size, None, False, False)
        pool.source = engine
        try:
            yield pool
        finally:
            pool.close()
