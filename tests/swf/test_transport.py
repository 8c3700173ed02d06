"""The connections of the clients for Amazon SWF: kept open, renewed, encrypted, and their errors as botocore's own."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import exceptions
from botocore.config import Config
from botocore.credentials import Credentials

from simpleflow.engines.swf import first_try
from simpleflow.server import Server

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def made(url: str, read_timeout: float = 5, **given: Any) -> Any:
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client(
        "swf", "us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b", config=config, **given
    )
    tries = first_try.install(client, Credentials("a", "b"), 5, read_timeout, given.get("verify", True))
    return Client(client, tries)


class Client:
    """A client, and what makes its first tries."""

    def __init__(self, client: Any, tries: first_try.FirstTries | None) -> None:
        self._client = client
        self.tries = tries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Script:
    """A server that answers each request with the next text, and keeps what it was sent; None: it hangs up."""

    def __init__(self, answers: list[bytes | None], tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._answers = iter(answers)
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.netloc = f"127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            with connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True) as stream:
                while (request := _request(stream)) is not None:
                    self.requests.append(request)
                    answer = next(self._answers)
                    if answer is None:
                        return
                    stream.sendall(answer)
        except (OSError, StopIteration):
            pass

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def _request(stream: socket.socket) -> bytes | None:
    read = b""
    while b"\r\n\r\n" not in read:
        if not (part := stream.recv(65_536)):
            return None
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += stream.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def script(*answers: bytes | None, tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    server = Script(list(answers), tls)
    try:
        yield server
    finally:
        server.close()


def heartbeat(client: Any) -> Any:
    return client.record_activity_task_heartbeat(taskToken="t", details="ü" * 2_000)


def test_a_connection_serves_many_requests() -> None:
    with script(EMPTY, EMPTY, EMPTY) as server:
        client = made(f"http://{server.netloc}")
        for _ in range(3):
            heartbeat(client)
    assert server.connections == 1
    head, _, body = server.requests[-1].partition(b"\r\n\r\n")
    assert json.loads(body) == {"taskToken": "t", "details": "ü" * 2_000}
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST / HTTP/1.1"
    assert f"Host: {server.netloc}" in lines
    names = [line.partition(":")[0].lower() for line in lines[1:]]
    assert sorted(names) == sorted(set(names))
    assert {"authorization", "x-amz-target", "content-length"} <= set(names)


def test_threads_have_connections_of_their_own() -> None:
    with Server() as server:
        server.register_domain("d")
        client = made(server.url)
        found = []
        many = [
            threading.Thread(target=lambda: found.append(client.describe_domain(name="d")["domainInfo"]["name"]))
            for _ in range(12)
        ]
        for each in many:
            each.start()
        for each in many:
            each.join()
        assert found == ["d"] * 12


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["said so", "HTTP 1.0"],
)
def test_a_connection_that_the_server_closes_is_not_used_again(answer: bytes) -> None:
    with script(answer, answer) as server:
        client = made(f"http://{server.netloc}")
        heartbeat(client)
        heartbeat(client)
        assert server.connections == 2


def test_a_connection_that_was_closed_while_idle_is_replaced() -> None:
    with script(EMPTY + b"", EMPTY) as server:
        client = made(f"http://{server.netloc}")
        heartbeat(client)
        kept = next(iter(client.tries._targets.values()))[1]._idle[0]
        kept.shutdown(socket.SHUT_RD)  # reads as closed
        heartbeat(client)
        assert server.connections == 2


def test_parts_and_headers_of_other_servers_are_understood() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Other: 1\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    fault = b'{"__type":"x#UnknownResourceFault","message":"gone"}'
    refused = b"HTTP/1.1 400 Bad\r\nx-amzn-RequestId: 7\r\nContent-Length: %d\r\n\r\n%b" % (len(fault), fault)
    with script(chunked, refused) as server:
        client = made(f"http://{server.netloc}")
        heartbeat(client)
        with pytest.raises(client.exceptions.UnknownResourceFault, match="gone") as caught:
            heartbeat(client)
        assert caught.value.response["ResponseMetadata"]["RequestId"] == "7"
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, exceptions.ConnectionClosedError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", exceptions.ReadTimeoutError),
        (b"nonsense\r\n\r\n", exceptions.ConnectionClosedError),
        (b"", exceptions.ReadTimeoutError),
    ],
    ids=["hangs up", "ends in the middle", "is not HTTP", "says nothing"],
)
def test_errors_are_those_of_botocore(answer: bytes | None, kind: type[Exception]) -> None:
    with script(answer) as server, pytest.raises(kind):
        heartbeat(made(f"http://{server.netloc}", read_timeout=0.2))


def test_nobody_listens() -> None:
    with script() as server:
        pass
    with pytest.raises(exceptions.EndpointConnectionError):
        heartbeat(made(f"http://{server.netloc}"))


def test_tls(tmp_path: Path) -> None:
    authority = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with script(EMPTY, EMPTY, tls=context) as server:
        with pytest.raises(exceptions.SSLError):
            heartbeat(made(f"https://{server.netloc}"))
        client = made(f"https://{server.netloc}", verify=str(authority))
        heartbeat(client)
        heartbeat(client)
        assert server.connections == 2
        with pytest.raises(exceptions.SSLError):  # the certificate is for another name
            heartbeat(made(f"https://{server.netloc.replace('127.0.0.1', 'localhost')}", verify=str(authority)))


def _certificate(folder: Path) -> Path:
    """A file with a certificate for 127.0.0.1 that signs itself, and its key."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "own.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_proxy_keeps_the_session_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert made("http://192.0.2.1").tries is None
    assert made("https://192.0.2.1", verify=False).tries is None
    assert made("https://192.0.2.1").tries is not None
    monkeypatch.setenv("NO_PROXY", "192.0.2.1")
    assert made("http://192.0.2.1").tries is not None
