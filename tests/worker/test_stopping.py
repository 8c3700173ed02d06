"""A process that polls hangs up when it is stopped, but reads an answer that is on its way to its end."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker import programs

PROGRAM = """
import http.client, os, signal, sys, time
from simpleflow.worker.poller import serve
from simpleflow.worker.pollers import Pollers
from simpleflow.worker.stopping import Stopping

port, how = int(sys.argv[1]), sys.argv[2]

def poll():
    if not how.startswith("boto3"):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("POST", "/", b"{}")
        answer = connection.getresponse()
        return answer.read().decode()
    return client.poll_for_activity_task(domain="d", taskList={"name": "l"}).get("taskToken")

if how.startswith("boto3"):
    import boto3
    from botocore.config import Config
    options = Config(retries={"total_max_attempts": 1}, read_timeout=75)
    client = boto3.client("swf", endpoint_url=f"http://127.0.0.1:{port}", config=options)
stopping = Stopping()
if how == "slow signals":  # as on a busy machine
    handler = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *given: (time.sleep(0.4), handler(*given)))
do = lambda task: print("did", task, flush=True)
if how in ("boto3 in a thread", "slow signals"):
    pollers = Pollers(stopping)
    pollers.add(poll)
    pollers.serve(do)
else:
    serve(poll, do, stopping)
print("stopped")
"""
BODY = b'{"taskToken": "a task"}'


class Service:
    """A server that takes one connection and answers by hand."""

    def __init__(self, how: str, folder: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        port = str(self._listener.getsockname()[1])
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
        self.poller = programs.begin(PROGRAM, port, how, folder=folder, **keys)
        self.connection, _ = self._listener.accept()
        self.connection.settimeout(20)
        assert b"{" in self.receive()

    def receive(self) -> bytes:
        found = b""
        while not found.endswith(b"}"):
            found += self.connection.recv(65536)
        return found

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def close(self) -> None:
        programs.kill(self.poller)
        self.poller.communicate()
        self.connection.close()
        self._listener.close()


@pytest.fixture(params=["bare", "boto3", "boto3 in a thread"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    found = Service(request.param, tmp_path)
    yield found
    found.close()


HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()


def test_a_poll_without_an_answer_is_hung_up(service: Service) -> None:
    service.poller.send_signal(signal.SIGTERM)
    assert service.connection.recv(1) == b""  # the service sees that the client has hung up
    code, out, err = programs.finish(service.poller)
    assert (code, out) == (0, "stopped\n"), err


@pytest.mark.parametrize("cut", [len(HEAD) - 30, len(HEAD), len(HEAD) + 5])
def test_an_answer_that_has_begun_is_read_to_its_end(service: Service, cut: int) -> None:
    whole = HEAD + BODY
    service.send(whole[:cut])
    service.poller.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        service.poller.wait(1.5)
    service.send(whole[cut:])
    code, out, err = programs.finish(service.poller)
    assert code == 0, err
    assert out.startswith("did ")
    assert "a task" in out
    assert out.endswith("stopped\n")


def test_an_answer_that_was_sent_before_the_service_knew_is_read(service: Service) -> None:
    service.poller.send_signal(signal.SIGTERM)
    assert service.connection.recv(1) == b""
    service.send(HEAD + BODY)
    code, out, err = programs.finish(service.poller)
    assert code == 0, err
    assert "a task" in out


def test_sigint_is_left_to_the_supervisor(service: Service) -> None:
    service.poller.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        service.poller.wait(0.6)
    service.poller.terminate()
    assert programs.finish(service.poller)[0] == 0


def test_a_signal_that_takes_longer_than_a_tick_stops_too(tmp_path: Path) -> None:
    service = Service("slow signals", tmp_path)
    try:
        service.poller.send_signal(signal.SIGTERM)
        assert programs.finish(service.poller, 10)[:2] == (0, "stopped\n")
    finally:
        service.close()
