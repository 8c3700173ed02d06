"""A proxy between boto3 and a real S3 server, which refuses requests while it is told to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

_ERROR = '<?xml version="1.0"?><Error><Code>{}</Code><Message>made up</Message></Error>'

SLOW_DOWN = (503, "SlowDown")
EXPIRED = (400, "ExpiredToken")
DENIED = (403, "AccessDenied")


class FaultyS3:
    """The proxy. ``url`` is its endpoint; ``refused`` counts the requests that it has refused.

    Set ``refuses`` to a function of method and path. It returns a status and a code such as ``SLOW_DOWN``, or None for
    a request that is passed on.
    """

    def __init__(self, url: str) -> None:
        self.refuses: Callable[[str, str], tuple[int, str] | None] = lambda method, path: None
        self.refused = 0
        self.target = urlparse(url).netloc
        self.http = _Server(("127.0.0.1", 0), _Handler)
        self.http.owner = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: FaultyS3

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that was killed has hung up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        owner = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        refusal = owner.refuses(self.command, self.path)
        if refusal is not None:
            owner.refused += 1
            status, reply, headers = refusal[0], _ERROR.format(refusal[1]).encode(), []
        else:
            connection = http.client.HTTPConnection(owner.target, timeout=20)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():  # the host too, since it is signed
                connection.putheader(name, value)
            connection.endheaders(body)
            found = connection.getresponse()
            status, reply = found.status, found.read()
            headers = [(name, value) for name, value in found.getheaders() if name.lower() not in _OWN]
            connection.close()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815 (names of the standard library)

    def log_message(self, format: str, *args: Any) -> None:
        pass


_OWN = frozenset({"content-length", "transfer-encoding", "connection", "server", "date"})


@contextmanager
def before(url: str) -> Iterator[FaultyS3]:
    """A proxy of the server at ``url``."""
    proxy = FaultyS3(url)
    thread = threading.Thread(target=lambda: proxy.http.serve_forever(poll_interval=0.05), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.http.shutdown()
        proxy.http.server_close()
        thread.join()
