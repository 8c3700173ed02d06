"""The plot and the targets, for known figures."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from bench.contenders import CONTENDERS, DBOS, DOIT, PLAIN, SIMPLEFLOW, SYNCED
from bench.plot import COLOURS, plot
from bench.report import report
from bench.rounds import COLD, SIZES, START, WARM, Results, at

SVG = "{http://www.w3.org/2000/svg}"


def linear(each: dict[str, float]) -> Results:
    """Results of contenders that take this many seconds for each step."""
    results = Results()
    for contender in CONTENDERS:
        for size in SIZES:
            if contender.name in each:
                results.add(contender, at(COLD, size), each[contender.name])
                results.add(contender, at(WARM, size), each[contender.name] / 100)
    return results


def test_linear_time_follows_the_dashed_lines() -> None:
    root = ElementTree.fromstring(plot(linear({"simpleflow": 2e-3, "plain script": 1e-4}), SIZES))
    dashed = next(line for line in root.iter(f"{SVG}line") if "stroke-dasharray" in line.attrib)
    x1, y1, x2, y2 = (float(dashed.attrib[name]) for name in ("x1", "y1", "x2", "y2"))
    lines = list(root.iter(f"{SVG}polyline"))
    points = [[tuple(map(float, point.split(","))) for point in line.attrib["points"].split()] for line in lines]
    assert sorted(map(len, points)) == [
        1,
        3,
        3,
        3,
    ]  # of the plain script's warm runs, only the last is long enough to be drawn
    for line in points:
        for (left, low), (right, high) in pairwise(line):
            assert (high - low) / (right - left) == pytest.approx((y2 - y1) / (x2 - x1), rel=0.01)


def test_the_plot_has_labels() -> None:
    text = plot(linear(dict.fromkeys(COLOURS, 1e-3)), SIZES)
    written = [element.text for element in ElementTree.fromstring(text).iter(f"{SVG}text")]
    for name in [*COLOURS, "100", "1,000", "10,000", "0.1 s", "1 s", "10 s", "steps"]:
        assert name in written
    assert {contender.name for contender in CONTENDERS if not contender.aside} == set(COLOURS)


def test_no_measurements_make_an_empty_plot() -> None:
    root = ElementTree.fromstring(plot(Results(), SIZES))
    assert list(root.iter(f"{SVG}polyline")) == []


def test_targets_are_reached_missed_or_not_measured() -> None:
    results = linear({"simpleflow": 2e-4, "plain script + fsync": 1.5e-4, "DBOS": 5e-4})
    for contender, seconds in ((SIMPLEFLOW, 0.12), (DOIT, 0.1), (PLAIN, 0.05)):
        results.add(contender, START, seconds)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report(results, SIZES, 0.5).splitlines()]
    found = [row for row in rows if row and row[-1] in {"ok", "over", "not measured"}]
    assert found == [
        ["start-up", DOIT.name, "1.20x", "-", "1.00x", "over"],
        ["cold, a step", DBOS.name, "0.40x", "-", "0.35x", "over"],
        ["cold, a step", SYNCED.name, "1.33x", "-", "4.00x", "ok"],
        ["warm, a step", DOIT.name, "-", "-", "1.00x", "not measured"],
        ["cold, a step, N = 10,000", "cold, N = 1,000", "1.00x", "-", "1.10x", "ok"],
        ["warm, a step, N = 10,000", "warm, N = 1,000", "1.00x", "-", "1.10x", "ok"],
    ]
