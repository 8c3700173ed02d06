"""The census, step by step, as pure functions over a small invented library and over a part of the real one."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import census as work
import pytest
from census_lib import sources, tables
from census_lib.measure import Measure, measure, total

from tests.examples.census_sample import SHOP, library


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

    def test_a_folder_without_sources_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="no Python source"):
            sources.scan(str(tmp_path))
        with pytest.raises(NotADirectoryError, match="nowhere"):
            sources.scan(str(tmp_path / "nowhere"))


class TestMeasure:
    def test_every_line_is_exactly_one_of_its_kinds(self) -> None:
        one = measure("shop/__init__.py", SHOP.encode())
        assert (one.lines, one.docstring, one.comment) == (SHOP.count("\n"), 6, 2)
        assert one.code + one.docstring + one.comment + one.blank == one.lines
        assert one.blank == 8 - 1  # the empty lines, less the one in a string; the module's docstring has its own

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
    def test_files_that_do_not_parse_are_counted(self, content: bytes) -> None:
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


class TestActivities:
    """The activities of the steps, one after the other, without a workflow."""

    def test_steps_pass_on_files_and_small_results(self, tmp_path: Path) -> None:
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

    def test_a_missing_file_names_the_step_that_writes_it(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="force that step"):
            work.scanned_before.callable(str(tmp_path))
        work.scan.callable(str(library(tmp_path / "lib")), str(tmp_path))
        with pytest.raises(FileNotFoundError, match=r"'parse\.modules\.s'"):
            work.join.callable(str(tmp_path))
