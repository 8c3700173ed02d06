"""Plans as files: the same bytes for the same plan, differences, and runs that are held to a plan."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from simpleflow.exceptions import ExecutionError, InputError, PlanDiffers
from simpleflow.local import Executor
from simpleflow.steering import contract, plan_file
from simpleflow.steering.plan_diff import differences, sentences
from simpleflow.steering.plan_file import SavedPlan
from simpleflow.step import Step
from simpleflow.stores import open_store
from tests.docs.pages import ROOT
from tests.steering.bench import Bench, calls, do, in_turn


def three_steps(self: Any) -> None:
    for name, forces in (("load", ["clean"]), ("clean", ["report"]), ("report", [])):
        self.submit(Step(name, (do, name), force_steps_if_executed=forces))


def saved(
    bench: Bench, body: Any = three_steps, seconds: dict[str, float | None] | None = None, **how: Any
) -> SavedPlan:
    return plan_file.saved(
        bench.plan(body, **how),
        workflow="planned",
        workflow_id="w",
        input={"args": [], "kwargs": {}},
        steering=how,
        seconds=seconds or {},
    )


def test_the_same_plan_gives_the_same_bytes_and_is_read_back(bench: Bench, tmp_path: Path) -> None:
    bench.mark("load")
    first, second = saved(bench, force=["report"]), saved(bench, force=["report"])
    assert plan_file.encode(first) == plan_file.encode(second)
    path = tmp_path / "plan.json"
    plan_file.write(first, str(path))
    assert plan_file.read(str(path)) == first
    assert first.steering.force == ("report",)
    assert os_files(tmp_path) == ["marks", "plan.json"]


def test_a_pipe_is_written_and_a_link_stays(bench: Bench, tmp_path: Path) -> None:
    plan = saved(bench)
    pipe, link = tmp_path / "pipe", tmp_path / "link.json"
    os.mkfifo(pipe)
    link.symlink_to("plan.json")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    plan_file.write(plan, str(pipe))
    assert (os.read(reader, 100_000), pipe.is_fifo()) == (plan_file.encode(plan), True)
    os.close(reader)
    plan_file.write(plan, str(link))
    assert (plan_file.read(str(tmp_path / "plan.json")), link.is_symlink()) == (plan, True)
    assert os_files(tmp_path) == ["link.json", "pipe", "plan.json"]


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_file, "_LONGEST", 1_000)
    with pytest.raises(InputError, match=r"file '/dev/zero' is no plan: it has more than 1,000 bytes"):
        plan_file.read("/dev/zero")


def os_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_published_schema_is_that_of_the_file() -> None:
    assert json.loads((ROOT / "docs" / "plan.schema.json").read_text()) == json.loads(json.dumps(plan_file.schema()))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "simpleflow.plan/2"}', '{"format": 1}', "\x00"])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"is no plan that this release reads .*; expected what step\.plan"):
        plan_file.read(str(path))


def test_a_file_that_cannot_be_read_or_written_is_named(bench: Bench, tmp_path: Path) -> None:
    missing = str(tmp_path / "no" / "plan.json")
    with pytest.raises(InputError, match=r"the plan '.*plan.json' cannot be read: No such file"):
        plan_file.read(missing)
    with pytest.raises(InputError, match=r"the plan cannot be written to '.*plan.json': No such file"):
        plan_file.write(saved(bench), missing)


def test_steps_that_run_again_are_told_with_their_time_and_cause(bench: Bench) -> None:
    bench.mark("load", "clean", "report")
    before = saved(bench, seconds={"load": 3600.0, "clean": 60.0, "report": 5.0})
    after = saved(bench, force=["load"])
    assert [(each.step, each.kind, each.seconds) for each in differences(before, after)] == [
        ("load", "runs again", 3600.0),
        ("clean", "runs again", 60.0),
        ("report", "runs again", 5.0),
    ]
    assert list(sentences(differences(before, after), after)) == [
        "3 of 3 steps will run again, about 1 h 01 min (load: Requested at start)"
    ]
    assert differences(before, before) == []
    back = differences(after, before)
    assert list(sentences(back, before)) == ["3 of 3 steps will be skipped: load, clean, report"]


def test_steps_that_come_and_go(bench: Bench) -> None:
    before = saved(bench, lambda self: in_turn(self, "a", "b"))
    after = saved(bench, lambda self: in_turn(self, "b", "c"))
    assert [(each.step, each.kind) for each in differences(before, after)] == [("c", "is new"), ("a", "is gone")]
    assert list(sentences(differences(before, after), after)) == ["1 step is new: c", "1 step is gone: a"]


def test_a_run_does_not_begin_once_the_plan_has_changed(bench: Bench) -> None:
    bench.mark("load", "clean", "report")
    plan = saved(bench)
    contract.check(plan, saved(bench))
    open_store(bench.bucket).delete("w/steps", ["clean"])
    with pytest.raises(PlanDiffers, match=r"nothing was started: step 'clean' runs again \(it is not done"):
        contract.check(plan, saved(bench))


def test_a_run_stops_before_a_step_on_which_the_plan_differs(bench: Bench) -> None:
    bench.mark("clean", "report")
    held = saved(bench, lambda self: in_turn(self, "load"))  # it does not know that load forces clean
    workflow = bench.workflow(three_steps)
    calls.clear()

    def run(wanted: SavedPlan) -> None:
        Executor(workflow, workflow_id="w", planned_steps=contract.planned(wanted)).run([])

    with pytest.raises(ExecutionError, match="stopped before step 'clean': the plan does not have it, the run says"):
        run(held)
    assert calls == ["load"]
    calls.clear()
    run(saved(bench))
    assert calls == ["clean", "report"]


def test_a_plan_that_is_not_complete_allows_steps_that_it_does_not_know(bench: Bench) -> None:
    def body(self: Any) -> None:
        if self.submit(Step("load", (do, ["x"]))).value:
            in_turn(self, "more")

    plan = saved(bench, body)
    assert not plan.complete
    calls.clear()
    Executor(bench.workflow(body), workflow_id="w", planned_steps=contract.planned(plan)).run([])
    assert calls == [["x"], "more"]
