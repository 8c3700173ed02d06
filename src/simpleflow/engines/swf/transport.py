"""Sends the requests of a boto3 client, with less work for each than boto3's own transport.

Theory of operation
-------------------
boto3 builds and retries requests, and parses the answers. In between it hands each request to its HTTP session, which
takes a third of the CPU time of a short call. But first it asks the handlers of its event ``before-send``, and if one
of them has an answer, the request is not sent again. The session here is such a handler. A request is one write to a
connection that stays open, and its answer is read by ``http.client``. Errors are botocore's own, so the rest of
botocore acts on them as before.

Clients that need a proxy, a client certificate or unverified TLS keep the session of boto3.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.httpsession import create_urllib3_context, get_cert_path
from botocore.utils import get_environ_proxies

from simpleflow.named_tuple import NamedTuple

_PORTS = {"http": 80, "https": 443}
_IDLE = 10  # connections that are kept

_Address = tuple[str, str, int]  # scheme, host, port


def install(client: Any, connect_timeout: float, read_timeout: float, verify: str | bool = True) -> Session | None:
    """Let a client of boto3 send its requests by a ``Session`` with these time-outs in seconds.

    ``verify``: what the client was built with, else the file with certificates to trust that is configured, if any.

    Returns the session; None if the client keeps its own.
    """
    config, url = client.meta.config, client.meta.endpoint_url
    proxies = get_environ_proxies(url) if config.proxies is None else config.proxies
    if not verify or config.client_cert or urlsplit(url).scheme in proxies:
        return None
    found = Session(connect_timeout, read_timeout, verify)
    client.meta.events.register("before-send.swf", found.send)
    return found


class Session:
    """Sends requests. Threads may share it; a connection serves one request at a time.

    Args:
        connect_timeout, read_timeout: in seconds.
        verify: the file with the certificates to trust; True: those that botocore trusts.
    """

    def __init__(self, connect_timeout: float, read_timeout: float, verify: str | bool = True) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._verify = verify
        self._tls: ssl.SSLContext | None = None
        self._idle: deque[_Kept] = deque()
        weakref.finalize(self, _close, self._idle)

    def send(self, request: Any, **given: Any) -> AWSResponse:
        """The answer to a prepared request of botocore. Raises botocore's errors of connections."""
        url = urlsplit(request.url)
        address = (url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])
        connection = self._kept(address) or self._connect(address, request.url)
        answer: http.client.HTTPResponse | None = None
        body: bytes | None = None
        try:
            connection.sendall(_written(request, url))
            answer = http.client.HTTPResponse(connection, method=request.method)
            answer.begin()
            body = answer.read()
        except TimeoutError as error:
            raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (OSError, http.client.HTTPException) as error:
            raise exceptions.ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
        finally:
            if body is None:
                connection.close()
                if answer is not None:
                    answer.close()
        if answer.will_close or len(self._idle) >= _IDLE:
            connection.close()
        else:
            self._idle.append(_Kept(address, connection))
        return AWSResponse(request.url, answer.status, answer.headers, _Read(body))

    def close(self) -> None:
        """Close the connections that are not in use."""
        _close(self._idle)

    def _kept(self, address: _Address) -> socket.socket | None:
        """A connection that an earlier request has left open."""
        while True:
            try:
                found = self._idle.pop()
            except IndexError:
                return None
            if found.address == address and not _readable(found.connection):
                return found.connection
            found.connection.close()  # the server has closed it

    def _connect(self, address: _Address, url: str) -> socket.socket:
        scheme, host, port = address
        connection: socket.socket | None = None
        try:
            connection = socket.create_connection((host, port), self._connect_timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if scheme == "https":
                connection = self._tls_context().wrap_socket(connection, server_hostname=host)
            connection.settimeout(self._read_timeout)
            return connection
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, TimeoutError):
                raise exceptions.ConnectTimeoutError(endpoint_url=url, error=error) from error
            if isinstance(error, ssl.SSLError):
                raise exceptions.SSLError(endpoint_url=url, error=error) from error
            if isinstance(error, OSError):
                raise exceptions.EndpointConnectionError(endpoint_url=url, error=error) from error
            raise

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            context = create_urllib3_context()
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = True
            context.load_verify_locations(get_cert_path(self._verify))
            self._tls = context
        return self._tls


def _readable(connection: socket.socket) -> bool:
    waiting = select.poll()  # select() does not take large file descriptors
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))


class _Kept(NamedTuple):
    address: _Address
    connection: socket.socket


def _close(idle: deque[_Kept]) -> None:
    while idle:
        idle.pop().connection.close()


class _Read:
    """A body that has been read, as botocore reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


def _written(request: Any, url: SplitResult) -> bytes:
    """A request as it is sent. Its headers are signed, so they are sent as they are."""
    host = url.netloc.rpartition("@")[2]
    if url.port == _PORTS[url.scheme]:
        host = host.rpartition(":")[0]  # as it is signed
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{request.method} {target} HTTP/1.1".encode("ascii"), b"Host: " + host.encode("idna")]
    lines.append(b"Accept-Encoding: identity")
    for name, value in request.headers.items():
        text = value if isinstance(value, bytes) else str(value).encode("latin-1")
        if b"\r" in text or b"\n" in text:
            raise exceptions.HTTPClientError(error=ValueError(f"header {name} has a line break"))
        lines.append(name.encode("ascii") + b": " + text)
    body = request.body or b""
    return b"\r\n".join([*lines, b"", body.encode() if isinstance(body, str) else bytes(body)])
