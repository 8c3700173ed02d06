"""The report as a picture. Each panel draws itself below a given height and returns the height at which it ends."""

from __future__ import annotations

from itertools import accumulate

from census_lib.matrix import matrix
from census_lib.measure import LENGTH_BINS
from census_lib.scatter import scatter
from census_lib.shades import NO_SHADE, SHADES, ink_on, shade
from census_lib.svg import INK, MUTED, PAPER, RULE, Box, Canvas, fit, text_width
from census_lib.tables import Row, Tables
from census_lib.text import percent
from census_lib.treemap import squarify

WIDTH, MARGIN, GAP = 1200, 48, 48
_COMPOSITION = ("#24506b", "#4f93a0", "#a9c9bc", "#e6dfcf", "#c8553d")
_BAR = "#4f93a0"
_SIDE = 372  # width of the narrow column


def render(tables: Tables) -> str:
    totals = tables["totals"]
    about = (
        f"{totals['lines']:,} lines in {totals['files']:,} files of {totals['packages']:,} packages"
        " and modules: their size, documentation, complexity, and who imports whom."
    )
    canvas = Canvas(WIDTH, f"A census of {tables['title']}", about)
    left, right, wide = MARGIN, WIDTH - MARGIN - _SIDE, WIDTH - 2 * MARGIN - _SIDE - GAP
    y = _header(canvas, tables, 0)
    y = _treemap(canvas, tables["rows"], y + 44)
    row = y + 56
    panel(
        canvas,
        left,
        row,
        wide,
        "Complexity against size",
        "Branches per 100 lines of code, by package",
    )
    below = scatter(canvas, tables["rows"], Box(left, row + 34, wide, 470))
    panel(canvas, right, row, _SIDE, "The longest functions", "Lines, def to end")
    _ranking(canvas, tables["longest"], right, row + 34, 47)
    row = below + 56
    panel(canvas, left, row, wide, "Who imports whom", "A row imports a column; the most connected packages")
    below = matrix(canvas, tables, Box(left, row + 34, wide, 0))
    panel(canvas, right, row, _SIDE, "The foundations", "Packages that import it")
    imported = sorted(tables["rows"], key=lambda one: (-one["imported_by"], one["name"]))
    _ranking(canvas, [(one["name"], one["imported_by"]) for one in imported[:10]], right, row + 34, 36)
    second = row + 34 + 10 * 36 + 50
    panel(canvas, right, second, _SIDE, "Function lengths", "Functions by their lines")
    _histogram(canvas, tables["lengths"], Box(right, second + 40, _SIDE, max(190, below - second - 66)))
    return _footer(canvas, tables, max(below, second + 300) + 50)


def panel(canvas: Canvas, x: float, y: float, width: float, title: str, note: str) -> None:
    """Draw the head of a panel: a rule, its title, and how to read it."""
    canvas.line(x, y - 24, x + width, y - 24, INK)
    canvas.text(x, y, title, 19, weight=700)
    canvas.text(x + width, y, note, 12.5, fill=MUTED, anchor="end")


def _header(canvas: Canvas, tables: Tables, y: float) -> float:
    totals = tables["totals"]
    canvas.text(MARGIN, y + 96, "Batteries, counted", 60, weight=800)
    title = f"A census of {tables['title']}: every line of its Python source, parsed"
    canvas.text(MARGIN, y + 132, fit(title, WIDTH - 2 * MARGIN, 20), 20, fill=MUTED)
    figures = [
        (f"{totals['lines']:,}", "lines"),
        (f"{totals['files']:,}", "files"),
        (f"{totals['packages']:,}", "packages, modules"),
        (f"{totals['classes']:,}", "classes"),
        (f"{totals['functions']:,}", "functions"),
        (percent(totals["documented"]), "have a docstring"),
        (percent(totals["annotated"]), "have type hints"),
    ]
    step = (WIDTH - 2 * MARGIN + 20) / len(figures)
    for i, (value, label) in enumerate(figures):
        canvas.text(MARGIN + i * step, y + 206, value, 30, weight=700)
        canvas.text(MARGIN + i * step, y + 228, label, 13, fill=MUTED)
    return _composition(canvas, tables, y + 262)


def _composition(canvas: Canvas, tables: Tables, y: float) -> float:
    """Draw one bar with the kinds of lines."""
    totals = tables["totals"]
    kinds = [
        ("code", totals["code"]),
        ("docstrings", totals["docstring"]),
        ("comments", totals["comment"]),
        ("blank lines", totals["blank"]),
        ("not parsed", totals["unparsed"]),
    ]
    whole, width = max(1, totals["lines"]), WIDTH - 2 * MARGIN
    edges = [MARGIN + width * seen / whole for seen in accumulate((n for _, n in kinds), initial=0)]
    for (name, count), fill, x, end in zip(kinds, _COMPOSITION, edges, edges[1:], strict=False):
        if not count:
            continue
        canvas.rect(x, y, end - x, 34, fill, tip=f"{name}: {count:,} lines", stroke=PAPER)
        share = f"{count / whole:.0%}"
        if text_width(share, 14, 700) + 16 <= end - x:
            canvas.text(x + 10, y + 22, share, 14, weight=700, fill=ink_on(fill))
        if text_width(name, 13) <= end - x:
            canvas.text(x, y + 52, name, 13, fill=MUTED)
    return y + 56


