"""The plot: time of cold and warm runs, without the start, by number of steps. Both axes are logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import NamedTuple
from xml.sax.saxutils import escape

from bench.contenders import CONTENDERS, STEPS, Contender
from bench.rounds import COLD, WARM, Results, at

COLOURS = {
    "simpleflow": "#c2410c",
    "plain script": "#4b5563",
    "joblib": "#7c3aed",
    "doit": "#0f766e",
    "Luigi": "#d4a017",
    "DBOS": "#1d4ed8",
}
LEAST_SECONDS = 0.002
"""Shorter times are not drawn: they are less than the noise of a start."""

_INK, _MUTED, _RULE, _PAPER = "#1f2937", "#6b7280", "#e5e7eb", "#ffffff"
_WIDTH, _HEIGHT = 1000, 560
_TOP, _BOTTOM, _LEFT, _PANEL, _GAP = 92.0, 470.0, 76.0, 400.0, 96.0


class _Axis(NamedTuple):
    """A logarithmic axis, called with a value to get its coordinate."""

    low: float  # exponent of the first value
    high: float  # exponent of the last value
    start: float  # coordinate of the first value
    end: float  # coordinate of the last value

    def __call__(self, value: float) -> float:
        return self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def decades(self) -> list[float]:
        return [10.0**exponent for exponent in range(ceil(self.low), floor(self.high) + 1)]


Line = list[tuple[int, float]]


def plot(results: Results, sizes: Sequence[int]) -> str:
    """Return an SVG document with a panel for cold runs and one for warm runs. Only measured sizes are drawn."""
    lines = {kind: _lines(results, kind, sizes) for kind in (COLD, WARM)}
    seconds = [taken for each in lines.values() for line in each.values() for _, taken in line] or [LEAST_SECONDS]
    low, high = floor(log10(min(seconds))), ceil(log10(max(seconds)))
    down = _Axis(low, max(high, low + 1), _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' role="img" font-family="system-ui, \'DejaVu Sans\', Arial, sans-serif" fill="{_INK}">',
        "<title>Time of runs without the start, by number of steps</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{_PAPER}"/>',
        _text(_LEFT, 32, "Time of a run without its start, by number of steps", size=18, weight=600),
        _text(_LEFT, 54, "Whole processes, medians. Both axes are logarithmic. Dashed lines: time is proportional to"
              f" the number of steps. Times below {LEAST_SECONDS * 1e3:g} ms are not drawn.", size=12, fill=_MUTED),
    ]  # fmt: skip
    for number, (kind, title) in enumerate(
        {COLD: "cold: every step runs", WARM: "warm: every step is skipped"}.items()
    ):
        left = _LEFT + number * (_PANEL + _GAP)
        margin = 0.12
        across = _Axis(log10(sizes[0]) - margin, log10(sizes[-1]) + margin, left, left + _PANEL)
        parts += [*_panel(across, down, sizes, title), *_draw(lines[kind], across, down)]
    drawn = [name for name in COLOURS if any(name in each for each in lines.values())]
    return "\n".join([*parts, *_legend(drawn), "</svg>", ""])


def _lines(results: Results, kind: str, sizes: Sequence[int]) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for contender in CONTENDERS:
        if STEPS in contender.kinds and not contender.aside:
            line = _line(results, contender, kind, sizes)
            if line:
                found[contender.name] = line
    return found


def _line(results: Results, contender: Contender, kind: str, sizes: Sequence[int]) -> Line:
    figures = ((size, results.figure(contender, at(kind, size))) for size in sizes)
    line = [(size, figure * size) for size, figure in figures if figure is not None]
    return [(size, seconds) for size, seconds in line if seconds >= LEAST_SECONDS]


def _panel(across: _Axis, down: _Axis, sizes: Sequence[int], title: str) -> list[str]:
    """Draw the frame of a panel: title, ticks, grid, units, and dashed lines along which time is linear."""
    parts = [_text((across.start + across.end) / 2, _TOP - 10, title, size=14, weight=600, anchor="middle")]
    for decade in down.decades:
        y = down(decade)
        parts.append(_segment(across.start, y, across.end, y, _RULE))
        parts.append(_text(across.start - 8, y + 4, f"{decade:g} s", size=12, anchor="end"))
        for part in range(2, 10):
            if decade * part < 10**down.high:
                y = down(decade * part)
                parts.append(_segment(across.start - 4, y, across.start, y, _MUTED))
    for size in sizes:
        x = across(size)
        parts.append(_segment(x, _TOP, x, _BOTTOM, _RULE))
        parts.append(_text(x, _BOTTOM + 18, f"{size:,}", size=12, anchor="middle"))
    parts.append(_text((across.start + across.end) / 2, _BOTTOM + 38, "steps", size=12, anchor="middle"))
    first, last = across.low, across.high
    for each in range(floor(down.low) - ceil(last - first), floor(down.high)):
        begin, end = max(first, first + down.low - each), min(last, first + down.high - each)
        if end - begin > 0.2:
            ys = (down(10 ** (each + x - first)) for x in (begin, end))
            (x1, x2), (y1, y2) = (across(10**x) for x in (begin, end)), ys
            parts.append(_segment(x1, y1, x2, y2, _MUTED, ' stroke-dasharray="2 5" stroke-opacity="0.6"'))
    frame = f'x="{across.start:.1f}" y="{_TOP:.1f}" width="{_PANEL:.1f}" height="{_BOTTOM - _TOP:.1f}"'
    return [*parts, f'<rect {frame} fill="none" stroke="{_MUTED}"/>']


def _draw(lines: dict[str, Line], across: _Axis, down: _Axis) -> list[str]:
    parts = []
    for name, line in sorted(lines.items(), key=lambda each: each[0] == "simpleflow"):  # drawn last, on top
        points = [(across(size), down(seconds)) for size, seconds in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        wide = 3.5 if name == "simpleflow" else 2
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="{wide}"/>')
        for (x, y), (size, seconds) in zip(points, line, strict=True):
            tip = escape(f"{name}: {seconds:,.3f} s for {size:,} steps")
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{wide + 1.5}" fill="{COLOURS[name]}">'
                         f"<title>{tip}</title></circle>")  # fmt: skip
    return parts


def _legend(names: Sequence[str]) -> list[str]:
    parts = []
    x, y = _LEFT, _HEIGHT - 24
    for name in names:
        parts.append(f'<circle cx="{x + 12}" cy="{y - 4}" r="5" fill="{COLOURS[name]}"/>')
        parts.append(_segment(x, y - 4, x + 24, y - 4, COLOURS[name], ' stroke-width="3"'))
        parts.append(_text(x + 32, y, name, size=13, weight=600 if name == "simpleflow" else 400))
        x += 62 + 8.5 * len(name)
    return parts


def _segment(x1: float, y1: float, x2: float, y2: float, stroke: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{more}/>'


def _text(x: float, y: float, text: str, size: int, fill: str = _INK, weight: int = 400, anchor: str = "start") -> str:
    attributes = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
    return f'<text {attributes} fill="{fill}">{escape(text)}</text>'
