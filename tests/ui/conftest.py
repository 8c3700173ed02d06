"""A page that serves runs, a browser to look at it, and the runs: finished, failed, odd and with long logs."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from simpleflow.ui.planner import Planner
from simpleflow.ui.serving import Serving
from tests import nursery

WORKFLOWS = Path(__file__).parent / "workflows.py"


class Answer(NamedTuple):
    """An answer of the page."""

    status: int
    headers: dict[str, str]
    text: str


class Site:
    """A page that listens in this process."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.url = serving.url.partition("?")[0].rstrip("/")
        self.port = int(self.url.rpartition(":")[2])

    def get(self, path: str = "/", headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        """Request a path, without a browser."""
        request = urllib.request.Request(self.url + path, headers=headers or {}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as answer:
                found = answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            found = error.code, dict(error.headers), error.read().decode()
        status, headers_, text = found
        assert status != 500, _logged()
        return Answer(status, {key.lower(): value for key, value in headers_.items()}, text)

    def raw(self, request: bytes) -> bytes:
        """Send these bytes, and return what comes back until the connection closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            found = b""
            while part := connection.recv(65_536):
                found += part
        return found


class _Errors(logging.Handler):
    """Keeps what the server logs: a page that fails says only that it did."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


_errors = _Errors()


def _logged() -> str:
    time.sleep(0.5)  # the server answers first, and logs then
    return "\n".join(_errors.texts[-3:])


@contextmanager
def serving(
    folder: Path | str | None,
    domain: str | None = None,
    host: str = "127.0.0.1",
    planner: Planner | None = None,
) -> Iterator[Site]:
    """A page over a state folder or a domain."""
    made = Serving(None if folder is None else str(folder), domain, host, 0, planner)
    log = logging.getLogger("uvicorn.error")
    log.disabled = False  # by the configuration of logging in another test
    log.addHandler(_errors)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield Site(made)
    finally:
        made.stop()
        thread.join(10)


class Runs(NamedTuple):
    """A state folder with runs."""

    folder: Path  # in which the workflows are
    state: Path

    def start(self, workflow: str, workflow_id: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a run in a process of its own."""
        command = [nursery.SIMPLEFLOW, "workflow.start", "--local", "--state", str(self.state), "--nb-workers", "2"]
        words = [*command, f"workflows.py:{workflow}", "--workflow-id", workflow_id, *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return nursery.begin(words, self.folder, dict(os.environ), **pipes)

    def run(self, workflow: str, workflow_id: str, *arguments: str) -> None:
        """Run a workflow to its end."""
        command = ["workflow.start", "--local", "--state", str(self.state), "--nb-workers", "2"]
        target = [f"workflows.py:{workflow}", "--workflow-id", workflow_id]
        nursery.run([*command, *target, *arguments], self.folder, dict(os.environ))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs of ``nightly``: one that completed, and one that failed."""
    folder = tmp_path_factory.mktemp("ui")
    shutil.copy(WORKFLOWS, folder)
    found = Runs(folder, folder / "state")
    found.run("Nightly", "nightly")
    found.run("Nightly", "nightly", "--force", "load.users", "--param", "fail=true")
    found.run("Odd", "odd")
    found.run("LongLog", "long")
    found.run("Various", "various")
    return found


@pytest.fixture(scope="session")
def site(runs: Runs) -> Iterator[Site]:
    """The page over these runs."""
    with serving(runs.state) as found:
        yield found


def latest(site: Site, workflow_id: str) -> str:
    """The run id of the latest run of a workflow id."""
    return site.serving.source.find(workflow_id).run_id


# The browser

expect.set_options(timeout=15_000)  # milliseconds, on a machine that is busy
CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window, one for all tests of a file.

    While Playwright is open, its event loop counts as running in this thread. Tests of other files may need their own.
    """
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium; the page is not tested in a browser")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        yield found
        found.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens tabs. A request to another server, an error of a script and a dialog fail the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def opened(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: _foreign(request.url, wrong))
        page.on("console", lambda message: _complaint(message, wrong))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _foreign(url: str, wrong: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "about:", "data:")):
        wrong.append(f"request: {url}")


def _complaint(message: ConsoleMessage, wrong: list[str]) -> None:
    if message.type in ("error", "warning") and not message.location.get("url", "").endswith("/nothing"):
        wrong.append(f"{message.type}: {message.text}")
