"""The graph of a run: what depends on what, few enough nodes, and places in which nothing overlaps."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from bench.synthetic_run import synthetic_view

from simpleflow.core import decisions as d
from simpleflow.pictures.dependencies import dependencies, has_dependencies
from simpleflow.pictures.graph import graph_mermaid, graph_svg
from simpleflow.pictures.graph_layout import layout
from simpleflow.testing.history import HistoryBuilder
from simpleflow.views.run_view import RunView
from tests.pictures.nasty import NASTY, parsed, texts, tips
from tests.views.test_run_view import marker


def view_of(*markers: d.RecordMarker) -> RunView:
    history = HistoryBuilder("w", now=0.0)
    history.decide(*markers)
    view = RunView("r", "nightly")
    view.extend(history.events)
    return view


def pipeline() -> RunView:
    """scan forces seven parts, of which one is skipped and one fails; each forces tables. after is another way."""
    parts = [f"parse.p{number}" for number in range(7)]
    done = [marker(part, "completed", reasons=["Dep of scan"], forced=True) for part in parts[:5]]
    return view_of(
        marker("scan", "scheduled", forces=["parse"]),
        marker("scan", "completed"),
        *(marker(part, "scheduled", forces=["tables"], reasons=["Dep of scan"], forced=True) for part in parts[:6]),
        *done,
        marker("parse.p5", "failed", error="no", reasons=["Dep of scan"]),
        marker("parse.p6", "skipped", forces=["tables"], reasons=["Step was already played"]),
        marker("tables", "scheduled", reasons=["Dep of parse.p1"]),
        marker("report", "scheduled", after=["tables"]),
        marker("alone", "scheduled"),
    )


def edges_of(view: RunView, most: int = 150, around: str = "") -> dict[tuple[str, str], bool]:
    found = dependencies(view, most, around)
    return {(found.nodes[a].name, found.nodes[b].name): forced for (a, b), forced in found.edges.items()}


def test_steps_that_are_alike_are_one_node_and_failures_are_not() -> None:
    view = pipeline()
    assert has_dependencies(view)
    assert edges_of(view) == {
        ("scan", "parse"): True,
        ("scan", "parse.p5"): True,
        ("parse", "tables"): True,
        ("parse.p5", "tables"): False,
        ("tables", "report"): False,
    }
    assert not has_dependencies(view_of(marker("alone", "scheduled")))


def test_around_one_step() -> None:
    assert edges_of(pipeline(), around="tables") == {
        ("parse", "tables"): True,
        ("parse.p5", "tables"): False,
        ("tables", "report"): False,
    }
    assert edges_of(pipeline(), around="parse.p2") == {("scan", "parse.p2"): True, ("parse.p2", "tables"): False}
    assert edges_of(pipeline(), around="nobody") == {}


def test_the_picture() -> None:
    root = parsed(graph_svg(pipeline(), standalone=True, href=lambda kind, key: f"/{kind}/{key}"))
    shown = texts(root)
    assert shown[0] == "nightly"
    assert {"scan", "parse · 6", "5 ran, 1 skipped", "parse.p5", "without dependencies", "alone"} <= set(shown)
    assert "parse: 5 ran, 1 skipped" in tips(root)
    links = {each.get("href") for each in root.iter() if each.get("href")}
    assert {"/step/scan", "/group/parse", "/step/parse.p5"} <= links
    assert graph_svg(pipeline()) == graph_svg(pipeline())


def test_as_mermaid() -> None:
    lines = graph_mermaid(pipeline()).splitlines()
    assert lines[:4] == [
        "flowchart LR",
        '    n0["✓ scan"]:::done',
        '    n1["✓ parse · 6"]:::done',
        '    n2["✗ parse.p5"]:::failed',
    ]
    assert {"    n0 ==> n1", "    n2 --> n3"} <= set(lines)


@pytest.mark.parametrize("name", NASTY)
def test_text_stays_text(name: str) -> None:
    view = view_of(marker("a", "scheduled", forces=[name]), marker(name, "completed", reasons=["Dep of a"]))
    picture = graph_svg(view, standalone=True)
    parsed(picture)
    drawn = graph_mermaid(view)
    drawn.encode()
    labels = re.findall(r'^    n\d+\["(.*)"\]:::\w+$', drawn, re.MULTILINE)
    assert len(labels) == 2, "a label is in one line and ends where it should"
    assert all(re.fullmatch(r"[\w ._,/+·✗✓…○›↷-]|(?:[\w ._,/+·✗✓…○›↷-]|#\d+;)+", each) for each in labels)
    assert "%%" not in drawn


def test_a_large_run_is_folded() -> None:
    view, _ = synthetic_view(2_000, 2_000, fails=True)
    found = dependencies(view)
    assert len(found.nodes) <= 150
    assert sum(len(node.steps) for node in found.nodes) == len(view.steps)
    every = view_of(*(marker(f"s{number:04}", "scheduled", forces=[f"s{number + 1:04}"]) for number in range(90)))
    assert len(dependencies(every, most=40).nodes) <= 40
    parsed(graph_svg(every))


@pytest.mark.parametrize("seed", range(20))
def test_nothing_overlaps(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randrange(1, 60)
    edges = {(chance.randrange(count), chance.randrange(count)) for _ in range(chance.randrange(2 * count))}
    edges = {edge for edge in edges if edge[0] != edge[1]}  # circles too
    found = layout(count, edges, 50)
    for layer in set(found.layers):
        heights = sorted(found.middles[at] for at in range(count) if found.layers[at] == layer)
        assert all(after - before >= 49.99 for before, after in pairwise(heights))
    assert all(found.layers[a] < found.layers[b] for a, b in found.points)
    assert all(25 - 0.01 <= middle <= found.height - 24.99 for middle in found.middles)
    assert layout(count, edges, 50) == found


def test_a_graph_without_circles_keeps_all_edges() -> None:
    edges = {(0, 1), (1, 2), (0, 3), (3, 2), (0, 2)}
    found = layout(4, edges, 50)
    assert set(found.points) == edges
    assert found.layers == [0, 1, 2, 1]
    assert [layer for layer, _ in found.points[0, 2]] == [1]
    assert layout(0, [], 50).height == 0
