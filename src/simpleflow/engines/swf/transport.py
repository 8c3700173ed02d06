"""Sends requests over connections that stay open, with less work for each than boto3's HTTP session.

A request is one write to its connection, and ``http.client`` reads its answer. Errors are botocore's own.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from botocore import exceptions
from botocore.httpsession import create_urllib3_context, get_cert_path

from simpleflow.named_tuple import NamedTuple

_PORTS = {"http": 80, "https": 443}
_IDLE = 10  # connections that are kept


class Answer(NamedTuple):
    """An answer that has been read."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Endpoint:
    """Where requests go.

    Args:
        url: of the service; its user, password, query and fragment mean nothing.

    Attributes:
        url, scheme, hostname, port, path: of the URL, the port also if it does not name one.
        host: as the header Host has it.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.scheme = parts.scheme
        self.hostname = parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self.path = parts.path or "/"
        host = parts.netloc.rpartition("@")[2].lower()
        if parts.port == _PORTS[parts.scheme]:
            host = host.rpartition(":")[0]  # as boto3 sends and signs it
        self.host = host
        line = f"POST {self.path} HTTP/1.1\r\nHost: ".encode("ascii")
        self._head = line + host.encode("idna") + b"\r\nAccept-Encoding: identity\r\n"

    def request(self, headers: Mapping[str, str], body: bytes) -> bytes:
        """A request as it is sent. Raises botocore's error for a header that has a line break."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if lines.count("\r") != len(headers) or lines.count("\n") != len(headers):
            raise exceptions.HTTPClientError(error=ValueError("a header has a line break"))
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, lines.encode("latin-1"), len(body), body)


class Session:
    """Sends requests to one endpoint. Threads may share it; a connection serves one request at a time.

    Args:
        endpoint: where to.
        connect_timeout, read_timeout: in seconds.
        verify: the file with the certificates to trust; True: those that botocore trusts.
    """

    def __init__(
        self, endpoint: Endpoint, connect_timeout: float, read_timeout: float, verify: str | bool = True
    ) -> None:
        self._endpoint = endpoint
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._verify = verify
        self._idle: deque[socket.socket] = deque()  # connections that earlier requests have left open
        weakref.finalize(self, _close, self._idle)

    def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a request. Raises botocore's errors of connections."""
        request = self._endpoint.request(headers, body)
        url = self._endpoint.url
        connection = self._kept() or self._connect()
        answer: http.client.HTTPResponse | None = None
        read: bytes | None = None
        try:
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection, method="POST")
            answer.begin()
            read = answer.read()
        except TimeoutError as error:
            raise exceptions.ReadTimeoutError(endpoint_url=url, error=error) from error
        except (OSError, http.client.HTTPException) as error:
            raise exceptions.ConnectionClosedError(endpoint_url=url, error=error) from error
        finally:
            if read is None:
                connection.close()
                if answer is not None:
                    answer.close()
        if answer.will_close or len(self._idle) >= _IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        return Answer(answer.status, answer.headers, read)

    def close(self) -> None:
        """Close the connections that are not in use."""
        _close(self._idle)

    def _kept(self) -> socket.socket | None:
        """A connection that an earlier request has left open."""
        while True:
            try:
                found = self._idle.pop()
            except IndexError:
                return None
            if not _readable(found):
                return found
            found.close()  # the server has closed it

    def _connect(self) -> socket.socket:
        to = self._endpoint
        connection: socket.socket | None = None
        try:
            connection = socket.create_connection((to.hostname, to.port), self._connect_timeout)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if to.scheme == "https":
                connection = _tls_context(self._verify).wrap_socket(connection, server_hostname=to.hostname)
            connection.settimeout(self._read_timeout)
            return connection
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, TimeoutError):
                raise exceptions.ConnectTimeoutError(endpoint_url=to.url, error=error) from error
            if isinstance(error, ssl.SSLError):
                raise exceptions.SSLError(endpoint_url=to.url, error=error) from error
            if isinstance(error, OSError):
                raise exceptions.EndpointConnectionError(endpoint_url=to.url, error=error) from error
            raise


@cache
def _tls_context(verify: str | bool) -> ssl.SSLContext:
    context: ssl.SSLContext = create_urllib3_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    context.load_verify_locations(get_cert_path(verify))
    return context


def _readable(connection: socket.socket) -> bool:
    waiting = select.poll()  # select() does not take large file descriptors
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))


def _close(idle: deque[socket.socket]) -> None:
    while idle:
        idle.pop().close()
