"""Groups and steps in a local run with two workers: what runs in parallel, and what waits."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from simpleflow import Workflow
from simpleflow.canvas import Group
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.crash.workflows import nap, note


class Naps(Workflow):
    name = "naps"

    def run(self, **options: Any) -> Any:
        return self.submit(Group(*[(nap, 0.4)] * 3, **options)).result


def span(naps: list[list[float]]) -> float:
    """Seconds from the first start to the last end."""
    return max(end for _, end in naps) - min(began for began, _ in naps)


def test_a_group_is_faster_with_workers_than_without() -> None:
    alone = Executor(Naps).run()
    together = Executor(Naps, nb_workers=2).run()
    assert span(alone) >= 1.2
    assert span(together) < 0.9 * span(alone)
    one_at_a_time = Executor(Naps, nb_workers=2).run({"kwargs": {"max_parallel": 1}})
    assert all(end <= began for (_, end), (began, _) in itertools.pairwise(one_at_a_time))


class Dependents(Workflow, WorkflowStepMixin):
    """``load`` forces ``report``; workers are idle, so only the rules make ``report`` wait."""

    name = "dependents"

    def run(self, report_first: bool) -> Any:
        steps = [
            Step("load", (nap, 0.4), force=True, force_steps_if_executed=["report"]),
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
        assert other[0] < report[0], "a step without dependencies does not wait"


def test_a_dependent_that_ran_in_parallel_with_its_origin_runs_again(tmp_path: Path) -> None:
    ran_when = []
    for _ in range(3):
        (load, _), (report, ran), _ = Executor(Dependents, state=tmp_path, nb_workers=2).run([True])
        ran_when.append(ran and ("beside" if report[0] < load[1] else "after"))
    # Each run forces load, so the report that ran beside it is stale each time.
    assert ran_when == ["beside", "beside", "beside"]


class Noted(Workflow, WorkflowStepMixin):
    name = "noted"

    def run(self, log: str) -> Any:
        twins = [self.step("load", (note, log, "load")) for _ in range(2)]
        first = self.submit(Group(*twins)).result
        return [first[0] == first[1], self.submit(self.step("load", (note, log, "again"))).ran]


def test_a_step_that_is_twice_in_a_group_runs_once_with_workers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert Executor(Noted, state=tmp_path / "state", nb_workers=2).run([str(log)]) == [True, False]
    assert log.read_text() == "load\n"
