"""Runs in separate processes: killed, at the same time as another run, and with another hash seed."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow.exceptions import RunBusy
from simpleflow.local import Executor
from tests.crash.workflows import Interrupted, Overlapping, Pipeline, Reasoned, start

KILLED = -9


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def output(state: Path, *arguments: Any, **environment: str) -> Any:
    """Run a workflow in a process. Returns what it printed; None if it was killed."""
    with start(state, *arguments, **environment) as process:
        text, _ = process.communicate(timeout=30)
    assert process.returncode == (0 if text else KILLED)
    return json.loads(text) if text else None


def test_a_dependent_runs_next_time_if_the_process_was_killed_between_its_origin_and_it(log: Path) -> None:
    state = log.parent / "state"
    assert Executor(Pipeline, state=state).run([str(log), "monday"]) is True
    assert output(state, Pipeline, str(log), "tuesday") is None
    assert Executor(Pipeline, state=state).run([str(log), "wednesday"]) is True
    assert log.read_text().splitlines() == ["load monday", "report monday", "load tuesday", "report wednesday"]
    assert Executor(Pipeline, state=state).run([str(log), "thursday"]) is False


def test_a_killed_run_is_resumed_and_repeats_no_activity(log: Path) -> None:
    state = log.parent / "state"
    assert output(state, Interrupted, str(log)) is None
    everything = [f"{part} {number}" for part in ("first", "second") for number in range(3)]
    assert sorted(log.read_text().splitlines()) == everything[:3]
    executor = Executor(Interrupted, state=state)
    assert executor.run([str(log)]) == everything
    assert sorted(log.read_text().splitlines()) == everything
    types = [event["eventType"] for event in executor.history]
    assert (types.count("WorkflowExecutionStarted"), types.count("ActivityTaskScheduled")) == (1, 6)


def test_a_second_run_at_the_same_time_is_refused_and_the_step_runs_once(log: Path) -> None:
    state, go = log.parent / "state", log.parent / "go"
    arguments = [str(log), str(go)]
    with start(state, Overlapping, *arguments) as first:
        end = time.monotonic() + 20
        while not log.read_text():
            assert time.monotonic() < end
            time.sleep(0.01)
        with pytest.raises(RunBusy, match=rf"'overlapping' has an open execution \(process {first.pid} drives it\)"):
            Executor(Overlapping, state=state).run(arguments)
        go.touch()
        text, _ = first.communicate(timeout=20)
    assert json.loads(text)[0] is True
    assert Executor(Overlapping, state=state).run(arguments) is False
    assert log.read_text() == "load\n"


def test_runs_of_one_workflow_id_in_different_state_folders_are_not_refused(log: Path) -> None:
    go = log.parent / "go"
    go.touch()
    assert [Executor(Overlapping, state=log.parent / name).run([str(log), str(go)]) for name in "ab"] == [True, True]


def test_records_do_not_depend_on_the_order_of_sets(log: Path) -> None:
    found = [output(log.parent / seed, Reasoned, str(log), False, PYTHONHASHSEED=seed) for seed in ("1", "2", "3")]
    times = r'\\"seconds\\":[0-9.]+|\\"worked\\":\[[0-9.,\[\]]*\]'
    found = [(result, json.loads(re.sub(times, "", json.dumps(all)))) for result, all in found]
    result, recorded = found[0]
    assert result == [
        [7, 7],
        ["a habit", "a request", "a test", "a whim", "an error", "the law", "the weather"],
    ]
    assert recorded == found[1][1] == found[2][1]
    assert sum("seven" in str(each) for each in recorded) == 1, "one set is one argument, for an idempotent activity"


def test_a_run_resumed_with_another_hash_seed_records_nothing_twice(log: Path) -> None:
    state = log.parent / "state"
    assert output(state, Reasoned, str(log), True, PYTHONHASHSEED="1") is None
    result, recorded = output(state, Reasoned, str(log), True, PYTHONHASHSEED="2")
    assert result[0] == [7, 7]
    markers = [json.loads(each) for each in recorded if isinstance(each, str)]
    assert sorted((each["step"], each["status"]) for each in markers) == [
        (name, status) for name in ("a.b", "c", "d") for status in ("completed", "scheduled")
    ]
    assert sorted(log.read_text().splitlines()) == ["a.b", "c", "d"]
