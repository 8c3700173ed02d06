"""What runs in processes of their own suffer: sudden death, each other, another seed, and waiting in line."""

from __future__ import annotations

import itertools
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.canvas import Group
from simpleflow.exceptions import RunBusy
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.crash.workflows import Interrupted, Overlapping, Pipeline, Reasoned, nap, note, start

KILLED = -9


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


def output(state: Path, *arguments: Any, **environment: str) -> Any:
    """What such a process prints; None if it was killed."""
    with start(state, *arguments, **environment) as process:
        text, _ = process.communicate(timeout=30)
    assert process.returncode == (0 if text else KILLED)
    return json.loads(text) if text else None


def test_a_process_killed_between_a_step_and_its_dependent_leaves_the_dependent_to_be_played(log: Path) -> None:
    state = log.parent / "state"
    assert Executor(Pipeline, state=state).run([str(log), "monday"]) is True
    assert output(state, Pipeline, str(log), "tuesday") is None
    assert Executor(Pipeline, state=state).run([str(log), "wednesday"]) is True
    assert log.read_text().splitlines() == ["load monday", "report monday", "load tuesday", "report wednesday"]
    assert Executor(Pipeline, state=state).run([str(log), "thursday"]) is False


def test_a_run_that_is_killed_goes_on_and_repeats_nothing(log: Path) -> None:
    state = log.parent / "state"
    assert output(state, Interrupted, str(log)) is None
    everything = [f"{part} {number}" for part in ("first", "second") for number in range(3)]
    assert sorted(log.read_text().splitlines()) == everything[:3]
    executor = Executor(Interrupted, state=state)
    assert executor.run([str(log)]) == everything
    assert sorted(log.read_text().splitlines()) == everything
    types = [event["eventType"] for event in executor.history]
    assert (types.count("WorkflowExecutionStarted"), types.count("ActivityTaskScheduled")) == (1, 6)


def test_of_two_runs_at_the_same_time_one_is_refused_and_the_step_is_played_once(log: Path) -> None:
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


def test_runs_of_one_id_over_different_state_folders_do_not_refuse_each_other(log: Path) -> None:
    go = log.parent / "go"
    go.touch()
    assert [Executor(Overlapping, state=log.parent / name).run([str(log), str(go)]) for name in "ab"] == [True, True]


def test_what_is_recorded_does_not_depend_on_the_order_of_sets(log: Path) -> None:
    found = [output(log.parent / seed, Reasoned, str(log), False, PYTHONHASHSEED=seed) for seed in ("1", "2", "3")]
    found = [(result, json.loads(re.sub(r'\\"seconds\\":[0-9.]+', "", json.dumps(all)))) for result, all in found]
    result, recorded = found[0]
    assert result == [
        [7, 7],
        ["a habit", "a request", "a test", "a whim", "an error", "the law", "the weather"],
    ]
    assert recorded == found[1][1] == found[2][1]
    assert sum("seven" in str(each) for each in recorded) == 1, "one set is one argument, for an idempotent activity"


def test_a_run_that_goes_on_in_a_process_with_another_seed_records_nothing_twice(log: Path) -> None:
    state = log.parent / "state"
    assert output(state, Reasoned, str(log), True, PYTHONHASHSEED="1") is None
    result, recorded = output(state, Reasoned, str(log), True, PYTHONHASHSEED="2")
    assert result[0] == [7, 7]
    markers = [json.loads(each) for each in recorded if isinstance(each, str)]
    assert sorted((each["step"], each["status"]) for each in markers) == [
        (name, status) for name in ("a.b", "c", "d") for status in ("completed", "scheduled")
    ]
    assert sorted(log.read_text().splitlines()) == ["a.b", "c", "d"]


class Naps(Workflow):
    name = "naps"

    def run(self, **options: Any) -> Any:
        return self.submit(Group(*[(nap, 0.4)] * 3, **options)).result


def span(naps: list[list[float]]) -> float:
    """Seconds from the first start to the last end."""
    return max(end for _, end in naps) - min(began for began, _ in naps)


def test_a_group_is_faster_with_workers_than_one_after_the_other() -> None:
    alone = Executor(Naps).run()
    together = Executor(Naps, nb_workers=2).run()
    assert span(alone) >= 1.2
    assert span(together) < 0.9 * span(alone)
    one_at_a_time = Executor(Naps, nb_workers=2).run({"kwargs": {"max_parallel": 1}})
    assert all(end <= began for (_, end), (began, _) in itertools.pairwise(one_at_a_time))


class Dependents(Workflow, WorkflowStepMixin):
    """``load`` forces ``report``; workers are idle, so nothing but the rules holds ``report`` up."""

    name = "dependents"

    def run(self, report_first: bool) -> Any:
        steps = [
            Step("load", (nap, 0.2), force=True, force_steps_if_executed=["report"]),
            Step("report", (nap, 0.1)),
            Step("other", (nap, 0.1), force=True),
        ]
        order = [1, 0, 2] if report_first else [0, 1, 2]
        submitted = {index: self.submit(steps[index]) for index in order}
        return [[submitted[index].value, submitted[index].ran] for index in range(3)]


def test_a_dependent_waits_for_its_origin_although_a_worker_is_idle(tmp_path: Path) -> None:
    executor = Executor(Dependents, state=tmp_path, nb_workers=2)
    for _ in range(2):
        (load, _), (report, _), (other, _) = executor.run([False])
        assert report[0] >= load[1]
        assert other[0] < report[0], "what depends on nothing waits for nothing"


def test_a_dependent_that_ran_beside_its_origin_runs_again(tmp_path: Path) -> None:
    played = []
    for _ in range(3):
        (load, _), (report, ran), _ = Executor(Dependents, state=tmp_path, nb_workers=2).run([True])
        played.append(ran and ("beside" if report[0] < load[1] else "after"))
    # Each run forces load, so what was played beside it is stale each time.
    assert played == ["beside", "beside", "beside"]


class Noted(Workflow, WorkflowStepMixin):
    name = "noted"

    def run(self, log: str) -> Any:
        twins = [self.step("load", (note, log, "load")) for _ in range(2)]
        first = self.submit(Group(*twins)).result
        return [first[0] == first[1], self.submit(self.step("load", (note, log, "again"))).ran]


def test_a_step_that_stands_twice_in_a_group_is_played_once_by_workers(log: Path) -> None:
    assert Executor(Noted, state=log.parent / "state", nb_workers=2).run([str(log)]) == [True, False]
    assert log.read_text() == "load\n"
