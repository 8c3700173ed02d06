"""Addresses, windows of logs, and texts: what each function gives back."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import InputError
from simpleflow.ui import log_window, texts
from simpleflow.ui.downloads import file_name
from simpleflow.ui.links import link, parts_of
from simpleflow.ui.log_window import window_of


@pytest.mark.parametrize("name", ["load.users", "a/b", "..", ".", "%2F", "a b?c#d", "<script>", "é", "x" * 300, "a\nb"])
def test_a_name_goes_through_an_address_unchanged(name: str) -> None:
    address = link("run", "id", "step", name)
    assert parts_of(address.encode()) == ["run", "id", "step", name]
    assert address.count("/") == 4


def test_the_query_leaves_out_what_is_not_given() -> None:
    assert link("run", query={"a": None, "b": "", "c": 3, "d": ["x", "y&z"]}) == "/run?c=3&d=x&d=y%26z"


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("window", [1, 7, 64, 10_000])
def test_windows_hold_each_line_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int, ends: bool) -> None:
    monkeypatch.setattr(log_window, "WINDOW", window)
    lines = [f"{number} {'x' * (number % 9)}" for number in range(200)]
    path = tmp_path / "log"
    path.write_text("\n".join(lines) + ("\n" if ends else ""))
    seen: list[str] = []
    at: int | None = 0
    while at is not None:
        found = window_of(str(path), str(at))
        assert found is not None
        seen += found.lines
        at = found.later
    whole = "".join(lines)
    assert "".join(seen) == whole
    assert seen == lines or window < 20
    last = window_of(str(path), None)
    assert last is not None
    assert window < 20 or last.lines[-1] == lines[-1]
    assert last.later is None


def test_earlier_windows_lead_to_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_window, "WINDOW", 100)
    path = tmp_path / "log"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    found = window_of(str(path), None)
    while found is not None and found.earlier is not None:
        before = window_of(str(path), str(found.earlier))
        assert before is not None
        assert before.begin < found.begin <= before.end
        found = before
    assert found is not None
    assert found.lines[0] == "line 0"


def test_a_place_in_a_log_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    with pytest.raises(InputError, match="expected a number of bytes"):
        window_of(str(tmp_path / "log"), "-1")
    assert window_of(str(tmp_path / "none"), None) is None
    far = window_of(str(tmp_path / "log"), "999")
    assert far is not None
    assert far.lines == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("load.users-1.log", "load.users-1.log"),
        ("../../etc/passwd", "etc-passwd.txt"),
        ('a"b\r\nc: d.json', "a-b-c-d.json"),
        ("", "file.txt"),
        ("\u202egpj.exe", "gpj.exe"),
    ],
)
def test_names_of_downloads_are_harmless(text: str, name: str) -> None:
    assert file_name(text) == name


def test_times_and_durations_are_for_people() -> None:
    run = RunDescription("id", "run", "type", "1", "completed", 1_000_000.0, 1_003_723.0, False)
    assert texts.took(run, 0.0) == "1 h 02 min"
    assert texts.took(run._replace(closed=None), 1_000_005.0) == "5.0 s"
    assert texts.when(None) == ""
    assert texts.when(1_000_000.0, 1_000_000.0).count(":") == 2
    assert "1970" in texts.when(1_000_000.0, 1_800_000_000.0)
    assert texts.iso(0.0) == "1970-01-01T00:00:00Z"
    assert texts.counts_text({"skipped": 1_200, "done": 3}) == "3 ran, 1,200 skipped"


def test_values_are_shown_as_json_with_lines() -> None:
    assert texts.pretty('{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert texts.pretty("no json") == "no json"
    assert texts.pretty('"two\\nlines"') == "two\nlines"
    assert texts.pretty("3") == "3"