def _treemap(canvas: Canvas, rows: list[Row], y: float) -> float:
    width = WIDTH - 2 * MARGIN
    canvas.line(MARGIN, y, WIDTH - MARGIN, y, INK)
    title = "Where the code is"
    canvas.text(MARGIN, y + 25, title, 19, weight=700)
    beside = MARGIN + text_width(title, 19, 700) + 12
    canvas.text(beside, y + 25, "Area: lines of code", 12.5, fill=MUTED)
    _legend(canvas, WIDTH - MARGIN, y + 25)
    shown = [row for row in rows if row["code"] > 0]
    room = Box(MARGIN, y + 44, width, 560)
    for row, box in zip(shown, squarify([row["code"] for row in shown], room), strict=True):
        fill = shade(row["documented"])
        tip = f"{row['name']}: {row['code']:,} lines of code, {percent(row['documented'])} documented"
        canvas.rect(box.x, box.y, box.w, box.h, fill, tip=tip, stroke=PAPER)
        _cell_label(canvas, row, box, ink_on(fill))
    return room.y + room.h


def _cell_label(canvas: Canvas, row: Row, box: Box, ink: str) -> None:
    """Write text as large as the cell allows, up to a limit that grows with it; nothing if small type does not fit."""
    largest = min(30.0, 9 + (box.w * box.h) ** 0.5 / 12)
    for size in (largest - step * 0.5 for step in range(60)):
        if size < 8:
            return
        pad, weight = 2 + size * 0.25, 600 if size > 11 else 500
        if text_width(row["name"], size, weight) <= box.w - 2 * pad and size + 2 * pad <= box.h + 2:
            break
    canvas.text(box.x + pad, box.y + pad + size * 0.78, row["name"], size, weight=weight, fill=ink)
    count, small = f"{row['code']:,}", max(9.5, size * 0.58)
    if 1.9 * size + small + pad <= box.h and text_width(count, small) <= box.w - 2 * pad:
        canvas.text(box.x + pad, box.y + pad + size * 0.92 + small * 1.15, count, small, fill=ink)


def _legend(canvas: Canvas, right: float, y: float) -> None:
    """The scale of documentation, used by the treemap and by the scatter plot."""
    steps = ["<20%", "20-40", "40-60", "60-80", ">80%"]
    x = right - 64 * len(steps) - 76
    note = "Public classes, functions and methods with a docstring"
    canvas.text(x - 14, y, note, 12.5, fill=MUTED, anchor="end")
    for fill, label in [*zip(SHADES, steps, strict=True), (NO_SHADE, "none public")]:
        wide = 76 if fill == NO_SHADE else 62
        canvas.rect(x, y - 15, wide, 21, fill)
        canvas.text(x + wide / 2, y - 0.5, label, 10.5, fill=ink_on(fill), anchor="middle")
        x += 64


def _ranking(canvas: Canvas, entries: list[tuple[str, int]], x: float, y: float, step: float) -> None:
    greatest = max((value for _, value in entries), default=0)
    for i, (name, value) in enumerate(entries):
        top, room = y + i * step, _SIDE - text_width(f"{value:,}", 13, 600) - 12
        canvas.text(x, top + 10, fit(name, room, 13), 13)
        canvas.text(x + _SIDE, top + 10, f"{value:,}", 13, weight=600, anchor="end")
        canvas.rect(x, top + 17, _SIDE, 6, RULE, radius=3)
        canvas.rect(x, top + 17, max(6, _SIDE * value / max(1, greatest)), 6, _BAR, radius=3)


def _histogram(canvas: Canvas, counts: list[int], room: Box) -> None:
    lowest = [1, *(limit + 1 for limit in LENGTH_BINS)]
    labels = [f"{low}-{high}" for low, high in zip(lowest, LENGTH_BINS, strict=False)]
    labels.append(f">{LENGTH_BINS[-1]}")
    step, base, greatest = room.w / len(counts), room.y + room.h - 18, max(1, *counts)
    for i, (count, label) in enumerate(zip(counts, labels, strict=True)):
        height = (base - room.y - 18) * count / greatest
        middle = room.x + (i + 0.5) * step
        canvas.rect(middle - step / 2 + 3, base - height, step - 6, max(height, 1), _BAR)
        canvas.text(middle, base - height - 6, f"{count:,}", 11.5, weight=600, anchor="middle")
        canvas.text(middle, base + 16, label, 11, fill=MUTED, anchor="middle")
    canvas.line(room.x, base, room.x + room.w, base, MUTED)


def _footer(canvas: Canvas, tables: Tables, y: float) -> str:
    failed = len(tables["failed"])
    notes = [
        "Left out: tests, and what is written in C. A branch is an if, a loop, an except, a case,"
        " a conditional expression, an operand of and/or, or a comprehension.",
        "Type hints: parameters and return values that are annotated."
        + (f" Files that do not parse: {failed:,}." if failed else " Every file parsed."),
    ]
    canvas.line(MARGIN, y - 20, WIDTH - MARGIN, y - 20)
    for i, note in enumerate(notes):
        canvas.text(MARGIN, y + i * 18, note, 12, fill=MUTED)
    return canvas.finish(y + 18 * len(notes) + 30)
