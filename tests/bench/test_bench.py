"""``python -m bench`` prints all it measures; what the figures are is not asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from bench.contenders import CONTENDERS, PLAIN, SIMPLEFLOW
from bench.report import LIMITS, report
from bench.rounds import COLUMNS, Rounds

ROOT = Path(__file__).parents[2]
FIGURE = r"[\d.,]+( \([\d.,]+x\))?"  # no ratio to what took no time


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def test_every_contender_has_a_row() -> None:
    command = [sys.executable, "-W", "error", "-m", "bench", "--only", "start", "--rounds", "1", "--patience", "0"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    rows = rows_of(run.stdout)
    installed = [contender.name for contender in CONTENDERS if contender.installed]
    assert rows[0] == ["", "start-up, s"]
    assert [row[0] for row in rows[2:] if len(row) == 2] == installed
    assert [row for row in rows[2:] if len(row) == 2 and not re.fullmatch(FIGURE, row[1])] == []
    missing = [contender.name for contender in CONTENDERS if not contender.installed]
    assert ("pip install -e '.[bench]'" in run.stdout) == bool(missing)
    assert all(name in run.stdout for name in missing)


def test_every_column_has_its_figure(tmp_path: Path) -> None:
    rounds = Rounds([PLAIN, SIMPLEFLOW], tmp_path, steps=5, seconds=0.01, patience=0.0)
    assert tuple(rounds.round()) == COLUMNS
    assert rounds.results.failures == {}
    rows = rows_of(report(rounds.results, rounds.sizes))
    mine = [row for row in rows if row[0] == "simpleflow"]
    table, limits, growth = mine
    assert len(table) == 8
    assert [cell for cell in table[1:] + growth[1:] if not re.fullmatch(FIGURE, cell)] == []
    assert limits == ["simpleflow", "measured", "limit", ""]
    marks = {row[0]: row[3] for row in rows if row[0] in {limit.name for limit in LIMITS}}
    assert len(marks) == len(LIMITS)
    assert set(marks.values()) <= {"ok", "over"}
    assert rows[-4] == ["cold, us/step", "N = 1", "N = 5", "N = 20"]


def test_what_fails_is_shown_and_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "nowhere"))
    rounds = Rounds([PLAIN], tmp_path, steps=5, seconds=0.01, patience=0.0, columns=("start", "cold"))
    for _ in range(2):
        list(rounds.round())
    assert list(rounds.results.failures) == [("plain script", "start")]
    text = report(rounds.results, rounds.sizes, rounds.columns)
    assert next(row for row in rows_of(text) if row[0] == "plain script") == ["plain script", "failed", "-"]
    assert "plain script, start: exit code 1" in text
