"""One scheduler for each process that runs tests. Some tests start workers of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.dask_processes import Cluster, cluster


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler with two workers: one with two slots for all task lists; one with a slot of ``alone``."""
    with cluster(tmp_path_factory.mktemp("dask")) as found:
        found.start_worker("two", "--nthreads", "2")
        found.start_worker("one", "--nthreads", "1", "--resources", "alone=1")
        yield found
