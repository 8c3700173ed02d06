"""The tables: all contenders at one number of steps, the growth with this number, and the targets of simpleflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.contenders import CONTENDERS, PLAIN, PYTHON, SIMPLEFLOW, STEPS, Contender
from bench.rounds import BURN, COLD, COLUMNS, FAN, LARGEST, START, TOGETHER, WARM, Results, at, cpu, middle
from bench.targets import targets


class _Column(NamedTuple):
    key: str  # column of the results
    part_of: str  # the one of COLUMNS that measures it
    title: str
    scale: float = 1.0  # factor for the unit that is shown
    digits: int = 0  # after the decimal point


def report(results: Results, sizes: tuple[int, ...], seconds: float, columns: Sequence[str] = COLUMNS) -> str:
    """Return all tables that are not empty, and a line for each failure."""
    parts = (
        _contenders(results, sizes, columns),
        _cpu_time(results, sizes, columns),
        _growth(results, sizes, columns),
        _targets(results, sizes, seconds),
        _remarks(results),
    )
    return "\n".join(part for part in parts if part)


def _contenders(results: Results, sizes: tuple[int, ...], columns: Sequence[str]) -> str:
    number, most = middle(sizes), sizes[-1]
    table = (
        _Column(START, START, "start-up, s", digits=3),
        _Column(at(COLD, number), COLD, "cold, us/step", 1e6),
        _Column(at(WARM, number), WARM, "warm, us/step", 1e6),
        _Column(FAN, FAN, "fan-out, us/activity", 1e6),
        _Column(BURN, BURN, "8 x CPU, s", digits=2),
        _Column(LARGEST, LARGEST, f"largest at {most:,}, MiB", digits=1),
        _Column(TOGETHER, LARGEST, f"all at {most:,}, MiB", digits=1),
    )
    return _comparison(f"N = {number:,}", results, [column for column in table if column.part_of in columns])


def _cpu_time(results: Results, sizes: tuple[int, ...], columns: Sequence[str]) -> str:
    number = middle(sizes)
    table = (
        _Column(cpu(START), START, "start-up, ms", 1e3),
        _Column(cpu(at(COLD, number)), COLD, "cold, us/step", 1e6),
        _Column(cpu(at(WARM, number)), WARM, "warm, us/step", 1e6),
        _Column(cpu(FAN), FAN, "fan-out, us/activity", 1e6),
    )
    shown = [column for column in table if column.part_of in columns]
    return _comparison("CPU time", results, shown) if shown else ""


def _comparison(title: str, results: Results, shown: Sequence[_Column]) -> str:
    rows = [
        [contender.name, *(_cell(results, contender, column, PLAIN) for column in shown)]
        for contender in CONTENDERS
        if contender.installed
    ]
    return _table([title, *(column.title for column in shown)], rows)


def _growth(results: Results, sizes: tuple[int, ...], columns: Sequence[str]) -> str:
    """Tabulate the time per step at each number of steps, and the ratio of the last to the middle; 1 is linear."""
    kinds = [kind for kind in (COLD, WARM) if kind in columns]
    if len(sizes) < 2 or not kinds:
        return ""
    rows = []
    for contender in CONTENDERS:
        if contender.aside or not contender.installed or STEPS not in contender.kinds:
            continue
        row = [contender.name]
        for kind in kinds:
            row += [_cell(results, contender, _Column(at(kind, number), kind, "", 1e6)) for number in sizes]
            ratio = results.ratio(contender, at(kind, sizes[-1]), contender, at(kind, middle(sizes)))
            row.append("-" if ratio is None else _times(ratio))
        rows.append(row)
    head = [title for kind in kinds for title in (*(at(kind, number) for number in sizes), "growth")]
    return _table(["us/step", *head], rows)


def _cell(results: Results, contender: Contender, column: _Column, base: Contender | None = None) -> str:
    if results.given_up(contender, column.key):
        return "left out" if results.was_slow(contender, column.key) else "failed"
    figure = results.figure(contender, column.key)
    if figure is None:
        return "-"
    text = f"{figure * column.scale:,.{column.digits}f}"
    ratio = results.ratio(contender, column.key, base) if base else None
    return text if ratio is None else f"{text} ({_times(ratio)})"


def _targets(results: Results, sizes: tuple[int, ...], seconds: float) -> str:
    rows = []
    for target in targets(sizes, seconds):
        if results.figure(SIMPLEFLOW, target.column) is None and not results.given_up(SIMPLEFLOW, target.column):
            continue  # not requested
        reached = target.reached(results)
        mark = "not measured" if reached is None else "ok" if reached <= target.limit else "over"
        figures = (reached, target.reached_in_cpu_time(results), target.limit)
        rows.append([target.name, target.beside, *(_amount(each, target.unit) for each in figures), mark])
    return _table(["simpleflow", "beside", "measured", "CPU time", "at most", ""], rows) if rows else ""


def _amount(figure: float | None, unit: str) -> str:
    if figure is None:
        return "-"
    return f"{figure:.2f}x" if unit == "x" else f"{figure:.0f} {unit}"


def _remarks(results: Results) -> str:
    lines = []
    ratio = results.ratio(SIMPLEFLOW, START, PYTHON)
    if ratio is not None:
        lines.append(f"simpleflow starts in {_times(ratio)} the time of `python -c pass`.")
    lines += [f"{name}, {column}: failed: {reason}" for (name, column), reason in results.failures.items()]
    lines += [f"{name}, {column}: left out: {reason}" for (name, column), reason in results.left_out.items()]
    missing = [contender.name for contender in CONTENDERS if not contender.installed]
    if missing:
        lines.append(f"Not installed: {', '.join(missing)}. To install them: pip install -e '.[bench]'")
    return "".join(line + "\n" for line in lines)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:,.0f}x"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        name, *figures = cells
        return "| " + " | ".join([name.ljust(widths[0]), *map(str.rjust, figures, widths[1:])]) + " |\n"

    rule = "|" + "|".join("-" * (width + 1) + (":" if index else "-") for index, width in enumerate(widths)) + "|\n"
    return line(head) + rule + "".join(map(line, rows))
