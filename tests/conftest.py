"""Fixtures of all tests. Only the safe environment is used without a request."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator

import hypothesis
import pytest

from simpleflow import settings
from tests import nursery
from tests.keeper import shared_seaweed
from tests.servers import S3Server

# As in an active virtual environment: then the commands that are told begin with "simpleflow".
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background like that. The tests and their processes need the usual handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Each run of the tests tries the same examples, also on a busy machine; the campaigns search for new ones.
hypothesis.settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

_AWS_VARIABLES = (
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
)
_HIDDEN = (*_AWS_VARIABLES, settings.MODULE_VARIABLE, *settings.NAMES)
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_numbers = itertools.count(1)
_KEPT_CLIENTS = 4

for _name in _HIDDEN:  # also from the fixtures of whole files, which are made before those of a test
    os.environ.pop(_name, None)


def pytest_collection_finish() -> None:
    """Write no byte-code from now on, in this process, too: pytest has kept that of the tests."""
    sys.dont_write_bytecode = True


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """Undo what a test, or code that it calls, has changed in the environment: the fixtures of other files read it."""
    before = dict(os.environ)
    yield
    for name in {name for name, _ in before.items() ^ os.environ.items()} - {"PYTEST_CURRENT_TEST"}:
        if name in before:
            os.environ[name] = before[name]
        else:
            del os.environ[name]


@pytest.fixture(autouse=True)
def safe_environment(same_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the credentials, profile and settings of the person who runs the tests."""
    for name in _HIDDEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture(autouse=True)
def few_clients() -> Iterator[None]:
    """Keep the latest clients of boto3 alone: each server of a test has its own, of ten megabytes.

    With all of them, a process that runs tests grows to gigabytes, and its garbage collector stops it for seconds.
    """
    yield
    for module in filter(None, map(sys.modules.get, ("simpleflow.engines.swf.client", "simpleflow.stores.s3_client"))):
        clients = module._clients
        for key in list(clients)[:-_KEPT_CLIENTS]:
            clients.pop(key).close()


@pytest.fixture(scope="session", autouse=True)
def end_of_nursery() -> Iterator[None]:
    """End what forks the commands of the tests."""
    yield
    nursery.stop()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The endpoint and credentials of a real S3 server, one for all processes of a run of the tests."""
    folder = tmp_path_factory.getbasetemp()
    with shared_seaweed((folder.parent if _WORKER else folder) / "seaweed") as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket string of a new, empty bucket; the environment holds credentials for it."""
    from simpleflow.stores.s3_client import client

    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{_WORKER}{next(_numbers)}"
    client(s3_server.endpoint, None).create_bucket(Bucket=name)
    return f"{s3_server.endpoint}/{name}"
