"""A local server in a thread, whose clock the tests advance, and one in another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simpleflow.server import Server
from simpleflow.server.polls import Caller
from tests import nursery
from tests.server.clients import DOMAIN, Clock, Swf, connect, prepare


class _Direct:
    """Calls a server without HTTP, so that no reply gets lost."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Callable[..., bytes]:
        operation = "".join(word.capitalize() for word in name.split("_"))
        return lambda **request: self._server.answer(operation, json.dumps(request).encode(), Caller())


@contextmanager
def serve(**options: Any) -> Iterator[Swf]:
    """Start a server whose polls do not wait and whose clock stands still, with a client and registered types."""
    clock = options.setdefault("clock", Clock())
    with Server(**{"poll_seconds": 0.0, **options}) as server:
        client = connect(server.url)
        if server.service.domains.find(DOMAIN) is None:
            prepare(_Direct(server))
        yield Swf(client, server.url, clock, server)
        client.close()


@pytest.fixture
def swf() -> Iterator[Swf]:
    with serve() as found:
        yield found


@pytest.fixture
def server_process() -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start ``simpleflow server`` on a free port. Returns the process and its URL; it is killed after the test."""
    processes = []

    def start(*options: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "simpleflow", "server", "--port", "0", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = nursery.begin(command, Path.cwd(), dict(os.environ), **pipes)
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().strip()

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
