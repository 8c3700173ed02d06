"""The server of the page: its socket, its token and its end."""

from __future__ import annotations

import secrets
import socket

import uvicorn

from simpleflow.exceptions import InputError
from simpleflow.ui.app import Pages, application
from simpleflow.ui.planner import Planner
from simpleflow.ui.safety import is_loopback
from simpleflow.ui.source import DomainSource, FolderSource, Source

_GRACE_SECONDS = 1  # that open connections, such as live views, have to end


class Serving:
    """A page that listens; it answers once ``run`` is called.

    Args:
        folder: the state folder; None for a domain.
        domain: of Amazon SWF; None for a folder.
        host: the address to listen on. Any other than loopback needs a token, which is made here.
        port: 0 chooses a free one.
        planner: makes plans; None: the page runs no code of workflows.

    Attributes:
        url: the address of the page, with the token if there is one.
        port: on which it listens.
        pages: the pages.
        source: where the runs are read from.

    Raises InputError if it cannot listen there.
    """

    def __init__(
        self, folder: str | None, domain: str | None, host: str, port: int, planner: Planner | None = None
    ) -> None:
        self._socket = _listen(host, port)
        self.port = number = self._socket.getsockname()[1]
        self.token = None if is_loopback(host) else secrets.token_urlsafe(32)
        name = f"[{host}]" if ":" in host else host
        if host in ("0.0.0.0", "::"):
            name = socket.gethostname()
        self.url = f"http://{name}:{number}/" + (f"?token={self.token}" if self.token else "")
        self.source: Source = FolderSource(folder) if folder is not None else DomainSource(domain or "")
        self.pages = Pages(self.source, planner=planner)
        hosts = [host] if self.token is None else [host, socket.gethostname(), socket.getfqdn()]
        config = uvicorn.Config(
            application(self.pages, hosts, self.token, f"simpleflow-{number}"),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            limit_concurrency=200,
            h11_max_incomplete_event_size=65_536,
        )
        self._server = uvicorn.Server(config)
        self.pages.viewers.is_over = lambda: self._server.should_exit

    def run(self) -> None:
        """Answer until SIGTERM or Ctrl-C."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.pages.close()

    def stop(self) -> None:
        """Let ``run`` return."""
        self._server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.socket(found[0], socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(found[4])
            made.listen(128)  # from here on a browser waits for the answer, and is not refused
        except BaseException:
            made.close()
            raise
        return made
    except OSError as error:
        raise InputError(
            f"the page cannot listen on {host}:{port}: {error.strerror or error}; give another --port, or 0 for a free "
            "one"
        ) from error
