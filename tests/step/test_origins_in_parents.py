"""A step that runs in a parent forces the steps of children that depend on it, now and after a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.local import Executor
from simpleflow.steering.plan import plan
from simpleflow.step.origins import ORIGINS
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, fail_softly, note, noted


class Marked(Workflow, WorkflowStepMixin):
    """The marks of all workflows below are in ``bucket``, by default below their workflow ids."""

    bucket = ""
    after: Any = None
    seen: list[list[str]] = []

    def get_step_bucket(self) -> str:
        return Marked.bucket

    def report(self) -> Any:
        return self.submit(Step("report", (note, "report"), after=Marked.after))


class Report(Marked):
    name = "report"

    def run(self) -> Any:
        found = self.report()
        futures.wait(found)
        Marked.seen.append(found.reasons)


class Elsewhere(Report):
    name = "elsewhere"

    def get_step_path_prefix(self) -> str:
        return "some/where/else"


class Numbered(Report):
    name = "numbered"

    @classmethod
    def get_workflow_id(cls) -> str:
        return "report-7"


class Between(Marked):
    name = "between"

    def run(self) -> Any:
        self.submit(Step("between", (note, "between"))).result
        self.submit(Report).result


class Plain(Workflow):
    name = "plain"

    def run(self) -> Any:
        self.submit(Report).result


class Continuing(Marked):
    name = "continuing"

    def run(self, left: int = 1) -> Any:
        if left:
            return self.submit(self.continue_as_new(left - 1)).result
        return Report.run(self)  # type: ignore[arg-type]


class Repeating(Marked):
    """Each of its executions has the step."""

    name = "repeating"

    def run(self, left: int = 2) -> Any:
        Report.run(self)  # type: ignore[arg-type]
        return self.submit(self.continue_as_new(left - 1)).result if left else None


CHILDREN: dict[str, Any] = {
    "child": Report,
    "in a group": Group(Report, (note, "beside")),
    "in a chain": Chain((note, "before"), Report),
    "in a func": FuncGroup(lambda: Report),
    "in a step": Step("out", Report, force=True),
    "in a done step": Step("out", Report),
    "in a done step in a step": Step("all", Group(Step("out", FuncGroup(lambda: Elsewhere)), (note, "beside"))),
    "below a plain child in a done step": Step("out", Plain),
    "its own prefix": Elsewhere,
    "its own id": Numbered,
    "grandchild": Between,
    "below a plain child": Plain,
    "continued as new": Continuing,
    "in each execution": Repeating,
}


@pytest.fixture(params=["the parent says it", "the child says it"])
def said(request: pytest.FixtureRequest, stored: Bench, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that ``load`` forces; the step in the child says that it depends on ``load`` if these are none."""
    monkeypatch.setattr(Marked, "bucket", stored.bucket)
    by_child = request.param == "the child says it"
    monkeypatch.setattr(Marked, "after", ["load"] if by_child else None)
    Marked.seen.clear()
    return [] if by_child else ["report"]


def parent(child: Any, forces: list[str], work: Any = note, **options: Any) -> Callable[[Any], Any]:
    def run(workflow: Any) -> Any:
        futures.wait(workflow.submit(Step("load", (work, "load"), force_steps_if_executed=forces, **options)))
        workflow.submit(child).result

    return run


def ran() -> list[str]:
    return [each for each in noted if each in ("load", "report")]


@pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN.keys())
def test_a_step_that_runs_in_the_parent_runs_those_of_the_child(stored: Bench, said: list[str], child: Any) -> None:
    stored.run(parent(child, said))
    assert ran() == ["load", "report"]
    if said:
        assert Marked.seen[0] == ["Dep of load"]
    count = len(Marked.seen)
    stored.run(parent(child, said))
    assert ran() == []
    is_done_step = isinstance(child, Step) and not child.force
    assert bool(Marked.seen[count:]) is not is_done_step
    assert all(each == ["Step was already played"] for each in Marked.seen[count:])
    count = len(Marked.seen)
    stored.run(parent(child, said, force=True))
    assert ran() == ["load", "report"]
    assert Marked.seen[count] == ["Dep of load"]
    stored.run(parent(child, said))
    assert ran() == []


