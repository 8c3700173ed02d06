"""``python -m bench`` prints everything that it measures; the values of the figures are not tested."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench.contenders import CONTENDERS, DBOS_BY_DEFAULT, PLAIN, SCRIPTS, SIMPLEFLOW, STEPS, Contender, Work
from bench.counts import counter
from bench.measure import TooSlow, run
from bench.peers import main as install
from bench.report import report
from bench.rounds import COLD, LARGEST, WARM, Rounds, at
from bench.targets import targets

from tests.processes import alive

ROOT = Path(__file__).parents[2]
FIGURE = r"[\d.,]+( \([\d.,]+x\))?"  # there is no ratio to a time of zero

STEP_CONTENDERS = [  # DBOS by default is the same script, synced at every step
    contender for contender in CONTENDERS if STEPS in contender.kinds and contender not in (SIMPLEFLOW, DBOS_BY_DEFAULT)
]

COUNTED = """
import runpy, sys
from bench.scripts import work

def nothing(number, real=work.nothing):
    with open("calls", "a") as file:
        file.write(".")
    return real(number)

work.nothing = nothing
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "bench", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_every_contender_has_a_row() -> None:
    run = bench("--only", "start", "--rounds", "1", "--patience", "0")
    assert (run.returncode, run.stderr) == (0, "")
    rows = rows_of(run.stdout)
    installed = [contender.name for contender in CONTENDERS if contender.installed]
    assert rows[0] == ["N = 1,000", "start-up, s"]
    assert rows[len(installed) + 2] == ["CPU time", "start-up, ms"]
    for first in (2, len(installed) + 4):
        table = rows[first : first + len(installed)]
        assert [row[0] for row in table] == installed
        assert [row for row in table if not re.fullmatch(FIGURE, row[1])] == []
    missing = [contender.name for contender in CONTENDERS if not contender.installed]
    assert ("pip install -e '.[bench]'" in run.stdout) == bool(missing)
    assert all(name in run.stdout for name in missing)


def test_every_column_has_its_figure(tmp_path: Path) -> None:
    sizes = (2, 5, 20)
    rounds = Rounds([PLAIN, SIMPLEFLOW], tmp_path, sizes, seconds=0.01, patience=0.0, cap=60.0)
    steps = [at(column, size) for size in sizes for column in (COLD, WARM)]
    assert list(rounds.round()) == ["start", "fan-out", "cpu", *steps, LARGEST]
    assert LARGEST not in list(Rounds([], tmp_path, sizes, 0.01, 0.0, 60.0).round(first=False))
    assert (rounds.results.failures, rounds.results.left_out) == ({}, {})
    rows = rows_of(report(rounds.results, sizes, 0.01))
    table, time_of_cpu, growth, limits = (row for row in rows if row[0] == "simpleflow")
    assert len(table) == 8
    assert len(time_of_cpu) == 5
    assert len(growth) == 9
    figures = [
        cell for cell in table[1:] + time_of_cpu[1:] + growth[1:4] + growth[5:8] if not re.fullmatch(FIGURE, cell)
    ]
    assert figures == []
    assert limits == ["simpleflow", "beside", "measured", "CPU time", "at most", ""]
    expected = [target.name for target in targets(sizes, 0.01)]
    assert [row[0] for row in rows[-len(expected) :]] == expected
    assert {row[5] for row in rows[-len(expected) :]} <= {"ok", "over", "not measured"}


@pytest.mark.parametrize("contender", STEP_CONTENDERS, ids=lambda contender: contender.name)
def test_steps_run_once_and_are_skipped_then(contender: Contender, tmp_path: Path) -> None:
    if not contender.installed:
        pytest.skip(f"{contender.package} is not installed: pip install -e '.[bench]'")
    python, script, *arguments = contender.command(Work(STEPS, 3))
    assert Path(script).parent == SCRIPTS
    for _ in range(2):
        run([python, "-c", COUNTED, script, *arguments], tmp_path, tmp_path / "log")
        assert (tmp_path / "calls").read_text() == "..."


def test_a_failed_measurement_is_shown_and_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "nowhere"))
    rounds = Rounds([PLAIN], tmp_path, (5,), seconds=0.01, patience=0.0, cap=60.0, columns=("start", "cold"))
    for _ in range(2):
        list(rounds.round())
    assert list(rounds.results.failures) == [("plain script", "start")]
    text = report(rounds.results, rounds.sizes, 0.01, rounds.columns)
    assert next(row for row in rows_of(text) if row[0] == "plain script") == ["plain script", "failed", "-"]
    assert "plain script, start: failed: exit code 1" in text


def test_a_measurement_that_would_take_too_long_is_left_out(tmp_path: Path) -> None:
    sizes = (1_000, 10**9)  # fewer steps may take less time than the noise of a start on a busy machine
    rounds = Rounds([SIMPLEFLOW], tmp_path, sizes, seconds=0.01, patience=0.0, cap=60.0, columns=("cold", "warm"))
    for number in range(2):
        list(rounds.round(first=number == 0))
    assert list(rounds.results.left_out) == [("simpleflow", at(kind, 10**9)) for kind in (COLD, WARM)]
    text = report(rounds.results, sizes, 0.01, rounds.columns)
    growth = next(row for row in rows_of(text) if row[0] == "simpleflow" and len(row) == 7)
    assert (growth[2], growth[3], growth[5], growth[6]) == ("left out", "-", "left out", "-")
    assert ["cold, a step, N = 1,000,000,000", "cold, N = 1,000", "-", "-", "1.30x", "not measured"] in rows_of(text)
    assert re.search(r"simpleflow, cold, N = 1,000,000,000: left out: about [\d,]+ s are expected", text)
    assert "simpleflow, warm, N = 1,000,000,000: left out: the cold run of this size was left out" in text


def test_a_measurement_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    code = "import os, time; pid = os.fork(); pid and open('child', 'w').write(str(pid)); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(TooSlow, match=r"it took more than 0\.5 s"):
        run([sys.executable, "-c", code], tmp_path, tmp_path / "log", cap=0.5)
    assert time.monotonic() - began < 30
    child = int((tmp_path / "child").read_text())
    for _ in range(200):
        if not alive(child):
            break
        time.sleep(0.05)
    assert not alive(child)


@pytest.mark.parametrize(
    ("option", "text", "complaint"),
    [
        ("--sizes", "100,many", "'many' is not a whole number from 1"),
        ("--sizes", "0", "'0' is not a whole number from 1"),
        ("--only", "hot", "'hot' is not one of start, cold"),
        ("--plot", "nowhere/bench.svg", "there is no folder 'nowhere'"),
    ],
)
def test_bad_options_are_named(option: str, text: str, complaint: str) -> None:
    run = bench(option, text)
    assert run.returncode == 2
    assert complaint in run.stderr


def test_a_peer_that_cannot_be_installed_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert install(["pytest>=1"]) == 0
    assert capfd.readouterr().out == ""
    assert install(["./nowhere"]) == 0
    assert capfd.readouterr().out.startswith("./nowhere cannot be installed and is not measured: ERROR: ")


def test_large_values_are_measured() -> None:
    command = [sys.executable, "-W", "error", "-m", "bench.counts", "--only", "values", "--steps", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"2 steps with 1 MB in and 1 MB out: \d+ MiB at most \(target: 120\)\n", done.stdout)


@pytest.mark.skipif(counter() is None, reason="neither perf nor valgrind can count here")
def test_instructions_are_counted(tmp_path: Path) -> None:
    counted = counter()
    assert counted is not None
    assert counted[1](["sh", "-c", ":"], tmp_path) > 10
