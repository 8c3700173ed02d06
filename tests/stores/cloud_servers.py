"""Servers for the tests of Google's and Azure's marks: Azurite, and an imitation of Google Cloud Storage.

Azurite is Microsoft's own emulator: ``npm install --prefix .azurite azurite``, as ``make test`` does. None of Google's
emulators that can be installed speaks the XML interface that obstore uses, so a small server here does: the requests
for objects and lists, with Google's conditions and answers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers import free_ports, tied

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account that every Azurite has; both are in its documentation."""

_ROOT = Path(__file__).parents[2]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def azurite_program() -> str | None:
    """The path of Azurite; None if it is not installed."""
    beside = _ROOT / ".azurite/node_modules/.bin/azurite-blob"
    return str(beside) if beside.exists() else shutil.which("azurite-blob")


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Azurite on a free port, with its data in memory. Yields its address, with the account."""
    program = azurite_program()
    assert program is not None
    [port] = free_ports(1)
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    command = [program, *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with open(folder / "azurite.log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, preexec_fn=tied)
    try:
        end = time.monotonic() + 30
        while not _is_up(port):
            assert process.poll() is None, (folder / "azurite.log").read_text()
            assert time.monotonic() < end, (folder / "azurite.log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/{ACCOUNT}"
    finally:
        process.kill()
        process.wait()


def _is_up(port: int) -> bool:

    with socket.socket() as each:
        each.settimeout(1)
        return each.connect_ex(("127.0.0.1", port)) == 0


def azure_put(address: str, path: str, query: str = "", headers: dict[str, str] | None = None) -> None:
    """Send a signed PUT without a body: obstore makes no containers, and no objects with such names."""
    sent = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06", **(headers or {})}
    signed = "".join(f"{name}:{value}\n" for name, value in sorted(sent.items()))
    resource = f"/{ACCOUNT}/{ACCOUNT}/{path}" + (f"\n{query.replace('=', ':')}" if query else "")
    text = "PUT" + "\n" * 12 + signed + resource
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    sent |= {"Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}", "Content-Type": ""}
    url = f"{address}/{path}" + (f"?{query}" if query else "")
    with _OPENER.open(urllib.request.Request(url, data=b"", method="PUT", headers=sent)) as answer:
        assert answer.status == 201


class GoogleServer:
    """An imitation of Google Cloud Storage: its XML interface, for objects of some buckets in memory.

    ``refuse`` holds the statuses of the next answers to PUTs; with a True beside it, the object is written first.
    """

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, tuple[bytes, float, int]]] = {}
        self.requests: list[str] = []
        self.refuse: list[tuple[int, bool]] = []
        self.page = 1000
        self._lock = Lock()
        self._generation = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one packet: the client would wait 40 ms for the second one

            def do_PUT(self) -> None:
                outer.put(self)

            def do_GET(self) -> None:
                outer.get(self)

            def do_HEAD(self) -> None:
                outer.get(self)

            def do_DELETE(self) -> None:
                outer.delete(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _parts(self, handler: BaseHTTPRequestHandler) -> tuple[dict[str, tuple[bytes, float, int]] | None, str]:
        self.requests.append(f"{handler.command} {handler.path}")
        bucket, _, key = urlsplit(handler.path).path.removeprefix("/").partition("/")
        return self.buckets.get(unquote(bucket)), unquote(key)

    def put(self, handler: BaseHTTPRequestHandler) -> None:
        objects, key = self._parts(handler)
        body = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        if objects is None:
            return self._refuse(handler, 404, "NoSuchBucket")
        status, is_written = self.refuse.pop(0) if self.refuse else (0, True)
        with self._lock:
            if handler.headers.get("x-goog-if-generation-match") == "0" and key in objects and is_written:
                return self._refuse(handler, 412, "PreconditionFailed")
            if is_written:
                self._generation += 1
                objects[key] = (body, time.time(), self._generation)
        if status:
            return self._refuse(handler, status, "InternalError" if status >= 500 else "AccessDenied")
        return self._answer(handler, 200, b"", {"ETag": f'"{self._generation}"'})

    def get(self, handler: BaseHTTPRequestHandler) -> None:
        objects, key = self._parts(handler)
        if objects is None:
            return self._refuse(handler, 404, "NoSuchBucket")
        if not key:
            return self._list(handler, objects)
        if key not in objects:
            return self._refuse(handler, 404, "NoSuchKey")
        body, modified, generation = objects[key]
        headers = {"ETag": f'"{generation}"', "Last-Modified": formatdate(modified, usegmt=True)}
        return self._answer(handler, 200, body, headers | {"x-goog-generation": str(generation)})

    def _list(self, handler: BaseHTTPRequestHandler, objects: dict[str, tuple[bytes, float, int]]) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        found = sorted(key for key in list(objects) if key.startswith(prefix) and key > after)
        page, more = found[: self.page], found[self.page :]
        parts = [
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f'<ETag>"1"</ETag><Size>{len(objects[key][0])}</Size></Contents>'
            for key in page
        ]
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{token}{''.join(parts)}"
        self._answer(handler, 200, f"{text}</ListBucketResult>".encode(), {"Content-Type": "application/xml"})

    def delete(self, handler: BaseHTTPRequestHandler) -> None:
        objects, key = self._parts(handler)
        if objects is None:
            return self._refuse(handler, 404, "NoSuchBucket")
        if objects.pop(key, None) is None:
            return self._refuse(handler, 404, "NoSuchKey")
        return self._answer(handler, 204, b"", {})

    def _refuse(self, handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
        self._answer(handler, status, f"<Error><Code>{code}</Code></Error>".encode(), {})

    def _answer(self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
