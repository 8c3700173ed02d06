"""The reports and pictures of the census, for a small invented library and for a part of the real one."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from census_lib import poster, run_report, sources, tables, text
from census_lib.spans import Span, StepRow, without_pauses
from census_lib.svg import Box, fit, text_box, text_width
from census_lib.treemap import squarify

from tests.examples.census_sample import census, library

SVG = "{http://www.w3.org/2000/svg}"


class TestText:
    @pytest.mark.parametrize("which", ["made_up", "real"])
    def test_no_line_is_wider_than_the_page(self, which: str, request: pytest.FixtureRequest) -> None:
        lines = text.render(request.getfixturevalue(which)).split("\n")
        assert max(map(len, lines)) <= text.WIDTH
        assert all(line == line.rstrip() for line in lines)

    def test_failures_are_named(self, made_up: tables.Tables) -> None:
        assert "shop/broken.py" in text.render(made_up)

    def test_bars(self) -> None:
        assert [text.bar(n, 16, 2) for n in (0, 1, 8, 16)] == ["  ", "▏ ", "█ ", "██"]
        assert text.bar(0.001, 16, 2) == "▏ "
        assert text.bar(0, 0, 2) == "  "

    def test_shorten_keeps_both_ends(self) -> None:
        assert text.shorten("package.Class.method", 20) == "package.Class.method"
        assert text.shorten("package.Class.method", 13) == "pack…s.method"


class TestRun:
    ROWS = (
        StepRow("scan", "skipped", ["Step was already played"]),
        StepRow("parse." + "x" * 80, "completed", ["Dep of scan", "Dep of " + "y" * 80]),
        StepRow("report", "failed", []),
    )
    SPANS = (
        Span("scan", 1_000.0, 1_001.0, "one"),
        Span(ROWS[1].step, 90_000.0, 90_002.0, "one"),
        Span("report", 90_001.0, 90_004.0, "two"),
        Span("gone", 5.0, 6.0, "two"),  # no step of this run
    )

    def test_pauses_between_runs_are_cut_out(self) -> None:
        moved = without_pauses(list(self.SPANS[:3]))
        assert [round(each.began, 6) for each in moved] == [0.0, 1.3, 2.3]
        assert [round(each.ended - each.began, 6) for each in moved] == [1.0, 2.0, 3.0]

    def test_text(self) -> None:
        lines = run_report.as_text(list(self.ROWS), list(self.SPANS)).splitlines()
        assert max(map(len, lines)) <= text.WIDTH
        assert "  3 steps: 1 completed, 1 failed, 1 skipped" in lines
        assert [line.split()[-1][0] for line in lines[3:6]] == ["░", "█", "█"]

    @pytest.mark.parametrize("rows", [ROWS, ()])
    def test_picture(self, rows: tuple[StepRow, ...]) -> None:
        root = ElementTree.fromstring(run_report.as_svg(list(rows), list(self.SPANS)))
        page = Box(0, 0, float(root.attrib["width"]), float(root.attrib["height"]))
        for element in root.iter(f"{SVG}text"):
            assert all(page.x <= x <= page.w and page.y <= y <= page.h for x, y in corners(element)), element.text
        boxes = [(box_of(element), element.text) for element in root.iter(f"{SVG}text")]
        for i, (box, name) in enumerate(boxes):
            assert [other for against, other in boxes[i + 1 :] if box.overlaps(against)] == [], name


class TestPicture:
    @pytest.mark.parametrize("which", ["made_up", "real"])
    def test_everything_is_inside(self, which: str, request: pytest.FixtureRequest) -> None:
        root = ElementTree.fromstring(poster.render(request.getfixturevalue(which)))
        page = Box(0, 0, float(root.attrib["width"]), float(root.attrib["height"]))
        for element in root.iter(f"{SVG}text"):
            assert all(page.x <= x <= page.w and page.y <= y <= page.h for x, y in corners(element)), element.text
        for element in root.iter(f"{SVG}rect"):
            x, y, w, h = (float(element.get(key, "0")) for key in ("x", "y", "width", "height"))
            assert Box(x, y, w, h).inside(Box(0, 0, page.w + 0.2, page.h + 0.2))

    @pytest.mark.parametrize("which", ["made_up", "real"])
    def test_no_texts_overlap(self, which: str, request: pytest.FixtureRequest) -> None:
        root = ElementTree.fromstring(poster.render(request.getfixturevalue(which)))
        level = [element for element in root.iter(f"{SVG}text") if "transform" not in element.attrib]
        boxes = [(box_of(element), element.text) for element in level]
        for i, (box, name) in enumerate(boxes):
            assert [other for against, other in boxes[i + 1 :] if box.overlaps(against)] == [], name

    def test_it_is_accessible_and_self_contained(self, real: tables.Tables) -> None:
        picture = poster.render(real)
        root = ElementTree.fromstring(picture)
        assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
        assert root.attrib["role"] == "img"
        assert not {element.tag.removeprefix(SVG) for element in root.iter()} & {
            "script",
            "image",
            "use",
            "style",
        }
        assert not any("href" in key for element in root.iter() for key in element.attrib)

    def test_names_are_escaped(self, made_up: tables.Tables) -> None:
        made_up["title"] = "<this> & that"
        root = ElementTree.fromstring(poster.render(made_up))
        assert root[0].text == "A census of <this> & that"

    def test_an_empty_library_can_be_drawn(self) -> None:
        nothing = tables.join(sources.Scan(title="nothing", source="", units=[]), {})
        ElementTree.fromstring(poster.render(nothing))
        assert text.render(nothing)


class TestDeterminism:
    def test_same_source_same_reports(self, tmp_path: Path) -> None:
        found = [sources.scan(str(library(tmp_path / where / "lib"))) for where in ("one", "two")]
        one, two = (census(each) for each in found)
        assert one == two
        assert text.render(one) == text.render(two)
        assert poster.render(one) == poster.render(two)


def test_treemap_areas_are_the_values_and_nothing_overlaps() -> None:
    values, room = [60.0, 30.0, 20.0, 6.0, 3.0, 1.0], Box(10, 20, 300, 200)
    boxes = squarify(values, room)
    assert [box.w * box.h for box in boxes] == pytest.approx([value * 500 for value in values])
    shrunk = [Box(box.x + 0.01, box.y + 0.01, box.w - 0.02, box.h - 0.02) for box in boxes]
    assert all(box.inside(room) for box in shrunk)
    assert not any(a.overlaps(b) for i, a in enumerate(shrunk) for b in shrunk[i + 1 :])
    assert squarify([], room) == []


def test_fit_cuts_the_middle_or_gives_up() -> None:
    assert fit("asyncio", 100, 12) == "asyncio"
    cut = fit("multiprocessing", 60, 12)
    assert "…" in cut
    assert text_width(cut, 12) <= 60
    assert fit("multiprocessing", 5, 12) == ""


def box_of(element: ElementTree.Element) -> Box:
    x, y, size = (float(element.attrib[key]) for key in ("x", "y", "font-size"))
    weight = int(element.get("font-weight", "400"))
    return text_box(x, y, element.text or "", size, weight, element.get("text-anchor", "start"))


def corners(element: ElementTree.Element) -> list[tuple[float, float]]:
    """The corners of a text, rotated with it."""
    box = box_of(element)
    points = [(box.x + dx * box.w, box.y + dy * box.h) for dx in (0, 1) for dy in (0, 1)]
    turn = element.get("transform")
    if turn is None:
        return points
    angle, x0, y0 = (float(part) for part in turn.removeprefix("rotate(").removesuffix(")").split())
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return [(x0 + (x - x0) * cos - (y - y0) * sin, y0 + (x - x0) * sin + (y - y0) * cos) for x, y in points]
