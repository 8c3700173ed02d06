"""The census, as pure functions over a small made-up library and over a slice of the real one."""

from __future__ import annotations

import importlib
import json
import math
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
if str(EXAMPLES) not in sys.path:
    sys.path.insert(0, str(EXAMPLES))

from census_lib import poster, sources, tables, text  # noqa: E402
from census_lib.measure import Measure, measure, total  # noqa: E402
from census_lib.svg import Box, fit, text_box, text_width  # noqa: E402
from census_lib.treemap import squarify  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
SLICE = (
    "argparse",
    "collections",
    "email",
    "enum",
    "functools",
    "http",
    "importlib",
    "inspect",
    "io",
    "json",
)
SLICE += ("logging", "os", "re", "tempfile", "types", "typing", "urllib", "warnings", "weakref", "zipfile")

SHOP = '''"""A shop.

Sells things.
"""
# One comment,
# on two lines.
import os, json.decoder
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import decimal

LABEL = """

not a docstring"""


class Shop:
    """Open."""

    def sell(self, thing: str, price=1, *more, **rest) -> bool:
        """Sell."""
        import email.message
        if thing and price and rest:  # a comment beside code is code
            return True
        return [x for x in more if x] != []

    async def _close(self): pass


if __name__ == "__main__":
    import argparse
'''


def library(folder: Path) -> Path:
    files = {
        "shop/__init__.py": SHOP,
        "shop/till.py": "from . import shop\nfrom .. import other\nimport shop.x\nimport tools\n",
        "shop/broken.py": "def (:\n    pass\n",
        "shop/test/test_shop.py": "raise SystemExit\n",
        "shop/__pycache__/x.py": "raise SystemExit\n",
        "tools.py": "import shop\ndef work(): return 1\n",
        "_tiny.py": "",
        "config-3.13/setup.py": "raise SystemExit\n",
        "site-packages/other.py": "raise SystemExit\n",
        "notes.txt": "not Python",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def census(found: sources.Scan, only: tuple[str, ...] = ()) -> tables.Tables:
    root = Path(found["source"])
    units = [unit for unit in found["units"] if not only or unit["name"] in only]
    found = sources.Scan(title=found["title"], source=found["source"], units=units)
    measures = {
        unit["name"]: total(measure(path, (root / path).read_bytes()) for path in unit["files"])
        for unit in units
    }
    return tables.join(found, measures)


@pytest.fixture
def made_up(tmp_path: Path) -> tables.Tables:
    return census(sources.scan(str(library(tmp_path / "lib"))))


@pytest.fixture(scope="module")
def real() -> tables.Tables:
    return census(sources.scan(), SLICE)


class TestSources:
    def test_only_the_library_itself_is_listed(self, tmp_path: Path) -> None:
        found = sources.scan(str(library(tmp_path)))
        assert {unit["name"]: unit["files"] for unit in found["units"]} == {
            "_tiny": ["_tiny.py"],
            "shop": ["shop/__init__.py", "shop/broken.py", "shop/till.py"],
            "tools": ["tools.py"],
        }
        assert [unit["kind"] for unit in found["units"]] == ["module", "package", "module"]

    def test_small_units_share_a_bundle_by_letter(self, tmp_path: Path) -> None:
        found = sources.scan(str(library(tmp_path)), own_bundle_from=30)
        assert sources.bundles(found) == ["shop", "modules.t"]
        assert [unit["name"] for unit in sources.units_of(found, "modules.t")] == ["_tiny", "tools"]

    def test_the_standard_library_makes_a_sensible_number_of_bundles(self) -> None:
        found = sources.scan()
        names = sources.bundles(found)
        assert 25 <= len(names) <= 45
        assert sum(len(sources.units_of(found, name)) for name in names) == len(found["units"])

    def test_nothing_to_read_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="no Python source"):
            sources.scan(str(tmp_path))
        with pytest.raises(NotADirectoryError, match="nowhere"):
            sources.scan(str(tmp_path / "nowhere"))


class TestMeasure:
    def test_every_line_is_exactly_one_of_its_kinds(self) -> None:
        one = measure("shop/__init__.py", SHOP.encode())
        assert (one.lines, one.docstring, one.comment) == (SHOP.count("\n"), 6, 2)
        assert one.code + one.docstring + one.comment + one.blank == one.lines
        assert (
            one.blank == 8 - 1
        )  # the empty lines, less the one in a string; the module's docstring has its own

    def test_definitions(self) -> None:
        one = measure("shop/__init__.py", SHOP.encode())
        assert (one.classes, one.functions, one.async_functions) == (1, 2, 1)
        assert (one.public, one.documented) == (2, 2)  # Shop and sell; not _close
        assert (one.slots, one.annotated) == (6, 2)  # thing, price, *more, **rest, -> twice; not self
        assert one.longest == [("shop.Shop.sell", 6), ("shop.Shop._close", 1)]
        assert one.branchiest[0] == ("shop.Shop.sell", 5)  # if, two "and", comprehension with its filter

    def test_imports_when_loaded_and_later(self) -> None:
        one = measure("shop/__init__.py", SHOP.encode())
        assert list(one.eager) == ["json", "os", "typing"]
        assert list(one.lazy) == ["argparse", "decimal", "email"]
        till = measure("shop/till.py", b"from . import a\nimport shop.x, tools\ndef f(): import tools\n")
        assert (till.eager, till.lazy) == ({"tools": 1}, {})

    @pytest.mark.parametrize(
        "content", [b"def (:\n    pass\n", b"\xff\xfe\n\n", b"x = '\0'\n\n", b"# coding: nonsense\n\n"]
    )
    def test_what_does_not_parse_is_counted(self, content: bytes) -> None:
        one = measure("bad.py", content)
        assert (one.files, one.lines, one.unparsed, one.failed) == (1, 2, 2, ["bad.py"])

    def test_measures_add_up_and_survive_json(self) -> None:
        one = measure("shop/__init__.py", SHOP.encode())
        both = total([one, measure("bad.py", b"(")])
        assert (both.files, both.lines, both.failed) == (2, one.lines + 1, ["bad.py"])
        assert both.code == one.code
        assert Measure.from_json(both.to_json()) == both


