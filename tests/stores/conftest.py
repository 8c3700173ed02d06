"""The stores that must fulfil the contract, and a second S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.stores import Store, open_store
from simpleflow.stores.s3_client import client
from tests.servers import S3Server
from tests.step.conftest import bench as bench
from tests.step.conftest import stored as stored


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """Start moto's imitation of S3. It does not check signatures, but accepts every key that Amazon accepts."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def moto_bucket(moto_server: S3Server) -> Iterator[str]:
    """Return the bucket string of an empty bucket at moto."""
    s3 = client(moto_server.endpoint, None)
    s3.create_bucket(Bucket="moto-bucket")
    yield f"{moto_server.endpoint}/moto-bucket"
    import urllib.request

    request = urllib.request.Request(f"{moto_server.endpoint}/moto-api/reset", method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request):
        pass


@pytest.fixture(params=["memory", "directory", "state", "seaweed", "moto"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return an empty store of each kind."""
    if kind == "memory":
        return open_store(f"memory://{tmp_path}")
    if kind == "directory":
        return open_store(str(tmp_path / "marks"))
    if kind == "state":
        return open_store(f"state://{tmp_path / 'state'}")
    return open_store(request.getfixturevalue("bucket" if kind == "seaweed" else "moto_bucket"))
