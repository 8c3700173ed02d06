"""The timeline of a run: the picture of ``pictures.timeline``, with the range, the zoom and the kind in the address."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.pictures.timeline import timeline_svg
from simpleflow.pictures.timeline_rows import STEPS, WORKERS
from simpleflow.ui.folded import Folded
from simpleflow.ui.links import link
from simpleflow.ui.overview_page import path_of
from simpleflow.ui.rendering import Page
from simpleflow.ui.run_frame import Visit, end_of, run_page
from simpleflow.ui.texts import when
from simpleflow.views.run_view import RunView

WIDTHS = {"": 1_150, "medium": 690, "small": 300}
"""Widths of the picture, in pixels, by the size in the address: for a screen, a tablet and a telephone."""

_MOMENT = 3.0  # seconds after which the picture of a run that goes on is drawn again
_SHORTEST = 0.01  # seconds that are shown, at least


class _Range(NamedTuple):
    """The time that is shown."""

    first: float  # the begin of the run
    last: float  # its end, or now
    begin: float
    end: float

    @property
    def is_whole(self) -> bool:
        return self.begin <= self.first and self.end >= self.last


def page(visit: Visit, id: str) -> Page:
    """The timeline of a run."""
    by = visit.query.get("by", STEPS)
    if by not in (STEPS, WORKERS):
        raise InputError(f"by is {by!r}; expected {STEPS} or {WORKERS}")
    size = visit.query.get("size", "")
    if size not in WIDTHS:
        raise InputError(f"size is {size!r}; expected small or medium, or none")
    under = visit.query.get("under", "")

    def values(folded: Folded, view: RunView) -> dict[str, Any]:
        run = folded.run
        shown = _range(visit, folded, view)
        given = None if shown.is_whole else shown

        def address(begin: float | None = None, end: float | None = None, **other: str | None) -> str:
            query: dict[str, Any] = {"by": by if by != STEPS else None, "size": size}
            query |= {"under": under, "begin": _text(begin), "end": _text(end)} | other
            return link("run", run.run_id, "timeline", query=query)

        def href(kind: str, key: str) -> str | None:
            match kind:
                case "step":
                    return link("run", run.run_id, "step", key)
                case "activity" if key.isdigit():  # a line of many activities has the name of their type
                    return link("run", run.run_id, "activity", key)
                case "child":
                    return link("run", key)
                case "group":
                    return address(*(_ends(given)), under=key)
            return None

        def draw(view: RunView) -> str:
            return timeline_svg(
                view,
                width=WIDTHS[size],
                begin=None if given is None else shown.begin,
                end=None if given is None else shown.end,
                by=by,
                now=end_of(visit, run, view),
                critical=path_of(folded),
                href=href,
                under=under,
            )

        moment = "" if view.closed else int(visit.now / _MOMENT)
        return {
            "svg": Markup(folded.once(f"timeline {by} {size} {under} {given} {moment}", draw)),
            "by": by,
            "under": under,
            "size": size,
            "is_whole": shown.is_whole,
            "range": "the whole run" if shown.is_whole else f"{when(shown.begin)} to {when(shown.end)}",
            "zooms": _zooms(shown, address),
            "by_step": address(*_ends(given), by=None),
            "by_worker": address(*_ends(given), by=WORKERS, under=None),
            "all_steps": address(*_ends(given), under=None),
        }

    return run_page(visit, id, "timeline", "timeline.html", values)


def _range(visit: Visit, folded: Folded, view: RunView) -> _Range:
    """The range that the query asks for, within the run. Raises InputError."""
    first = view.began if view.began is not None else view.last_time
    last = max(first + _SHORTEST, end_of(visit, folded.run, view))
    begin, end = visit.time("begin"), visit.time("end")
    begin = first if begin is None else min(max(first, begin), last - _SHORTEST)
    end = last if end is None else min(max(begin + _SHORTEST, end), last)
    return _Range(first, last, begin, end)


def _ends(shown: _Range | None) -> tuple[float | None, float | None]:
    return (None, None) if shown is None else (shown.begin, shown.end)


def _zooms(shown: _Range, address: Any) -> list[tuple[str, str, str | None]]:
    """The links that change the range: name, text and address; without an address where it would change nothing."""
    first, last, begin, end = shown
    length = end - begin
    middle = (begin + end) / 2

    def at(begin: float, end: float) -> str:
        begin, end = max(first, begin), min(last, end)
        return str(address(None if begin <= first else begin, None if end >= last else end))

    return [
        ("zoom-in", "zoom in", at(middle - length / 4, middle + length / 4) if length > 2 * _SHORTEST else None),
        ("zoom-out", "zoom out", None if shown.is_whole else at(begin - length / 2, end + length / 2)),
        ("earlier", "earlier", at(begin - length / 2, end - length / 2) if begin > first else None),
        ("later", "later", at(begin + length / 2, end + length / 2) if end < last else None),
        ("whole", "whole run", None if shown.is_whole else str(address())),
    ]


def _text(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"
