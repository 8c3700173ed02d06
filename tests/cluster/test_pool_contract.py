"""The contract of pools, over a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from simpleflow.cluster import code
from simpleflow.cluster.pool import ClusterPool
from simpleflow.cluster.target import Cluster
from simpleflow.engines.memory import MemoryEngine
from simpleflow.worker.base import ActivityPool
from tests.cluster import dask_processes
from tests.worker import pool_contract


class TestCluster(pool_contract.ContractOfProcesses):
    address: str

    @pytest.fixture(autouse=True)
    def started(self, shared: dask_processes.Cluster) -> None:
        self.address = shared.address

    @contextmanager
    def make_pool(self, engine: MemoryEngine, size: int, slots: dict[str, int]) -> Iterator[ActivityPool]:
        described = code.of_workflow(pool_contract.Shop, (), (), ())
        slots = slots or ({"default": 1} if size == 1 else {})
        pool = ClusterPool(Cluster(self.address), described, slots=slots)
        pool.source = engine
        try:
            yield pool
        finally:
            pool.close()
