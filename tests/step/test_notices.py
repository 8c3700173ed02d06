"""Notices: dependencies on steps that nobody has, steps that force each other, and skipped names without effect."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.cli.view.follower import Follower
from simpleflow.constants import NOTICE_MARKER
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.steering.plan import plan
from simpleflow.step.notices import Notices
from simpleflow.step.report import StepReport
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, fail_hard, fail_softly, note

_numbers = itertools.count()


class Child(Workflow, WorkflowStepMixin):
    name = "child of notices"
    bucket = ""
    after: Any = None

    def get_step_bucket(self) -> str:
        return Child.bucket

    def run(self) -> None:
        futures.wait(self.submit(Step("report", (note, "report"), after=Child.after)))


class Seen:
    """Runs over one set of marks. Each call gives the notices of a run, after checking that those of its plan agree."""

    def __init__(self) -> None:
        self.bucket = f"memory://notices-{next(_numbers)}"

    def __call__(self, run: Callable[[Any], Any], planned: bool = True, **requested: Any) -> list[str]:
        body = {"name": "notices", "run": lambda self: run(self) and None, "get_step_bucket": lambda _: self.bucket}
        kind = type("UnderTest", (Workflow, WorkflowStepMixin), body)
        names = {key.removesuffix("_steps"): each for key, each in requested.items()}
        expected = plan(kind, workflow_id="w", default_bucket=None, **names) if planned else None
        follower = Follower()
        Executor(kind, workflow_id="w", observer=follower.fold, **requested).run()
        found = follower.notices()
        if expected is not None:
            assert list(expected.warnings) == found
        return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen()
    monkeypatch.setattr(Child, "bucket", found.bucket)
    monkeypatch.setattr(Child, "after", None)
    return found


def steps(workflow: Any, *members: Any) -> None:
    for member in members:
        futures.wait(workflow.submit(member))


def step(name: str, **options: Any) -> Step:
    return Step(name, (note, name), **options)


def test_a_misspelt_dependent_is_told_whether_the_step_runs_or_is_skipped(seen: Seen) -> None:
    expected = ["step 'load' forces 'reprot': no step of that name was reached (did you mean 'report'?)"]

    def run(workflow: Any) -> None:
        steps(workflow, step("load", force_steps_if_executed=["reprot"]), step("report"))

    assert seen(run) == expected
    assert seen(run) == expected
    assert seen(run, force_steps="*") == expected


def test_a_misspelt_origin_is_reported(seen: Seen) -> None:
    expected = ["step 'report' comes after 'laod': no step of that name was reached (did you mean 'load'?)"]

    def run(workflow: Any) -> None:
        steps(workflow, step("load"), step("report", after=["laod"]))

    assert seen(run) == expected
    assert seen(run) == expected


@pytest.mark.parametrize(
    "work",
    [
        step("load.report"),
        Group(step("load.report")),
        Chain(step("other"), step("load.report")),
        FuncGroup(lambda: step("load.report")),
        Group(step("load.report", after="lo"), step("lo")),
    ],
)
def test_names_that_steps_have_are_not_reported(seen: Seen, work: Any) -> None:
    def run(workflow: Any) -> None:
        for pattern in ("load.report", "load", "*"):
            steps(workflow, step(f"origin {pattern}", force_steps_if_executed=[pattern]))
        steps(workflow, Step("load.all", work))

    assert seen(run) == []
    assert seen(run) == [], "the steps inside the skipped step are not reached, but it may have them"


def test_names_of_steps_that_are_done_are_not_reported(seen: Seen) -> None:
    """They are submitted in some runs only."""
    load = step("load", force_steps_if_executed=["mail"])
    assert seen(lambda workflow: steps(workflow, load, step("mail"))) == []
    assert seen(lambda workflow: steps(workflow, load)) == []


class Middle(Workflow):
    """It has no steps of its own."""

    def run(self) -> None:
        futures.wait(self.submit(Child))


@pytest.mark.parametrize("after", [None, ["load"]])
def test_steps_below_a_child_without_steps_are_known(seen: Seen, monkeypatch: pytest.MonkeyPatch, after: Any) -> None:
    monkeypatch.setattr(Child, "after", after)
    forces = {} if after else {"force_steps_if_executed": ["report"]}
    assert seen(lambda w: steps(w, step("load", **forces), Middle)) == []
    assert seen(lambda w: steps(w, step("load", **forces), Middle)) == []


@pytest.mark.parametrize("child", [Child, Group(Child), FuncGroup(lambda: Child), Step("out", Child, force=True)])
def test_names_of_steps_of_children_are_not_reported(seen: Seen, monkeypatch: pytest.MonkeyPatch, child: Any) -> None:
    assert seen(lambda w: steps(w, step("load", force_steps_if_executed=["report"]), child)) == []
    monkeypatch.setattr(Child, "after", ["load"])
    assert seen(lambda w: steps(w, step("load"), child)) == []
    monkeypatch.setattr(Child, "after", ["laod"])
    assert seen(lambda w: steps(w, step("load"), child)) == [
        "step 'report' comes after 'laod': no step of that name was reached (did you mean 'load'?)"
    ]


def test_a_step_of_a_child_does_not_force_one_of_the_parent(seen: Seen) -> None:
    class Forcing(Child):
        name = "forcing"

        def run(self) -> None:
            steps(self, step("inner", force_steps_if_executed=["outer"]))

    assert seen(lambda workflow: steps(workflow, Forcing, step("outer"))) == [
        "step 'inner' forces 'outer': no step of that name was reached"
    ]


def test_nothing_is_told_of_names_if_a_step_failed_since_others_may_not_have_been_reached(seen: Seen) -> None:
    def run(workflow: Any) -> None:
        steps(workflow, step("load", force_steps_if_executed=["late"]))
        steps(workflow, Chain(Step("broken", (fail_softly, "x"), bubbles_exception_on_failure=True), step("late")))

    assert seen(run, planned=False) == []


def test_nothing_is_told_of_names_by_an_incomplete_plan(seen: Seen) -> None:
    def run(workflow: Any) -> None:
        steps(workflow, step("load", force_steps_if_executed=["late"]))
        if workflow.submit(note, "x").result:
            steps(workflow, step("late"))

    body = {"name": "notices", "run": run, "get_step_bucket": lambda _: seen.bucket}
    found = plan(type("UnderTest", (Workflow, WorkflowStepMixin), body), workflow_id="w", default_bucket=None)
    assert found.notes
    assert found.warnings == ()
    assert seen(run, planned=False) == []


def test_steps_that_force_each_other_are_reported(seen: Seen) -> None:
    def run(workflow: Any) -> None:
        steps(
            workflow,
            step("a", force_steps_if_executed=["b"]),
            step("b", force_steps_if_executed=["c"]),
            step("c", force_steps_if_executed=["a"]),
        )

    expected = [
        "steps 'a', 'b', 'c' force each other: whenever one runs, another is no longer done; leave out one of these "
        "dependencies"
    ]
    assert seen(run) == expected
    assert seen(run) == expected


def test_steps_that_come_after_each_other_are_reported(seen: Seen) -> None:
    def run(workflow: Any) -> None:
        steps(workflow, Group(step("a", after="b"), step("b", after="a")))

    assert any("steps 'a', 'b' force each other" in line for line in seen(run))


def test_a_chain_of_dependents_and_steps_inside_each_other_are_no_circle(seen: Seen) -> None:
    def run(workflow: Any) -> None:
        inner = step("out.in", force_steps_if_executed=["out"])
        steps(workflow, Step("out", Group(inner), force_steps_if_executed=["out", "a"]))
        steps(workflow, step("a", force_steps_if_executed=["b"]), step("b", force_steps_if_executed=["c"]), step("c"))

    for _ in range(2):
        assert seen(run) == []
    assert seen(run, force_steps="*") == []


def pipeline(workflow: Any) -> None:
    names = ["load", "clean", "report"]
    for name, following in zip(names, [*names[1:], None], strict=True):
        steps(workflow, step(name, force_steps_if_executed=following))


@pytest.mark.parametrize(
    ("force", "skip", "expected"),
    [
        ((), "report", []),
        ("load", "report", ["skip 'report' has no effect on step 'report', since it depends on 'clean': {}"]),
        ("report", "report", []),  # asked for in so many words
        ("clean", "*", ["skip '*' has no effect on step 'report', since it depends on 'clean': {}"]),
    ],
)
def test_a_skipped_name_without_effect_is_reported(seen: Seen, force: Any, skip: Any, expected: list[str]) -> None:
    seen(pipeline)
    way = f"to leave it out, do not force {force!r}, or stop before it with --until clean"
    assert seen(pipeline, force_steps=force, skip_steps=skip) == [line.format(way) for line in expected]


def test_the_way_to_leave_out_a_dependent_names_the_first_step_of_all(seen: Seen) -> None:
    assert seen(pipeline, skip_steps=["report"]) == [
        "skip 'report' has no effect on step 'report', since it depends on 'clean': to leave it out, skip 'load' too, "
        "or stop before it with --until clean"
    ]
    assert seen(pipeline, skip_steps=["load", "report"]) == []


def test_a_step_that_names_its_origin_is_told_of_alike(seen: Seen) -> None:
    assert seen(lambda w: steps(w, step("load"), step("report", after="load")), skip_steps=["report"]) == [
        "skip 'report' has no effect on step 'report', since it depends on 'load': to leave it out, skip 'load' too, "
        "or stop before it with --until load"
    ]


def test_a_name_that_the_workflow_skips_counts_too(seen: Seen) -> None:
    def run(workflow: Any) -> None:
        workflow.add_skipped_steps("report")
        pipeline(workflow)

    assert len(seen(run)) == 1


def test_a_skipped_name_in_a_child_counts_too(seen: Seen) -> None:
    found = seen(lambda w: steps(w, step("load", force_steps_if_executed="report"), Child), skip_steps=["report"])
    assert found == [
        "skip 'report' has no effect on step 'report', since it depends on 'load': to leave it out, skip 'load' too, "
        "or stop before it with --until load"
    ]


def test_a_run_that_fails_tells_nothing_of_names(seen: Seen) -> None:
    with pytest.raises(TaskFailed):
        seen(lambda w: steps(w, Step("load", (fail_hard, "x"), force_steps_if_executed="late")), planned=False)


def test_there_are_a_few_notices_of_each_kind() -> None:
    notices = Notices()
    for number in range(9):
        notices.add("w", None, StepReport(f"s{number}", "skipped", False, (), forces=(f"x{number}",)))
    lines = notices.lines()
    assert len(lines) == 6
    assert lines[-1] == "... and 4 more of this kind"


def test_ten_thousand_steps_take_no_time() -> None:
    """A chain of dependents and a thousand children: nothing is looked at twice."""
    import time

    notices = Notices()
    for number in range(10_000):
        report = StepReport(
            f"s{number}", "scheduled", True, (f"Dep of s{number - 1}",), forces=(f"s{number + 1}",), unmarks=("s1",)
        )
        notices.add("w" if number % 10 else f"w--{number}", None if number % 10 else "w", report)
    began = time.process_time()
    notices.lines()
    assert time.process_time() - began < 2


# Marks that other runs may use, without claims


def told_of_sharing(bench: Bench, path: str | None, **options: Any) -> list[str]:
    def run(workflow: Any) -> None:
        for name in ("load", "clean"):
            workflow.submit(Step(name, (note, name), **options.get(name, {}))).result

    own = {} if path is None else {"get_step_path_prefix": lambda _: path}
    bench.run(run, **own)
    found = [event.get("markerRecordedEventAttributes", {}) for event in bench.executor.history]
    return [str(each["details"]) for each in found if each.get("markerName") == NOTICE_MARKER]


def test_marks_that_are_shared_without_claims_are_told_once(stored: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    forcing = {"load": {"force_steps_if_executed": ["clean"]}, "clean": {"force_steps_if_executed": ["x"]}}
    is_told = "s3" in stored.bucket or "http" in stored.bucket
    found = told_of_sharing(stored, "shared", **forcing)
    assert len(found) == is_told
    for text in found:
        assert "marks below 'shared' in" in text
        assert "a step that depends on another one, such as 'load'" in text
        assert "SIMPLEFLOW_STEP_CLAIMS=yes" in text
    after = {"clean": {"after": ["load"]}}
    assert told_of_sharing(stored, "shared", **after) == []  # none of them runs
    assert len(told_of_sharing(stored, "others", **after)) == is_told
    assert told_of_sharing(stored, None, **after) == []  # no other workflow id has these marks
    assert told_of_sharing(stored, "third") == []  # nothing depends on anything
    for setting in ("yes", "no"):
        monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", setting)
        assert told_of_sharing(stored, setting, **after) == []