@pytest.mark.parametrize("child", CHILDREN.values(), ids=CHILDREN.keys())
@pytest.mark.parametrize("moment", ["before the mark of load", "after the mark of load"])
def test_the_step_of_the_child_is_stale_after_a_crash(stored: Bench, said: list[str], child: Any, moment: str) -> None:
    """The parent died before the child began. The next run skips ``load``, or runs it; it never skips ``report``."""
    stored.run(parent(child, said))

    def dies(workflow: Any) -> Any:
        work = Chain((note, "load"), Step("dies", (note, "dies")))
        load = Step("load", work, force_steps_if_executed=said, force=True)
        futures.wait(workflow.submit(load))
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        stored.run(dies)
    if moment == "before the mark of load":
        stored.unmark("load")
    stored.run(parent(child, said))
    assert ran() == (["report"] if moment == "after the mark of load" else ["load", "report"])
    assert "Dep of load" in Marked.seen[-1] or (isinstance(child, type) and child is Repeating)
    stored.run(parent(child, said))
    assert ran() == []


def test_a_step_of_the_child_does_not_run_if_the_step_of_the_parent_failed(stored: Bench, said: list[str]) -> None:
    stored.run(parent(Report, said))
    stored.run(parent(Report, said, work=fail_softly, force=True))
    assert ran() == ["load"]
    stored.run(parent(Report, said))
    assert ran() == ["load", "report"]


@pytest.mark.parametrize("child", [Report, Step("out", Report)], ids=["child", "in a step"])
def test_a_child_that_ran_beside_the_step_of_the_parent_is_stale_in_the_next_run(
    stored: Bench, said: list[str], child: Any
) -> None:
    def run(workflow: Any) -> Any:
        work = Chain(*[(note, "busy")] * 20, (note, "load"))
        load = workflow.submit(Step("load", work, force_steps_if_executed=said))
        workflow.submit(child).result
        futures.wait(load)

    stored.run(run)
    assert ran() == ["report", "load"]
    stored.run(run)
    assert ran() == ["report"]
    stored.run(run)
    assert ran() == []


def test_a_child_that_is_submitted_before_every_step_knows_of_the_parent(
    stored: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Marked, "bucket", stored.bucket)
    monkeypatch.setattr(Marked, "after", ["load"])

    def run(workflow: Any) -> Any:
        workflow.submit(Report).result
        futures.wait(workflow.submit(Step("load", (note, "load"))))

    found = []
    for _ in range(3):
        stored.run(run)
        found.append(ran())
    assert found == [["report", "load"], ["report"], []]


def test_a_child_inside_the_work_is_forced_and_no_older_than_it(stored: Bench, said: list[str]) -> None:
    def run(force: bool) -> Callable[[Any], Any]:
        step = Step("load", Report, force_steps_if_executed=said or None, force=force)
        return lambda workflow: workflow.submit(step).failed

    assert stored.run(run(False)) is False
    assert ran() == ["report"]
    assert stored.run(run(True)) is False
    assert ran() == (["report"] if said else [])


def test_a_step_waits_for_what_steps_of_children_inside_depend_on(bench: Bench, said: list[str]) -> None:
    def run(workflow: Any) -> list[str]:
        work = Chain((note, "busy"), (note, "load"))
        load = workflow.submit(Step("load", work, force_steps_if_executed=said, force=True))
        out = workflow.submit(Step("out", Report))
        futures.wait(load, out)
        return out.reasons

    bench.bucket = Marked.bucket
    bench.run(run)
    bench.run(parent(Step("out", Report), said))
    assert bench.run(run) == ["Not done inside: report"]
    assert ran() == ["load", "report"]


def test_a_step_that_makes_its_own_parts_in_children_stale_stays_done(bench: Bench, said: list[str]) -> None:
    """Else neither would ever be done."""

    def run(workflow: Any) -> Any:
        out = workflow.submit(Step("out", Report, force_steps_if_executed=["load"]))
        futures.wait(out, workflow.submit(Step("load", (note, "load"), force_steps_if_executed=said)))

    bench.bucket = Marked.bucket
    for expected in (["report", "load"], [], []):
        bench.run(run)
        assert ran() == expected


