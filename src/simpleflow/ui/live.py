"""Live views: changed parts of a page go to the browser as events, each row separately.

Theory of operation. A browser keeps a connection open (EventSource). As long as it does, the page is rendered again
whenever its source may have something new, in a thread, and never more than a small share of the time. The first
message holds all parts, so that a browser can tell which of its parts are old; the later ones hold those that differ.
If the connection breaks, the browser opens it again, and gets the first message again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from simpleflow.exceptions import SimpleflowError
from simpleflow.ui.rendering import Page, Part, parts

MAX_VIEWERS = 32
"""Live views at the same time."""

_TICK_SECONDS = 0.5  # between two looks at whether there may be something new
_EVERY_SECONDS = 1.0  # between two renderings of a page, at least
_REST = 50  # a page is rendered again after so many times the processor time that this took: 2 % of a core
_ALWAYS_SECONDS = 3.0  # it is rendered again then in any case: a process may have died, a log may have grown
_ALIVE_SECONDS = 15.0  # a sign of life, so that a connection that is gone is noticed

Render = Callable[[], tuple[Page, Mapping[str, Any]]]


class Viewers:
    """Counts the live views of a server."""

    def __init__(self) -> None:
        self.count = 0
        self.is_over: Callable[[], bool] = lambda: False  # the server ends, and so do they


class LiveView(StreamingResponse):
    """The answer that lasts as long as its browser looks on.

    Args:
        viewers: counts it from now until its end.
        page: gives the page as it is now, and the values that all templates have.
        version: gives a value that changes when there may be something new.
    """

    def __init__(self, viewers: Viewers, page: Render, version: Callable[[], object]) -> None:
        super().__init__(_events(page, version, viewers.is_over), media_type="text/event-stream")
        self._viewers = viewers
        viewers.count += 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._viewers.count -= 1


async def _events(page: Render, version: Callable[[], object], is_over: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield the events of a live view, until the page says that nothing more will change, or the server ends."""
    sent: dict[str, Part] | None = None
    seen: object = None
    rendered_at = told_at = took = 0.0
    while not is_over():
        now = time.monotonic()
        current = await run_in_threadpool(_version, version)
        due = now - rendered_at > max(_EVERY_SECONDS, _REST * took)
        if sent is None or (due and (current != seen or now - rendered_at > _ALWAYS_SECONDS)):
            shown, found, took = await run_in_threadpool(_rendered, page)
            rendered_at, seen = now, current
            message = _message(sent, found, shown)
            sent = found
            if message is not None:
                told_at = now
                yield message
            if not shown.live:
                return
        if now - told_at > _ALIVE_SECONDS:
            told_at = now
            yield ": here\n\n"
        await asyncio.sleep(_TICK_SECONDS)


def _version(version: Callable[[], object]) -> object:
    try:
        return version()
    except SimpleflowError as error:  # the page says what is wrong
        return str(error)


def _rendered(page: Render) -> tuple[Page, dict[str, Part], float]:
    """The page, its parts, and the seconds on a processor that they took: those that a run may lack."""
    began = time.thread_time()
    shown, common = page()
    found = parts(shown, common)
    return shown, found, time.thread_time() - began


def _message(sent: dict[str, Part] | None, found: dict[str, Part], page: Page) -> str | None:
    """The event for what differs; None if nothing does and the page goes on."""
    new = [each for each in found.values() if sent is None or sent.get(each.id) != each]
    gone = [] if sent is None else [id for id in sent if id not in found]
    if not new and not gone and sent is not None and page.live:
        return None
    content = {
        "all": sent is None,
        "template": page.template,
        "title": page.title,
        "live": page.live,
        "gone": gone,
        "parts": [each._asdict() for each in new],
    }
    return f"data: {json.dumps(content)}\n\n"
