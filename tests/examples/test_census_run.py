"""The census on the embedded engine: run, skipped, forced, and killed in the middle."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from census import Census

from simpleflow.engines.sqlite.engine import SqliteEngine
from simpleflow.local import Executor
from tests.examples.census_sample import library
from tests.examples.conftest import EXAMPLES

RUN = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from census import Census
from simpleflow.local import Executor

def slowly(context):
    time.sleep(0.02)

def show(run, events):
    for event in events:
        print(event.type, flush=True)

executor = Executor(Census, state=sys.argv[2], nb_workers=2, middlewares={"pre": [slowly]}, observer=show)
executor.run(json.loads(sys.argv[3]))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A library of a dozen bundles."""
    folder = library(tmp_path / "lib")
    for letter in "abcdefghij":
        (folder / f"{letter}_module.py").write_text("import shop\n\ndef work(): return 1\n")
    return folder


@pytest.fixture
def arguments(source: Path, tmp_path: Path) -> dict[str, Any]:
    return {"kwargs": {"source": str(source), "out": str(tmp_path / "out")}}


def run(arguments: dict[str, Any], state: Path, **options: Any) -> Executor:
    executor = Executor(Census, state=state, nb_workers=2, **options)
    executor.run(arguments)
    return executor


def rows_of(path: Path) -> dict[str, str]:
    """The sign of the bar of each step in the drawing of a run."""
    found = re.findall(r"^  (\S+) +\d+\.\d\d s +([█░])", path.read_text(), re.MULTILINE)
    return dict(found)


def statuses(executor: Executor) -> dict[str, str]:
    """The last status of each step."""
    return {marker.details["step"]: marker.details["status"] for marker in executor.list_markers(all=True)}


def scheduled(executor: Executor, key: str = "activityType") -> list[Any]:
    found = [each.get("activityTaskScheduledEventAttributes") for each in executor.history]
    return [each["activityId"] if key == "activityId" else each[key]["name"] for each in found if each]


def test_steps_run_then_are_skipped(arguments: dict[str, Any], tmp_path: Path) -> None:
    first, second = (Executor(Census, state=tmp_path / "state", nb_workers=2) for _ in range(2))
    result = first.run(arguments)
    assert {key: result[key] for key in ("packages", "files", "lines")} == {"packages": 13, "files": 15, "lines": 69}
    ran = statuses(first)
    assert set(ran.values()) == {"completed"}
    assert {"scan", "parse.modules.a", "parse.modules.s", "tables", "report"} < ran.keys()
    assert len(ran) == 15
    for path in ("report", "picture"):
        assert Path(result[path]).stat().st_mode & 0o044 == 0o044  # readable for everybody who may read the folder

    drawn = Path(result["report"]).with_name("run.txt"), Path(result["report"]).with_name("run.svg")
    assert "15 steps: 15 completed" in drawn[0].read_text()
    assert rows_of(drawn[0]) == dict.fromkeys(ran, "█")
    assert ElementTree.parse(drawn[1]).getroot().find("{*}desc").text == "15 steps: 15 completed"  # type: ignore[union-attr]

    assert second.run(arguments) == result
    assert statuses(second) == dict.fromkeys(ran, "skipped")
    assert "15 steps: 15 skipped" in drawn[0].read_text()
    assert rows_of(drawn[0]) == dict.fromkeys(ran, "░")  # where they ran before
    assert {name.rpartition(".")[2] for name in scheduled(second)} == {
        "GetStepsDoneTask",
        "scanned_before",
        "joined_before",
    }


def test_one_part_forced_by_its_name(arguments: dict[str, Any], tmp_path: Path) -> None:
    class Forced(Census):
        def run(self, *args: Any, **kwargs: Any) -> Any:
            self.add_forced_steps("parse.modules.c", "its code has changed")
            return super().run(*args, **kwargs)

    run(arguments, tmp_path / "state")
    executor = Executor(Forced, state=tmp_path / "state", nb_workers=2, adopt=True)  # defined in this file
    executor.run(arguments)
    completed = {name for name, status in statuses(executor).items() if status == "completed"}
    assert completed == {"parse.modules.c", "tables", "report"}
    reasons = {marker.details["step"]: marker.details["reasons"] for marker in executor.list_markers(all=True)}
    assert reasons["parse.modules.c"] == ["its code has changed"]
    assert reasons["tables"] == ["Dep of parse.modules.c"]
    assert reasons["report"] == ["Dep of tables"]


@pytest.mark.parametrize("completed_at_least", [1, 7, 12])
def test_killed_in_the_middle(
    arguments: dict[str, Any], tmp_path: Path, completed_at_least: int, capfd: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    command = [sys.executable, "-c", RUN, str(EXAMPLES), str(state), json.dumps(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        completed = 0
        while completed < completed_at_least:
            line = process.stdout.readline()
            assert line, capfd.readouterr().err
            completed += line.strip() == "ActivityTaskCompleted"
        process.send_signal(signal.SIGKILL)
    before = kept(state)
    assert before[-1] != "WorkflowExecutionCompleted"

    after = run(arguments, state)
    history = after.history
    assert [event["eventType"] for event in history[: len(before)]] == before
    assert history[-1]["eventType"] == "WorkflowExecutionCompleted"
    assert set(statuses(after).values()) == {"completed"}
    ends = Counter(ended(history))
    assert set(ends.values()) == {1}
    # No activity that ended before the kill was scheduled or started again.
    assert Counter(scheduled(after, "activityId")).most_common(1)[0][1] == 1
    again = Counter(
        event["activityTaskStartedEventAttributes"]["scheduledEventId"]
        for event in history
        if event["eventType"] == "ActivityTaskStarted"
    )
    done_before = ended(history[: len(before)])
    assert len(done_before) >= completed_at_least
    assert all(again[id] == 1 for id in done_before)


def ended(history: list[dict[str, Any]]) -> list[int]:
    """Ids of the events that scheduled the completed activities."""
    completed = [each.get("activityTaskCompletedEventAttributes") for each in history]
    return [each["scheduledEventId"] for each in completed if each]


def kept(state: Path) -> list[str]:
    """The types of the events in the state folder."""
    engine = SqliteEngine(state)
    try:
        return [event.type for event in engine.history("census")]
    finally:
        engine.close()