def test_a_step_that_was_forced_in_a_child_is_skipped_by_name_only_if_the_origin_was_skipped(
    stored: Bench, said: list[str]
) -> None:
    stored.run(parent(Report, said))
    if said:
        found = _executor(parent(Report, said, force=True), stored, skip_steps=["report"])
        found.run()
        assert ran() == ["load", "report", "load", "report"], "force beats skip"
    noted.clear()
    _executor(parent(Report, said), stored, skip_steps=["report"]).run()
    assert ran() == []


def test_a_plan_says_what_the_steps_of_children_do(stored: Bench, said: list[str]) -> None:
    def planned(run: Any, **options: Any) -> list[tuple[str, str, tuple[str, ...]]]:
        found = plan(_kind(run, stored), workflow_id="w", default_bucket=None, **options)
        assert found.notes == ()
        return [(each.step, each.verdict, each.reasons) for each in found.steps]

    dep, done = ("Dep of load",), ("Step was already played",)
    stored.run(parent(Report, said))
    assert planned(parent(Report, said)) == [("load", "skip", done), ("report", "skip", done)]
    requested = ("Requested at start",)
    assert planned(parent(Report, said), force="load") == [("load", "run", requested), ("report", "run", dep)]
    with pytest.raises(RuntimeError):
        stored.run(_dying(said))
    assert planned(parent(Report, said)) == [("load", "skip", done), ("report", "run", dep)]


def _dying(said: list[str]) -> Callable[[Any], Any]:
    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(Step("load", (note, "load"), force_steps_if_executed=said, force=True)))
        raise RuntimeError("the power is gone")

    return run


def _kind(run: Any, stored: Bench) -> Any:
    body = {"name": "under test", "run": lambda self: run(self), "get_step_bucket": lambda self: stored.bucket}
    return type("UnderTest", (Workflow, WorkflowStepMixin), body)


def _executor(run: Any, stored: Bench, **options: Any) -> Executor:
    return Executor(_kind(run, stored), workflow_id="w", **options)


# What is handed down


def test_the_input_of_a_child_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand steps that force each other in the parent leave room for those that a child has."""
    monkeypatch.setattr(Marked, "bucket", str(tmp_path))
    inputs: list[Any] = []

    class Seen(Marked):
        name = "seen"

        def run(self) -> None:
            inputs.append(self.executor.reserved[ORIGINS])
            self.report().result

    class Long(Marked):
        name = "long"

        def run(self) -> None:
            names = [f"step number {number}" for number in range(600)]
            self.add_skipped_steps(names)
            for name, following in zip(names, [*names[1:], "report"], strict=True):
                self.submit(Step(name, (note, name), force_steps_if_executed=following))
            futures.wait(self.submit(Step("load", (note, "load"), force_steps_if_executed=["report"])))
            self.submit(Seen).result

    noted.clear()
    Executor(Long).run()
    assert noted == ["load", "report"]
    assert inputs[0][0]["forces"] == {"load": ["report"], "step number 599": ["report"]}


@pytest.mark.parametrize("bad", [1, {"a": 1}, ["x"], [{"path": "p"}], [{"bucket": "b", "path": "p", "forces": 1}]])
def test_a_malformed_request_is_refused(bad: Any) -> None:
    from simpleflow.exceptions import InputError

    with pytest.raises(InputError, match="__simpleflow_origins of the input is"):
        Executor(Report).run({"args": [], "kwargs": {}, ORIGINS: bad})


def test_nothing_is_handed_down_without_steps() -> None:
    class Child(Workflow):
        name = "child without steps"

        def run(self) -> Any:
            return ORIGINS in self.executor.reserved

    class Parent(Workflow):
        name = "parent without steps"

        def run(self) -> Any:
            return self.submit(Child).result

    assert Executor(Parent).run() is False