class TestTables:
    def test_rows_and_links(self, made_up: tables.Tables) -> None:
        assert [row["name"] for row in made_up["rows"]] == ["shop", "tools", "_tiny"]
        assert made_up["links"] == [
            {"importer": "shop", "imported": "tools", "eager": 1, "lazy": 0},
            {"importer": "tools", "imported": "shop", "eager": 1, "lazy": 0},
        ]
        assert made_up["totals"]["packages"] == 3
        assert made_up["failed"] == ["shop/broken.py"]

    def test_no_definitions_is_not_a_share_of_zero(self, made_up: tables.Tables) -> None:
        assert made_up["rows"][-1]["documented"] is None
        assert made_up["rows"][-1]["density"] is None


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


class TestPicture:
    @pytest.mark.parametrize("which", ["made_up", "real"])
    def test_everything_is_inside(self, which: str, request: pytest.FixtureRequest) -> None:
        root = ElementTree.fromstring(poster.render(request.getfixturevalue(which)))
        page = Box(0, 0, float(root.attrib["width"]), float(root.attrib["height"]))
        for element in root.iter(f"{SVG}text"):
            assert all(page.x <= x <= page.w and page.y <= y <= page.h for x, y in corners(element)), (
                element.text
            )
        for element in root.iter(f"{SVG}rect"):
            x, y, w, h = (float(element.get(key, "0")) for key in ("x", "y", "width", "height"))
            assert Box(x, y, w, h).inside(Box(0, 0, page.w + 0.2, page.h + 0.2))

    @pytest.mark.parametrize("which", ["made_up", "real"])
    def test_no_text_lies_on_another(self, which: str, request: pytest.FixtureRequest) -> None:
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


class TestActivities:
    """What the steps do, one after the other, without a workflow around them."""

    @pytest.fixture
    def work(self) -> Any:
        pytest.importorskip("simpleflow.step.workflow")
        return importlib.import_module("census")

    def test_they_hand_on_files_and_small_results(self, work: Any, tmp_path: Path) -> None:
        out = str(tmp_path / "out")
        scanned = work.scan.callable(str(library(tmp_path / "lib")), out)
        assert scanned["bundles"] == ["modules.s", "modules.t"]
        assert (scanned["packages"], scanned["files"]) == (3, 5)
        parsed = [work.parse.callable(out, bundle) for bundle in scanned["bundles"]]
        assert [one["failed"] for one in parsed] == [1, 0]
        joined = work.join.callable(out)
        assert joined["lines"] == scanned["lines"] == sum(one["lines"] for one in parsed)
        written = [work.write_text.callable(out), work.draw.callable(out)]
        assert written == [f"{out}/report.txt", f"{out}/report.svg"]
        ElementTree.parse(written[1])
        results = [scanned, *parsed, joined, *written]
        assert all(len(json.dumps(one)) < 30_000 for one in results)
        assert work.scanned_before.callable(out) == scanned
        assert work.joined_before.callable(out) == joined
        left = {path.relative_to(out).as_posix() for path in Path(out).rglob("*") if path.is_file()}
        parts = {"parse/modules.s.json", "parse/modules.t.json"}
        assert left == {"scan.json", "tables.json", "report.txt", "report.svg"} | parts

    def test_a_missing_file_names_the_step_that_writes_it(self, work: Any, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="force that step"):
            work.scanned_before.callable(str(tmp_path))
        work.scan.callable(str(library(tmp_path / "lib")), str(tmp_path))
        with pytest.raises(FileNotFoundError, match=r"'parse\.modules\.s'"):
            work.join.callable(str(tmp_path))


def box_of(element: ElementTree.Element) -> Box:
    x, y, size = (float(element.attrib[key]) for key in ("x", "y", "font-size"))
    weight = int(element.get("font-weight", "400"))
    return text_box(x, y, element.text or "", size, weight, element.get("text-anchor", "start"))


def corners(element: ElementTree.Element) -> list[tuple[float, float]]:
    """The corners of a text, turned as it is turned."""
    box = box_of(element)
    points = [(box.x + dx * box.w, box.y + dy * box.h) for dx in (0, 1) for dy in (0, 1)]
    turn = element.get("transform")
    if turn is None:
        return points
    angle, x0, y0 = (float(part) for part in turn.removeprefix("rotate(").removesuffix(")").split())
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return [(x0 + (x - x0) * cos - (y - y0) * sin, y0 + (x - x0) * sin + (y - y0) * cos) for x, y in points]
