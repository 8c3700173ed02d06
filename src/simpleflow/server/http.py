"""The wire: AWS JSON 1.0 over HTTP on loopback. Every local process can connect; nothing is authenticated.

Each connection has a thread, which reads one request at a time, checks it against the model and calls its operation
with the lock of the service held. A reply with a task may be lost: the client may have hung up while the poll waited.
Three checks notice that: writing fails, the socket has an error after the write, or the connection is reset before the
next request. Then the task goes back to its list (``Server.undo``).
"""

from __future__ import annotations

import logging
import random
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from simpleflow.exceptions import InputError, RunBusy, UnknownResource
from simpleflow.server import faults, headers, model
from simpleflow.server.chaos import Chaos
from simpleflow.server.decision_check import Limits
from simpleflow.server.faults import Fault
from simpleflow.server.operations import OPERATIONS
from simpleflow.server.polls import Caller
from simpleflow.server.service import Service

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
MAX_REQUEST = 2**20
"""Bytes of the largest request that Amazon SWF accepts."""

_MAX_DISCARDED = 64 * MAX_REQUEST
"""Most bytes of a request that is too large which are read and dropped."""

_LAST_SECONDS = 2.0
"""Seconds that ``close`` waits for replies to be written."""

_DENIED = "com.amazon.coral.service#AccessDeniedException"
_OWN_NAMES = {HOST, "localhost", "[::1]"}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Server:
    """A local SWF server. It listens once it is made; ``serve`` or ``start`` makes it answer.

    Args:
        port: port on 127.0.0.1; 0 for any free one.
        state, poll_seconds, clock, chaos, limits: see ``service.Service``.
        close_connections: end each connection after one reply, for clients whose processes share connections.

    Raises InputError if it cannot listen on the port or botocore is missing, StateError if the folder cannot be used.
    """

    def __init__(
        self,
        port: int = 0,
        state: Path | None = None,
        poll_seconds: float = 60.0,
        clock: Callable[[], float] | None = None,
        chaos: Chaos = Chaos(),  # noqa: B008 (frozen)
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        close_connections: bool = False,
    ) -> None:
        self.close_connections = close_connections
        self.model = model.load()
        try:
            self._http = _HttpServer((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            problem = getattr(error, "strerror", None) or error
            advice = "choose another --port, or 0 for a free one"
            raise InputError(f"cannot listen on {HOST}:{port}: {problem}; {advice}") from error
        try:
            self.service = Service(state, poll_seconds, clock, chaos, limits)
        except BaseException:
            self._http.server_close()
            raise
        self._http.owner = self
        self._thread: threading.Thread | None = None
        self._busy = 0  # requests that are being answered
        self._idle = threading.Condition()

    @property
    def url(self) -> str:
        """The URL for clients, as in the variable AWS_ENDPOINT_URL_SWF."""
        return f"http://{HOST}:{self._http.server_address[1]}"

    def serve(self) -> None:
        """Answer requests until another thread calls ``stop``."""
        self._http.serve_forever(poll_interval=0.1)

    def start(self) -> None:
        """Answer requests in a thread."""
        self._thread = threading.Thread(target=self.serve, name="swf-server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Accept no more requests."""
        self._http.shutdown()

    def close(self) -> None:
        """Stop, end open polls, and release the port and the state folder."""
        if self._thread is not None:
            self.stop()
            self._thread.join()
        self.service.close()
        with self._idle:
            self._idle.wait_for(lambda: not self._busy, _LAST_SECONDS)  # polls are being answered
        self._http.server_close()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count the request inside the ``with`` block as one that is being answered."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def tick(self) -> None:
        """Do everything that is due. Tests call this after they have advanced their clock."""
        self.service.tick()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def register_domain(self, name: str) -> None:
        """Register a domain unless it exists. Raises InputError for a name that is not valid."""
        request = {"name": name, "workflowExecutionRetentionPeriodInDays": "90"}
        try:
            self.answer("RegisterDomain", _encode(request), Caller())
        except Fault as fault:
            if not fault.kind.endswith("#DomainAlreadyExistsFault"):
                raise InputError(f"domain {name!r}: {fault.message}") from fault

    def answer(self, operation: str, body: bytes, caller: Caller) -> bytes:
        """Perform a request and return the reply. Raises Fault."""
        try:
            request = _decode(body) if body else {}
        except (msgspec.DecodeError, ValueError, RecursionError) as error:  # ValueError: not UTF-8
            raise faults.unreadable(str(error)) from error
        self.model.check(operation, request)
        try:
            with self.service.request():
                reply = OPERATIONS[operation](self.service, request, caller)
        except UnknownResource as error:
            raise faults.unknown(str(error)) from error
        except RunBusy as error:
            raise faults.swf("WorkflowExecutionAlreadyStartedFault", "Already Started") from error
        except InputError as error:
            raise faults.refused(str(error)) from error
        return b"" if reply is None else _encode(reply)

    def undo(self, caller: Caller) -> None:
        """Put the task of a reply that did not arrive back, for the next poll."""
        undo, caller.undo = caller.undo, None
        if undo is not None:
            with self.service.lock:
                try:
                    undo()
                except UnknownResource:
                    pass  # the task has ended in the meantime


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection from %s ended", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One connection. A reply is a single write: two would cost 40 ms, since clients delay their acknowledgement."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _HttpServer
    raw_requestline: bytes

    latest: Caller | None = None  # of the latest request

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionResetError:
            # The client hung up before it read the latest reply. If it had read it, the connection would just end.
            if self.latest is not None:
                self.server.owner.undo(self.latest)

    def parse_request(self) -> bool:
        """Read the head of a request; see ``headers``."""
        words = self.raw_requestline.rstrip(b"\r\n").split(b" ")
        if len(words) != 3 or words[0] != b"POST" or words[2] != b"HTTP/1.1" or not words[1].isascii():
            return super().parse_request()
        if words[1].startswith(b"//") or (found := headers.read(self.rfile)) is None:
            return super().parse_request()
        self.requestline = self.raw_requestline.decode("latin-1").rstrip("\r\n")
        self.command, self.path, self.request_version = "POST", words[1].decode(), "HTTP/1.1"
        self.headers = found  # type: ignore[assignment]
        self.close_connection = (found.get("Connection") or "").lower() == "close"
        return True

    def do_POST(self) -> None:
        with self.server.owner.answering():
            self._answer()

    def _answer(self) -> None:
        owner = self.server.owner
        caller = self.latest = Caller(self._gone)
        status = 200
        try:
            self.close_connection |= owner.close_connections
            body = self._body()
            self._check_sender()
            if owner.service.dice.throttles():
                raise faults.throttled()
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            reply = owner.answer(operation, body, caller)
            if owner.service.dice.drops():
                owner.undo(caller)
                self.close_connection = True
                return
        except Fault as fault:
            status, reply = fault.status, _encode({"__type": fault.kind, "message": fault.message})
        except Exception as error:
            logger.exception("request failed")
            status = 500
            reply = _encode({"__type": "com.amazon.coral.service#InternalFailure", "message": str(error)})
        try:
            self._write(status, reply)
            # A client that has already hung up resets the connection when the reply arrives.
            arrived = self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        except OSError:
            arrived = False
        if not arrived:
            self.close_connection = True
            owner.undo(caller)

    def _check_sender(self) -> None:
        """Raise Fault for requests that a web page may have sent.

        A page sends its Origin, or, after DNS rebinding, its own host name as the Host.
        """
        if self.headers.get("Origin"):
            raise Fault(_DENIED, "Web pages may not send requests", 403)
        target = urllib.parse.urlsplit(self.path) if "://" in self.path else None  # a form that proxies are sent
        for host in [*self.headers.get_all("Host", ()), *([target.netloc] if target else ())]:
            name = host.strip().lower()
            name = name if name.endswith("]") else re.sub(r":\d*$", "", name)
            if name.rstrip(".") not in _OWN_NAMES:
                shown = host.encode("ascii", "backslashreplace").decode()[:100]
                raise Fault(_DENIED, f"Host is {shown!r}; expected {HOST} or localhost", 403)

    def _body(self) -> bytes:
        if (coding := self.headers.get("Transfer-Encoding")) is not None:
            self.close_connection = True  # where the request ends is not known
            shown = coding.encode("ascii", "backslashreplace").decode()[:100]
            raise faults.unreadable(f"Transfer-Encoding is {shown!r}; expected none, and a Content-Length")
        given = set(self.headers.get_all("Content-Length", ()))
        if len(given) != 1 or not (text := given.pop().strip()).isascii() or not text.isdigit():
            self.close_connection = True
            raise faults.unreadable("a Content-Length is needed: one number")
        length = int(text[:20])
        if length > MAX_REQUEST:
            self.close_connection = True
            self._discard(min(length, _MAX_DISCARDED))  # a client does not read the answer while it still sends
            raise Fault("com.amazon.coral.service#RequestEntityTooLargeException", "Request is over 1 MB", 413)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            raise faults.unreadable(f"the body has {len(body)} bytes; expected {length}, its Content-Length")
        return body

    def _discard(self, length: int) -> None:
        while length > 0 and (read := self.rfile.read(min(length, 2**16))):
            length -= len(read)

    def _write(self, status: int, body: bytes) -> None:
        connection = "close" if self.close_connection else "keep-alive"
        head = (
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Error'}\r\n"
            f"x-amzn-RequestId: {_request_id()}\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"Connection: {connection}\r\n\r\n"
        )
        self.connection.sendall(head.encode("latin-1") + body)

    def _gone(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)


def _request_id() -> str:
    """A new id in the form of a UUID. It need not be hard to guess, and the system's random source is slow."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
