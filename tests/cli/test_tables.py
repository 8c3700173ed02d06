"""Tables, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json

import pytest

from simpleflow.cli.options import CSV, JSON, TABLE
from simpleflow.cli.view.step_tables import listed
from simpleflow.cli.view.tables import PLAIN, TableLayout, as_csv, as_json, objects, table
from simpleflow.step.mark import Mark, read
from tests.cli.conftest import Folder
from tests.cli.test_terminal import on_a_terminal


def test_columns_are_aligned() -> None:
    assert table(["name", "n", "why"], [["a", "10", ""], ["long name", "2", "so"]]) == (
        "name       n   why\na          10\nlong name  2   so"
    )


def test_titles_alone() -> None:
    assert table(["name", "version"], []) == "name  version"


def test_the_titles_are_painted() -> None:
    assert table(["a", "b"], [["1", "2"]], TableLayout(str.upper)) == "A  B\n1  2"


def test_control_characters_are_escaped() -> None:
    assert table(["a", "b"], [["\x1b[31m", "x"], ["one\ntwo", "y"]]) == "a         b\n\\x1b[31m  x\none two   y"


def test_wide_characters() -> None:
    assert (
        table(["a", "b"], [["日本", "x"], ["é", "y"], ["e\u0301", "z"]]) == "a     b\n日本  x\né     y\ne\u0301     z"
    )


WHY = "Requested at start; no longer done: clean"


def test_the_last_column_of_a_wide_table_is_wrapped() -> None:
    rows = [["load", "run", WHY], ["数据", "skip", ""], ["x", "run", "y" * 40]]
    found = table(["step", "verdict", "why"], rows, TableLayout(str.upper, 46))
    assert found == (
        "STEP  VERDICT  WHY\n"
        "load  run      Requested at start; no longer\n"
        "               done: clean\n"
        "数据  skip\n"
        f"x     run      {'y' * 31}\n"
        f"               {'y' * 9}"
    )
    assert table(["step", "verdict", "why"], rows, TableLayout(columns=56)).count("\n") == 3


def test_rows_of_a_very_wide_table_are_blocks() -> None:
    rows = [["load", "2026-11-23 20:16:32", "run-1", WHY], ["x", "", "run-2", ""]]
    assert table(["step", "done at", "run", "forced"], rows, TableLayout(str.upper, 40)) == (
        "LOAD\n"
        "  done at  2026-11-23 20:16:32\n"
        "  run      run-1\n"
        "  forced   Requested at start; no longer\n"
        "           done: clean\n"
        "X\n"
        "  run      run-2"
    )
    assert table(["step"], [["x" * 50]], TableLayout(columns=40)) == f"step\n{'x' * 50}"


def test_names_with_values_stay_side_by_side() -> None:
    rows = [["workflow", "daily"], ["input", "x" * 30]]
    assert table(["what", "value"], rows, TableLayout(columns=30)) == (
        f"what      value\nworkflow  daily\ninput     {'x' * 20}\n          {'x' * 10}"
    )


def test_json() -> None:
    found: list[dict[str, object]] = [{"a": "ä\n", "b": None, "c": [1.5, True]}]
    text = as_json(found)
    assert json.loads(text) == found
    odd = [*found, {"a": "\ud800", "b": {}, "c": []}]
    assert json.loads(as_json(odd)) == odd
    assert text.startswith('[\n  {\n    "a": "ä\\n",\n')
    assert as_json([]) == "[]"


def test_csv() -> None:
    found = [{"a": 'x,"y"', "b": None, "c": ["one", "two"], "d": True}, {"a": "l\nm", "b": 1.5, "c": (), "d": False}]
    rows = list(csv.reader(io.StringIO(as_csv(["a", "b", "c", "d"], found))))
    assert rows == [["a", "b", "c", "d"], ['x,"y"', "", "one; two", "true"], ["l\nm", "1.5", "", "false"]]
    assert as_csv(["a"], []) == "a"


@pytest.mark.parametrize("style", [JSON, CSV])
def test_objects(style: str) -> None:
    assert objects(style, ["a"], [{"a": 1}]) == {JSON: '[\n  {\n    "a": 1\n  }\n]', CSV: "a\n1"}[style]


def test_odd_marks_are_shown() -> None:
    marks = [
        Mark("never"),
        read("nan", b'{"time": NaN, "seconds": Infinity, "run_id": "r"}'),
        read("far", b'{"time": 1e300, "seconds": 90, "workflow_id": "w", "by_hand": true}'),
        read("rubbish", b"[]"),
    ]
    objects = json.loads(listed(marks, {}, "w", JSON, PLAIN))
    assert [each["done_at"] for each in objects] == [None] * 4
    assert [each["seconds"] for each in objects] == [None, None, 90, None]
    assert listed(marks, {}, "w", TABLE, PLAIN).splitlines() == [
        "step     done at  run      took        forced",
        "never",
        "nan               r",
        "far               by hand  1 min 30 s",
        "rubbish                                its mark cannot be read: it is not a JSON object",
    ]


def test_times(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    mark = Mark("a", 1_700_000_000.9996, "other", "r", 0.25, True, ("so",))
    assert json.loads(listed([mark], {}, "w", JSON, PLAIN))[0]["done_at"] == "2023-11-14T22:13:20.999Z"
    assert (
        listed([mark], {}, "w", TABLE, PLAIN).splitlines()[1] == "a     2023-11-15 07:13:20  other r  0.25 s  yes: so"
    )
    monkeypatch.undo()
    time.tzset()


def test_info_in_every_format(folder: Folder) -> None:
    assert folder.run("info", "versions").out.startswith("simpleflow\t")
    assert folder.run("info", "versions", "--format", "table").out.startswith("name        version\nsimpleflow  ")
    found = json.loads(folder.run("info", "settings", "--format", "json", STEP_BUCKET="a\tb").out)
    assert {"setting": "STEP_BUCKET", "value": "a\tb", "from": "environment"} in found
    assert folder.run("info", "environment", "--format", "csv").out.startswith("variable,value\n")


def test_info_on_a_terminal(folder: Folder) -> None:
    code, shown = on_a_terminal(folder, "info", "versions")
    assert code == 0
    assert "\x1b[1mname        version\x1b[0m\nsimpleflow  " in shown
    assert "\x1b" not in on_a_terminal(folder, "info", "versions", NO_COLOR="1")[1]


def test_json_is_short_for_the_format(folder: Folder) -> None:
    assert json.loads(folder.run("info", "versions", "--json").out)[0]["name"] == "simpleflow"
    assert folder.run("info", "versions", "--json", "--format", "json").code == 0
    for command in (["info", "versions"], ["step.list", "flow.Daily"], ["workflow.list", "--local"]):
        done = folder.run(*command, "--format", "csv", "--json")
        assert (done.code, done.out) == (2, "")
        assert "--json and --format csv exclude each other" in done.err
