"""The timeline of a run as SVG: when each step worked and waited, by step or by worker.

It stays small however large the run is: at most so many lines, and a line of many tasks is a band. Zooming in draws the
same picture of a shorter time, with fewer steps in it, so that more of them get a line of their own.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence

from simpleflow.core.work_time import length, seconds_worked
from simpleflow.pictures import shapes, timeline_shapes
from simpleflow.pictures.markup import Href, fit, number, text, width_of
from simpleflow.pictures.sentence import sentence
from simpleflow.pictures.style import look
from simpleflow.pictures.time_scale import FOLD, Axis, Scale, idle_gaps
from simpleflow.pictures.timeline_bars import Bars
from simpleflow.pictures.timeline_rows import (
    GROUP,
    OTHER,
    STEPS,
    WORKER,
    WORKERS,
    Shown,
    Window,
    rows_by_step,
    rows_by_worker,
)
from simpleflow.shown_text import duration
from simpleflow.step.constants import SKIPPED, WAITING
from simpleflow.views import rows
from simpleflow.views.critical_path import Link
from simpleflow.views.run_view import RunView

MOST_ROWS = 60
"""Lines of a timeline, at most."""

_NARROW = 560  # below this width, names stand above their bars
_SIZE = 12.0  # of names
_TASKS_ALONE = 1_500  # tasks of the whole picture that are drawn each on its own, about
_LEGEND = {
    timeline_shapes.RAN: "ran",
    timeline_shapes.RUNNING: "running",
    timeline_shapes.DID_FAIL: "failed",
    timeline_shapes.RETRIED: "failed, tried again",
    timeline_shapes.ENDED_EARLY: "stopped",
    timeline_shapes.QUEUED: "waits",
    timeline_shapes.PAUSE: "pause before the next try",
    timeline_shapes.SKIP: "skipped",
    timeline_shapes.CHILD: "child workflow",
    timeline_shapes.CRITICAL: "critical path",
    timeline_shapes.FOLDED: "idle time, cut out",
}


def timeline_svg(
    view: RunView,
    *,
    width: int = 1000,
    begin: float | None = None,
    end: float | None = None,
    by: str = STEPS,
    now: float | None = None,
    critical: Sequence[Link] = (),
    href: Href | None = None,
    under: str = "",
    most_rows: int = MOST_ROWS,
    zone: datetime.tzinfo | None = None,
    standalone: bool = False,
    key: str = "timeline",
) -> str:
    """Return the timeline of a run as an ``svg`` element. Times are epoch seconds.

    Args:
        view: the rows of the run.
        width: of the picture, in pixels. In a narrow one, names stand above their bars.
        begin: show the time from here on. Default: the begin of the run.
        end: show the time until here. Default: the end of the run, or ``now``.
        by: a line for each ``step`` or for each ``worker``.
        now: the end of tasks that have not ended. Default: the time of the last event.
        critical: the critical path.
        href: makes links, see ``markup.Href``; None: there are none.
        under: show the steps alone that this name covers.
        most_rows: at most so many lines.
        zone: of the clock on the axis; None: the local one.
        standalone: it is a whole file, with the style and a headline.
        key: begins the ids in the picture, which are to be unique on a page.
    """
    now = max(view.last_time, view.last_time if now is None or view.closed else now)
    origin = view.began if view.began is not None else now
    window = Window(origin if begin is None else begin, now if end is None else end, now)
    found = (
        rows_by_worker(view, window, most_rows)
        if by == WORKERS
        else rows_by_step(view, window, most_rows, {link.row.event_id for link in critical}, under)
    )
    return _Picture(view, found, window, width, critical, href, zone, key, by == WORKERS, standalone).drawn()


class _Picture:
    def __init__(
        self,
        view: RunView,
        found: Sequence[Shown],
        window: Window,
        width: int,
        critical: Sequence[Link],
        href: Href | None,
        zone: datetime.tzinfo | None,
        key: str,
        by_worker: bool,
        standalone: bool,
    ) -> None:
        self.standalone, self.by_worker = standalone, by_worker
        self.view, self.found, self.window, self.width, self.href, self.key = view, found, window, width, href, key
        self.narrow = width < _NARROW
        self.margin = (12 if self.narrow else 20) if standalone else 2
        self.names = 0.0 if self.narrow else min(300.0, max(150.0, width * 0.25))
        self.times = 0.0 if self.narrow else 78.0
        self.row, self.bar = (36.0, 14.0) if self.narrow else (21.0, 14.0)
        busy = [span for each in found for span in each.work(window.now)]
        waits = (span for each in found for span in each.queued(window.now))
        gaps = idle_gaps(busy, window.begin, window.end, waits)
        left = self.margin + self.names
        self.scale = Scale(window.begin, window.end, left, width - self.margin - self.times, gaps)
        self.axis = Axis(self.scale, window.begin if view.began is None else view.began, zone)
        self.bars = Bars(
            view,
            self.scale,
            now=window.now,
            alone=max(20, _TASKS_ALONE // max(1, len(found))),
            critical=frozenset(link.row.event_id for link in critical),
            href=href,
            of_workers=by_worker,
            waits=f"{key}-waits",
        )

    def drawn(self) -> str:
        """The whole picture."""
        standalone = self.standalone
        top = 76.0 if standalone else 0.0
        first = top + 40
        drawn, bottom = [], first
        for each in self.found:
            drawn.append(self._line(each, bottom))
            bottom += self._height(each)
        if not self.found:
            bottom += 30
            drawn.append(f'<text class="muted" x="{self.margin}" y="{number(first + 18)}">no steps in this time</text>')
        legend, height = self._legend(bottom + 26)
        label = text(f"Timeline of {self.view.workflow_id or 'a run'}")
        role = "group" if self.href else "img"
        classes = "picture timeline workers" if self.by_worker else "picture timeline"
        size = f'width="{self.width}" height="{number(height)}" viewBox="0 0 {self.width} {number(height)}"'
        axis = json.dumps([[round(piece.left, 1), piece.begin] for piece in self.scale.pieces])
        ends = f'data-axis="{text(axis)}" data-end="{self.scale.end}" data-right="{number(self.scale.right)}"'
        said = sentence(self.view, self.window.now)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{classes}" {size} role="{role}"'
            f' aria-label="{label}" {ends}>',
            *(shapes.frame(self.width, height, self.margin, self.view.workflow_id, said) if standalone else ()),
            shapes.hatches(self.key),
            *self._ticks(first - 12, bottom, top),
            *drawn,
            *self._folds(first - 6, bottom),
            legend,
            "</svg>",
        ]
        return "\n".join(part for part in parts if part) + "\n"

    def _ticks(self, y: float, bottom: float, top: float) -> Iterator[str]:
        ticks = self.axis.ticks()
        room = self.width if self.narrow else self.names - 20
        captions = self.axis.captions()
        caption = text(next((each for each in captions if width_of(each, 11) <= room), captions[-1]))
        yield f'<text class="caption" x="{self.margin}" y="{number(top + 14 if self.narrow else y)}">{caption}</text>'
        lines = "".join(f"M{number(tick.x)} {number(y + 6)}V{number(bottom)}" for tick in ticks)
        yield f'<path class="grid" d="{lines}"/>'
        room = self.width - self.margin
        for tick in ticks:
            half = width_of(tick.label, 11) / 2
            x = min(max(tick.x, self.scale.left + half if self.narrow else tick.x), room - half)
            strong = " strong" if tick.strong else ""
            yield f'<text class="tick{strong}" x="{number(x)}" y="{number(y)}">{text(tick.label)}</text>'

    def _folds(self, y: float, bottom: float) -> Iterator[str]:
        for piece in self.scale.folds:
            self.bars.seen.add(timeline_shapes.FOLDED)
            x, middle = piece.left, piece.left + FOLD / 2
            took = duration(piece.end - piece.begin)
            yield f"<g><title>{text(f'nothing worked for {took}')}</title>"
            place = f'x="{number(x + 2)}" y="{number(y)}" width="{number(FOLD - 4)}" height="{number(bottom - y)}"'
            yield f'<rect class="fold" {place}/>'
            where = number((y + bottom) / 2)
            turn = f'transform="rotate(-90 {number(middle)} {where})"'
            if width_of(took, 10) < bottom - y:
                yield f'<text class="folded" x="{number(middle)}" y="{where}" dy="3.5" {turn}>{text(took)}</text>'
            yield "</g>"

    # A line

    def _line(self, shown: Shown, y: float) -> str:
        inner = y + (19 if self.narrow else (self.row - self.bar) / 2)
        plain = shown.opened or shown.kind == WORKER or shown.waits
        classes = f"row is-{look(self._state(shown)).name}" if not plain else "row head" if shown.opened else "row"
        parts = [f'<g class="{classes}">', self._name(shown, y), self._time(shown, y)]
        rule = number(y + self._height(shown))
        parts.append(f'<path class="line" d="M{self.margin} {rule}H{number(self.width - self.margin)}"/>')
        parts.append(self.bars.of(shown, inner, self.bar))
        return "".join([*parts, "</g>"])

    def _height(self, shown: Shown) -> float:
        return 21.0 if shown.opened and not shown.steps else self.row

    def _name(self, shown: Shown, y: float) -> str:
        x = self.margin + 10.0 * min(shown.depth, 6)
        base = y + (13 if self.narrow else self.row / 2 + 4)
        seen = look(self._state(shown))
        symbol = "▾" if shown.opened else "◆" if shown.waits else "" if shown.kind == WORKER else seen.symbol
        count = f" · {shown.count:,}" if shown.kind == GROUP and shown.folded and shown.count > 1 else ""
        room = (self.width - 2 * self.margin - 80 if self.narrow else self.names - 14) - (x - self.margin) - 16
        label = fit(shown.label, room - width_of(count, _SIZE), _SIZE) + count
        title = f"<title>{text(shown.name)}</title>" if shown.name and label != shown.name else ""
        body = f'<text class="name" x="{number(x + 16)}" y="{number(base)}">{text(label)}{title}</text>'
        address = self.href(shown.kind, shown.name) if self.href and shown.kind != OTHER and shown.name else None
        name = f'<a href="{text(address)}">{body}</a>' if address else body
        if not symbol:
            return name
        kind = "" if shown.opened or shown.waits else f" is-{seen.name}"
        return f'<text class="symbol{kind}" x="{number(x + 5)}" y="{number(base)}">{symbol}</text>{name}'

    def _state(self, shown: Shown) -> str:
        """The state of a line. If nothing of the run goes on, a task under way was stopped."""
        state = shown.state
        if state not in (rows.STARTED, rows.SCHEDULED, WAITING):
            return state
        if self.view.is_over:
            return rows.STOPPED
        return rows.STARTED if state == rows.SCHEDULED and any(task.started for task in shown.tasks) else state

    def _time(self, shown: Shown, y: float) -> str:
        seconds = self._seconds(shown)
        words = "skipped" if shown.state == SKIPPED and not shown.tasks else seconds
        base = y + (13 if self.narrow else self.row / 2 + 4)
        x = self.width - self.margin
        return f'<text class="took" x="{x}" y="{number(base)}">{words}</text>' if words else ""

    def _seconds(self, shown: Shown) -> str:
        if shown.opened and not shown.tasks:
            return ""
        if shown.kind == WORKER:
            return duration(length(shown.work(self.window.now)))
        if not shown.tasks:
            return ""
        now = self.window.now
        seconds = seconds_worked(shown.work(now), shown.queued(now))
        return "" if seconds is None else duration(max(0.0, seconds))

    # The legend

    def _legend(self, y: float) -> tuple[str, float]:
        x, left = float(self.margin), float(self.margin)
        parts = []
        if self.scale.folds:
            self.bars.seen.add(timeline_shapes.FOLDED)
        for kind, words in _LEGEND.items():
            if kind not in self.bars.seen:
                continue
            wide = 28 + width_of(words, 11) + 16
            if x + wide > self.width - self.margin and x > left:
                x, y = left, y + 20
            parts.append(_sample(kind, x, y - 9, f"{self.key}-waits"))
            parts.append(f'<text class="legend" x="{number(x + 28)}" y="{number(y)}">{words}</text>')
            x += wide
        return "".join(parts), y + 18


def _sample(kind: str, x: float, y: float, waits: str) -> str:
    place = f'x="{number(x)}" y="{number(y)}" width="20" height="10"'
    if kind == timeline_shapes.SKIP:
        return f'<path class="{kind}" d="M{number(x + 10)} {number(y)}v10"/>'
    if kind == timeline_shapes.PAUSE:
        return f'<path class="{kind}" d="M{number(x)} {number(y + 5)}h20"/>'
    if kind == timeline_shapes.FOLDED:
        return f'<rect class="fold" {place}/>'
    if kind == timeline_shapes.QUEUED:
        return f'<rect class="{kind}" {place} fill="url(#{waits})"/>'
    if kind == timeline_shapes.RETRIED:
        place = f'x="{number(x)}" y="{number(y + 6.5)}" width="20" height="3.5"'
    classes = f"{timeline_shapes.RAN} {kind}" if kind in (timeline_shapes.CRITICAL, timeline_shapes.CHILD) else kind
    drawn = f'<rect class="{classes}" {place}/>'
    if kind == timeline_shapes.DID_FAIL:
        drawn += timeline_shapes.flag(x + 20, y)
    return drawn
