"""A proxy between a client and a local server. It spoils requests on their way, by operation."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

Forward = Callable[[], tuple[int, bytes]]

Spoil = Callable[[Forward], tuple[int, bytes] | None]
"""Called instead of forwarding a request. Returns the answer, or None to hang up without one."""


def lose(forward: Forward) -> None:
    """The request is done, and its reply gets lost."""
    forward()


def twice(forward: Forward) -> tuple[int, bytes]:
    """The request arrives twice."""
    forward()
    return forward()


def fault(code: str, status: int = 400, message: str = "made up") -> Spoil:
    """The request is not done, and answered with that error."""
    return lambda forward: (status, json.dumps({"__type": code, "message": message}).encode())


def throttled(forward: Forward) -> tuple[int, bytes]:
    """The request is throttled."""
    return 400, b'{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}'


def rewritten(old: bytes, new: bytes) -> Spoil:
    """The reply is changed."""

    def spoil(forward: Forward) -> tuple[int, bytes]:
        status, body = forward()
        return status, body.replace(old, new)

    return spoil


def after(first: Callable[[], Any]) -> Spoil:
    """Something else happens before the request arrives."""

    def spoil(forward: Forward) -> tuple[int, bytes]:
        first()
        return forward()

    return spoil


class Proxy:
    """A server in front of another one. ``seen``: every request, as operation and body."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._target = urlparse(url).netloc
        self._rules: list[tuple[str, Spoil, Callable[[dict[str, Any]], bool]]] = []
        self._lock = threading.Lock()
        self._http = _HttpServer(("127.0.0.1", 0), _Handler)
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def spoil(
        self,
        operation: str,
        how: Spoil,
        times: int = 1,
        where: Callable[[dict[str, Any]], bool] = lambda request: True,
    ) -> None:
        """Spoil the next ``times`` requests of that operation for which ``where`` is true."""
        self._rules += [(operation, how, where)] * times

    def left(self) -> list[str]:
        """Operations of which a request is still to be spoilt."""
        return [operation for operation, _, _ in self._rules]

    def count(self, operation: str) -> int:
        """How many requests of that operation there were."""
        return sum(each == operation for each, _ in self.seen)

    def answer(self, operation: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes] | None:
        request = json.loads(body)

        def forward() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(self._target, timeout=80)
            try:
                connection.request("POST", "/", body, headers)
                reply = connection.getresponse()
                return reply.status, reply.read()
            finally:
                connection.close()

        with self._lock:
            self.seen.append((operation, request))
            rule = next((each for each in self._rules if each[0] == operation and each[2](request)), None)
            if rule is not None:
                self._rules.remove(rule)
        return forward() if rule is None else rule[1](forward)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: Proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers["X-Amz-Target"]
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"}
        found = self.server.owner.answer(target.rpartition(".")[2], headers, body)
        if found is None:
            self.close_connection = True
            return
        status, reply = found
        head = (
            f"HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(reply)}\r\n\r\n"
        )
        self.connection.sendall(head.encode() + reply)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def before(url: str) -> Iterator[Proxy]:
    """A proxy of the server at ``url``."""
    proxy = Proxy(url)
    thread = threading.Thread(target=lambda: proxy._http.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy._http.shutdown()
        proxy._http.server_close()
        thread.join()
