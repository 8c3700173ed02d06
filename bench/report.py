"""The tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.contenders import CONTENDERS, PLAIN, PYTHON, SIMPLEFLOW, Contender
from bench.rounds import BURN, COLD, COLUMNS, FAN, GROWTH, LARGEST, START, TOGETHER, WARM, Results, growth


class _Column(NamedTuple):
    key: str
    part_of: str
    title: str
    scale: float = 1.0
    digits: int = 0


_TABLE = (
    _Column(START, START, "start-up, s", digits=3),
    _Column(COLD, COLD, "cold, us/step", 1e6),
    _Column(WARM, WARM, "warm, us/step", 1e6),
    _Column(FAN, FAN, "fan-out, us/activity", 1e6),
    _Column(BURN, BURN, "8 x CPU, s", digits=2),
    _Column(LARGEST, LARGEST, "largest, MiB", digits=1),
    _Column(TOGETHER, LARGEST, "all, MiB", digits=1),
)


class Limit(NamedTuple):
    """What simpleflow is to stay below."""

    column: str
    name: str
    limit: float
    unit: str
    scale: float = 1.0


LIMITS = (
    Limit(START, "start-up", 0.25, "s"),
    Limit(COLD, "cold, a step", 1.5, "ms", 1e3),
    Limit(WARM, "warm, a step", 0.3, "ms", 1e3),
    Limit(LARGEST, "peak of the largest process", 60, "MiB"),
)


def report(results: Results, sizes: Sequence[int], columns: Sequence[str] = COLUMNS) -> str:
    """All tables that have something to show, and what could not be measured."""
    parts = [_contenders(results, columns), _limits(results)]
    if GROWTH in columns:
        parts.append(_growth(results, sizes))
    parts.append(_remarks(results))
    return "\n".join(part for part in parts if part)


def _contenders(results: Results, columns: Sequence[str]) -> str:
    shown = [column for column in _TABLE if column.part_of in columns]
    rows = [
        [contender.name, *(_cell(results, contender, column) for column in shown)]
        for contender in CONTENDERS
        if contender.installed
    ]
    return _table(["", *(column.title for column in shown)], rows)


def _cell(results: Results, contender: Contender, column: _Column) -> str:
    if (contender.name, column.key) in results.failures:
        return "failed"
    figure = results.figure(contender, column.key)
    if figure is None:
        return "-"
    return _figure(figure * column.scale, column.digits, results.ratio(contender, column.key, PLAIN))


def _limits(results: Results) -> str:
    rows = []
    for limit in LIMITS:
        figure = results.figure(SIMPLEFLOW, limit.column)
        if figure is not None:
            figure *= limit.scale
            mark = "ok" if figure <= limit.limit else "over"
            rows.append([limit.name, f"{figure:.3g} {limit.unit}", f"{limit.limit:g} {limit.unit}", mark])
    return _table(["simpleflow", "measured", "limit", ""], rows) if rows else ""


def _growth(results: Results, sizes: Sequence[int]) -> str:
    """Per-step times at several numbers of steps: linear time is a ratio of 1."""
    rows = []
    for contender in (PLAIN, SIMPLEFLOW):
        row = [contender.name]
        for number in sizes:
            figure = results.figure(contender, growth(number))
            ratio = results.ratio(contender, growth(number), contender, growth(sizes[0]))
            row.append("-" if figure is None else _figure(figure * 1e6, 0, ratio))
        rows.append(row)
    return _table(["cold, us/step", *(f"N = {number:,}" for number in sizes)], rows)


def _remarks(results: Results) -> str:
    lines = []
    ratio = results.ratio(SIMPLEFLOW, START, PYTHON)
    if ratio is not None:
        lines.append(f"simpleflow starts in {_times(ratio)} the time of `python -c pass`.")
    lines += [f"{name}, {column}: {reason}" for (name, column), reason in results.failures.items()]
    missing = [contender.name for contender in CONTENDERS if not contender.installed]
    if missing:
        lines.append(f"Not installed: {', '.join(missing)}. To have them: pip install -e '.[bench]'")
    return "".join(line + "\n" for line in lines)


def _figure(figure: float, digits: int, ratio: float | None) -> str:
    text = f"{figure:,.{digits}f}"
    return text if ratio is None else f"{text} ({_times(ratio)})"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        name, *figures = cells
        return "| " + " | ".join([name.ljust(widths[0]), *map(str.rjust, figures, widths[1:])]) + " |\n"

    rule = "|" + "|".join("-" * (width + 1) + (":" if index else "-") for index, width in enumerate(widths)) + "|\n"
    return line(head) + rule + "".join(map(line, rows))
