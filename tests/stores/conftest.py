"""The stores that must fulfil the contract, and a second S3 server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.stores import Store, open_store
from simpleflow.stores.s3_client import client
from tests.servers import S3Server
from tests.step.conftest import bench as bench
from tests.step.conftest import stored as stored
from tests.stores.cloud_servers import ACCOUNT, KEY, GoogleServer, azure_put, azurite, azurite_program

_numbers = itertools.count(1)


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


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleServer]:
    """An imitation of Google Cloud Storage."""
    server = GoogleServer()
    server.page = 20  # keys of a listing, so that the tests see several pages
    yield server
    server.close()


@pytest.fixture
def google(google_server: GoogleServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the bucket string of an empty bucket of the imitation of Google Cloud Storage."""
    monkeypatch.setenv("GOOGLE_BASE_URL", google_server.address)
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "any")
    google_server.buckets["marks"] = {}
    google_server.requests.clear()
    google_server.refuse.clear()
    return "gs://marks"


@pytest.fixture(scope="session")
def azurite_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Azurite, one for each process that runs tests."""
    if azurite_program() is None:
        pytest.skip("Azurite is not installed (make test tries to): marks in Azure Blob Storage are not tested")
    with azurite(tmp_path_factory.mktemp("azurite")) as address:
        yield address


@pytest.fixture
def azure(azurite_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the bucket string of an empty container of Azurite, and a path in it."""
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite_address)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    name = f"container-{next(_numbers)}"
    azure_put(azurite_address, name, "restype=container")
    return f"az://{name}/some/path"


@pytest.fixture(params=["memory", "directory", "state", "seaweed", "moto", "google", "azure"])
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
    fixtures = {"seaweed": "bucket", "moto": "moto_bucket"}
    return open_store(request.getfixturevalue(fixtures.get(kind, kind)))
