"""Branches per 100 lines of code against lines of code, one disc per unit, with as many labels as fit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from census_lib.shades import shade
from census_lib.svg import FAINT, INK, MUTED, RULE, Box, Canvas, text_box
from census_lib.tables import Row

SMALLEST = 100  # lines of code; below that, a share per 100 lines means little
_LABEL = 11.5

_Spot = tuple[Row, float, float, float]  # a unit's disc: x, y and radius


def scatter(canvas: Canvas, rows: list[Row], room: Box) -> float:
    """Draw into `room`. Returns the height at which it ends."""
    points = [(row, row["density"]) for row in rows if row["code"] >= SMALLEST and row["density"] is not None]
    if not points:
        canvas.text(room.x, room.y + 30, f"No package has {SMALLEST} lines of code.", 13, fill=MUTED)
        return room.y + room.h
    plot = Box(room.x + 34, room.y + 6, room.w - 44, room.h - 50)
    top = max(10, math.ceil(max(density for _, density in points) / 10) * 10)
    most = max(max(row["code"] for row, _ in points), SMALLEST * 10) * 1.25
    least = SMALLEST * 0.9

    def x_of(code: float) -> float:
        return plot.x + plot.w * math.log(code / least) / math.log(most / least)

    def y_of(density: float) -> float:
        return plot.y + plot.h * (1 - density / top)

    xs = [(x_of(n), f"{n:,}") for n in _ticks(most)]
    _axes(canvas, plot, xs, [(y_of(n), n) for n in range(0, top + 1, 10)])
    middle = median(density for _, density in points)
    canvas.line(plot.x, y_of(middle), plot.x + plot.w, y_of(middle), FAINT, "4 4")
    note = text_box(plot.x + plot.w, y_of(middle) - 6, f"median {middle:.1f}", _LABEL, anchor="end")
    canvas.text(plot.x + plot.w, y_of(middle) - 6, f"median {middle:.1f}", _LABEL, fill=MUTED, anchor="end")
    discs: list[Box] = []
    spots: list[_Spot] = []
    for row, density in points:
        x, y, r = x_of(row["code"]), y_of(density), 3 + math.sqrt(row["functions"]) / 4
        tip = f"{row['name']}: {row['code']:,} lines of code, {density:.1f} branches per 100"
        canvas.circle(x, y, r, shade(row["documented"]), tip=tip)
        discs.append(Box(x - r, y - r, 2 * r, 2 * r))
        spots.append((row, x, y, r))
    _labels(canvas, spots, [note, *discs], plot)
    return room.y + room.h


def _ticks(most: float) -> Iterator[int]:
    power = SMALLEST
    while power <= most:
        yield from (step * power for step in (1, 2, 5) if step * power <= most)
        power *= 10


def _axes(canvas: Canvas, plot: Box, xs: list[tuple[float, str]], ys: list[tuple[float, int]]) -> None:
    for y, value in ys:
        canvas.line(plot.x, y, plot.x + plot.w, y)
        canvas.text(plot.x - 8, y + 4, str(value), _LABEL, fill=MUTED, anchor="end")
    base = plot.y + plot.h
    for x, label in xs:
        canvas.line(x, base, x, base + 5, RULE)
        canvas.text(x, base + 18, label, _LABEL, fill=MUTED, anchor="middle")
    note = "Lines of code, logarithmic; the larger a disc, the more functions"
    canvas.text(xs[0][0], base + 38, note, _LABEL, fill=MUTED)


def _labels(canvas: Canvas, spots: list[_Spot], taken: list[Box], plot: Box) -> None:
    """Name the extremes first, then the rest by size, each beside its disc where nothing else is."""
    by_height = sorted(range(len(spots)), key=lambda i: (spots[i][2], spots[i][0]["name"]))
    order = dict.fromkeys([*range(12), *by_height[:10], *by_height[-8:], *range(len(spots))])
    used = list(taken)
    for i in order:
        if i >= len(spots):
            continue
        row, x, y, r = spots[i]
        near = r + 3
        places = [
            (x + near, y + 4, "start"),
            (x - near, y + 4, "end"),
            (x, y - near, "middle"),
            (x, y + near + 9, "middle"),
            (x + near * 0.8, y - near * 0.6, "start"),
            (x + near * 0.8, y + near * 0.6 + 8, "start"),
            (x - near * 0.8, y - near * 0.6, "end"),
            (x - near * 0.8, y + near * 0.6 + 8, "end"),
        ]
        for at_x, at_y, anchor in places:
            box = text_box(at_x, at_y, row["name"], _LABEL, anchor=anchor)
            if box.inside(plot) and not any(box.overlaps(other) for other in used):
                canvas.text(at_x, at_y, row["name"], _LABEL, fill=INK, anchor=anchor)
                used.append(box)
                break
