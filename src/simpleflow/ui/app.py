"""The web application: which address is which page, and how pages, downloads and live views are answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from simpleflow.exceptions import InputError, SimpleflowError, UnknownResource
from simpleflow.pictures import shapes, style
from simpleflow.ui import (
    activity_page,
    history_page,
    overview_page,
    plan_page,
    run_values,
    runs_page,
    step_page,
    steps_page,
    timeline_page,
)
from simpleflow.ui.downloads import Download
from simpleflow.ui.folded import Folded, FoldedRuns
from simpleflow.ui.links import link, parts_of
from simpleflow.ui.live import MAX_VIEWERS, LiveView, Viewers
from simpleflow.ui.planner import Planner
from simpleflow.ui.rendering import Page, compile_templates, render
from simpleflow.ui.run_frame import Visit
from simpleflow.ui.safety import Guard
from simpleflow.ui.source import Source

_STATIC = Path(__file__).parent / "static"
_LIVE = "live"  # the query of a live view: the address of its page, and this

_PROBLEM_SECONDS = 5  # after which a browser without JavaScript looks whether a problem has passed

Answer = Page | Download


class Pages:
    """The pages over a source of runs.

    Args:
        source: where the runs are.
        clock: gives epoch seconds.
        planner: makes plans; None: the page runs no code of workflows.
    """

    def __init__(self, source: Source, clock: Callable[[], float] = time.time, planner: Planner | None = None) -> None:
        self.source = source
        self.planner = planner
        self.runs = FoldedRuns(source, _prepare)
        self.clock = clock
        threading.Thread(target=compile_templates, name="templates", daemon=True).start()
        self.viewers = Viewers()
        self._files = {
            "style.css": (style.sheet() + shapes.stylesheet() + (_STATIC / "page.css").read_text("utf-8"), "text/css"),
            "icon.svg": ((_STATIC / "icon.svg").read_text("utf-8"), "image/svg+xml"),
            "page.js": ((_STATIC / "page.js").read_text("utf-8"), "text/javascript"),
        }

    def close(self) -> None:
        """End the threads that read and plan, and give up the connection."""
        if self.planner is not None:
            self.planner.close()
        self.runs.close()
        self.source.close()

    async def answer(self, request: Request) -> Response:
        """Answer a request."""
        parts = parts_of(request.scope.get("raw_path") or request.url.path.encode())
        if parts[:1] == ["static"] and parts[-1] in self._files and len(parts) == 2:
            text, kind = self._files[parts[1]]
            return Response(text, media_type=kind)
        query = request.query_params
        if _LIVE in query:
            return await self._live(parts, query)
        return await run_in_threadpool(self._response, parts, query)

    def _response(self, parts: list[str], query: QueryParams) -> Response:
        found = self.page(parts, query)
        if isinstance(found, Download):
            return found.response()
        with self.runs.answering():
            return HTMLResponse(render(found, self.common(parts, query)), found.status)

    def page(self, parts: list[str], query: QueryParams) -> Answer:
        """The page or the download at an address. Errors become pages too."""
        try:
            with self.runs.answering():
                return self._page(parts, query)
        except UnknownResource as error:
            return _problem("Not found", str(error), 404, self._may_come_back())
        except InputError as error:
            return _problem("This address cannot be understood", str(error), 400)
        except SimpleflowError as error:
            return _problem("The runs cannot be read", str(error), 503, True)

    def _may_come_back(self) -> bool:
        """True if there is no state folder: it may be mounted again, or moved back."""
        try:
            return self.source.version() is None
        except SimpleflowError:
            return True

    def common(self, parts: list[str], query: QueryParams) -> dict[str, Any]:
        """The values that all templates have."""
        return {
            "where": self.source.folder or f"domain {self.source.domain}",
            "address": link(*parts, query=None),
            "now": self.clock(),
            "max_viewers": MAX_VIEWERS,
        }

    def _page(self, parts: list[str], query: QueryParams) -> Answer:
        visit = Visit(self.source, self.runs, query, self.clock(), self.planner)
        match parts:
            case []:
                return runs_page.page(visit)
            case ["run", id]:
                return overview_page.page(visit, id)
            case ["run", id, "steps"]:
                return steps_page.page(visit, id)
            case ["run", id, "step", name]:
                return step_page.page(visit, id, name)
            case ["run", id, "plan"]:
                return plan_page.page(visit, id)
            case ["run", id, "value", what]:
                return run_values.download(visit, id, what)
            case ["run", id, "timeline"]:
                return timeline_page.page(visit, id)
            case ["run", id, "activity", number]:
                return activity_page.page(visit, id, number)
            case ["run", id, "activity", number, what]:
                return activity_page.download(visit, id, number, what)
            case ["run", id, "history"]:
                return history_page.page(visit, id)
            case ["run", id, "history", number]:
                return history_page.download(visit, id, number)
        raise UnknownResource("there is no page at this address")

    async def _live(self, parts: list[str], query: QueryParams) -> Response:
        rest = QueryParams([(key, value) for key, value in query.multi_items() if key != _LIVE])
        if self.viewers.count >= MAX_VIEWERS:
            return PlainTextResponse(f"{MAX_VIEWERS} viewers look on already.\n", 503, {"Retry-After": "10"})

        def page() -> tuple[Page, dict[str, Any]]:
            found = self.page(parts, rest)
            assert isinstance(found, Page)
            return found, self.common(parts, rest)

        return LiveView(self.viewers, page, self._version)

    def _version(self) -> object:
        return self.source.version(), None if self.planner is None else self.planner.version


def application(pages: Pages, hosts: Iterable[str] = (), token: str | None = None, cookie: str = "token") -> Guard:
    """The application, guarded, also where it fails; see ``Guard`` for the arguments."""
    app = Starlette(routes=[Route("/{path:path}", pages.answer, methods=["GET"])])
    return Guard(app, hosts, token, cookie)


def _prepare(folded: Folded) -> None:
    for prepare in (overview_page.prepare, steps_page.prepare):
        prepare(folded)


def _problem(title: str, text: str, status: int, may_pass: bool = False) -> Page:
    refresh = _PROBLEM_SECONDS if may_pass else None
    return Page("problem.html", title, {"text": text}, live=may_pass, refresh=refresh, status=status)
