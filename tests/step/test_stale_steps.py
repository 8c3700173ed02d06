"""Steps: what is stale is played, what failed is not done, and what cannot be is refused before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import InputError, TaskFailed
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.bench import Bench, fail_hard, fail_softly, play, played


def a_forces_b(workflow: Any, b: Any = (play, "b")) -> list[bool]:
    steps = [workflow.step("a", (play, "a"), force_steps_if_executed=["b"]), workflow.step("b", b)]
    return [workflow.submit(step).ran for step in steps]


@pytest.mark.parametrize("work", [fail_softly, fail_hard])
def test_a_dependent_that_was_forced_and_failed_runs_again(stored: Bench, work: Any) -> None:
    stored.mark("b")
    if work is fail_hard:
        with pytest.raises(TaskFailed):
            stored.run(lambda workflow: a_forces_b(workflow, (work, "b")))
    else:
        assert stored.run(lambda workflow: a_forces_b(workflow, (work, "b"))) == [True, True]
    assert (played, stored.done) == (["a", "b"], ["a"])
    assert stored.run(a_forces_b) == [False, True]
    assert stored.run(a_forces_b) == [False, False]


def test_a_run_that_ends_before_the_dependent_leaves_it_to_the_next(stored: Bench) -> None:
    stored.mark("b", "b.part", "bb")

    def ends(workflow: Any) -> None:
        workflow.submit(workflow.step("a", (play, "a"), force_steps_if_executed=["b"])).result
        workflow.fail("out of time")

    with pytest.raises(Exception, match="out of time"):
        stored.run(ends)
    assert stored.done == ["a", "bb"]
    assert stored.run(a_forces_b) == [False, True]


@pytest.mark.parametrize("container", [Group, Chain])
def test_a_dependent_that_comes_before_its_origin_is_played_next_time(stored: Bench, container: Any) -> None:
    def run(workflow: Any) -> None:
        a = workflow.step("a", (play, "a"), force=workflow.forces_a, force_steps_if_executed=["b"])
        futures.wait(workflow.submit(container(workflow.step("b", (play, "b")), a)))

    stored.mark("a", "b")
    for forces_a, expected in ((True, ["a"]), (False, ["b"]), (False, [])):
        stored.run(run, forces_a=forces_a)
        assert played == expected


def test_markers_that_say_the_same_are_recorded_each_time_that_the_step_is_played(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        return [workflow.submit(workflow.step("a", (play, "a"), force=True)).ran for _ in range(3)]

    assert bench.run(run) == [True, True, True]
    assert bench.log() == ["a scheduled", "a completed"] * 3
    assert played == ["a"] * 3


def test_each_time_a_step_is_met_its_signal_is_sent(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        for _ in range(2):
            futures.wait(workflow.submit(workflow.step("a", (play, "a"), emit_signal=True)))

    bench.run(run)
    assert bench.log() == ["a scheduled", "a completed", "a skipped"]
    assert [signal.name for signal in bench.executor.signals_sent] == ["step.a"] * 2


class Load(Workflow, WorkflowStepMixin):
    def run(self) -> Any:
        return self.submit(self.step("load", (play, "load"))).ran


class Billing(Load):
    name = "billing"


class Report(Load):
    name = "report"


@pytest.mark.parametrize("durable", [False, True])
def test_workflows_do_not_share_their_steps(durable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / "state" if durable else None
    assert [Executor(kind, state=state).run() for kind in (Billing, Report, Billing, Report)] == [
        True,
        True,
        False,
        False,
    ]
    assert Executor(Billing, workflow_id="another", state=state).run() is True


class Child(Workflow, WorkflowStepMixin):
    """Keeps its marks in a place of its own, and is steered by nobody else."""

    name = "child"

    def get_step_bucket(self) -> str:
        return "memory://bucket of the child"

    def get_step_path_prefix(self) -> str:
        return "child"

    def run(self) -> Any:
        return [self.submit(self.step("a", (play, "child"))).ran, self.get_forced_steps(), self.get_skipped_steps()]


class Plain(Workflow):
    name = "plain"

    def run(self) -> Any:
        return self.submit(Child).result


def test_a_child_has_steps_although_its_parent_has_none() -> None:
    from simpleflow.stores import open_store

    open_store("memory://bucket of the child").delete("child", ["a"])
    assert [Executor(Plain).run() for _ in range(2)] == [[True, [], []], [False, [], []]]


@pytest.mark.parametrize("how", ["add_forced_steps", "add_skipped_steps"])
def test_a_parent_steers_its_own_steps_alone(bench: Bench, how: str) -> None:
    from simpleflow.stores import open_store

    there = open_store("memory://bucket of the child")
    there.delete("child", ["a"])
    if how == "add_forced_steps":
        there.put("child", "a", b"{}")

    def run(workflow: Any) -> Any:
        getattr(workflow, how)("*", "all of them")
        mine = workflow.submit(workflow.step("a", (play, "mine"))).ran
        return [mine, workflow.submit(Child).result]

    forced = how == "add_forced_steps"
    assert bench.run(run) == [forced, [not forced, [], []]]
    assert bench.done == (["a"] if forced else [])


def test_a_text_is_one_name_wherever_names_are_expected(bench: Bench) -> None:
    bench.mark("a", "b", "c", "abc", "abc.d")

    def run(workflow: Any) -> Any:
        workflow.add_forced_steps("abc", "why not")
        workflow.add_skipped_steps("xyz")
        steps = ["a", "b", "c", "abc", "abc.d", "x", "xyz"]
        ran = [workflow.submit(workflow.step(name, (play, name))).ran for name in steps]
        return [workflow.get_forced_steps(), workflow.get_skipped_steps(), ran]

    assert bench.run(run) == [["abc"], ["xyz"], [False, False, False, True, True, True, False]]
    assert Step("a", (play, "a"), force_steps_if_executed="step_b").force_steps_if_executed == ["step_b"]


@pytest.mark.parametrize("names", [None, 1, [1], [None], {"a": "b"}, b"a", ["a", ""], ["a", ["b"]], [" ", "a\n"]])
@pytest.mark.parametrize("how", ["forced steps", "skipped steps"])
def test_what_is_no_list_of_names_is_refused_where_it_is_given(bench: Bench, names: Any, how: str) -> None:
    def run(workflow: Any) -> Any:
        with pytest.raises(InputError, match=how):
            getattr(workflow, f"add_{how.replace(' ', '_')}")(names)
        return workflow.get_forced_steps() + workflow.get_skipped_steps()

    assert bench.run(run) == [], "all of them or none"


def test_a_reason_is_a_text(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        workflow.add_forced_steps("a", {"why": "not"})

    with pytest.raises(InputError, match=r"reason of forced steps is \{'why': 'not'\}; expected text or None"):
        bench.run(run)


@pytest.mark.parametrize("name", [None, 12, ["a"], b"a", "", ".", "a..b", "../up", "a/../../up", "a\n", "*", "a\ud800"])
def test_a_name_that_cannot_be_is_refused_before_anything_is_done(bench: Bench, name: Any) -> None:
    with pytest.raises(InputError, match="step name"):
        bench.run(lambda workflow: futures.wait(workflow.submit(workflow.step(name, (play, "a")))))
    assert (played, bench.activities()) == ([], [])


@pytest.mark.parametrize("length", [1025, 100_000])
def test_a_name_that_no_bucket_holds_is_refused_before_anything_is_done(stored: Bench, length: int) -> None:
    name = "a" * (length - len("w/steps/"))
    with pytest.raises(InputError, match=rf"{length} bytes; expected 1024 at most") as caught:
        stored.run(lambda workflow: futures.wait(workflow.submit(workflow.step(name, (play, "a")))))
    assert (played, stored.activities()) == ([], [])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["\\" * 500, "//" * 400, "%=" * 300])
def test_a_name_that_is_too_long_once_it_is_quoted_is_refused_before_anything_is_done(stored: Bench, name: str) -> None:
    with pytest.raises(InputError, match="expected 1024 at most"):
        stored.run(lambda workflow: futures.wait(workflow.submit(workflow.step(name, (play, "a")))))
    assert (played, stored.activities()) == ([], [])


@pytest.mark.parametrize(
    ("method", "value", "said"),
    [
        ("get_step_path_prefix", None, r"get_step_path_prefix\(\) returned None; expected text"),
        ("get_step_path_prefix", 12, r"get_step_path_prefix\(\) returned 12; expected text"),
        ("get_step_bucket", None, r"get_step_bucket\(\) returned None; expected a bucket"),
        ("get_step_bucket", "a/b", "the bucket 'a/b' cannot be used"),
    ],
)
def test_a_place_for_marks_that_cannot_be_is_refused_as_what_it_is(
    bench: Bench, method: str, value: Any, said: str
) -> None:
    with pytest.raises(Exception, match=said):
        bench.run(lambda w: futures.wait(w.submit(w.step("a", (play, "a")))), **{method: lambda self: value})
    assert played == []


@pytest.mark.parametrize("name", ["/abs", "//abs", "a//b", "a/", "with space", "é/ü", "%2Fabs"])
def test_a_name_with_slashes_stays_below_its_prefix_and_is_found_again(stored: Bench, name: str) -> None:
    def run(workflow: Any) -> Any:
        return workflow.submit(workflow.step(name, (play, "a"))).ran

    assert [stored.run(run), stored.run(run)] == [True, False]
    assert stored.done == [name]


@pytest.mark.parametrize("alternative", ["text", 12, [(play, "a")], print, (print, 1), (), True, object()])
def test_an_alternative_that_cannot_be_is_refused_although_the_step_would_run(bench: Bench, alternative: Any) -> None:
    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(workflow.step("a", (play, "a"), activities_if_step_already_done=alternative)))

    with pytest.raises(Exception, match="activities_if_step_already_done of step 'a'") as caught:
        bench.run(run)
    assert isinstance(caught.value, TypeError | ValueError)
    assert (played, bench.activities()) == ([], [])


def test_an_alternative_is_whatever_the_work_may_be(bench: Bench) -> None:
    alternatives = [
        play,
        (play, "tuple"),
        Group((play, "group")),
        Chain((play, "chain")),
        Step("b", (play, "b")),
        Child,
    ]
    arguments = [(play, "alone"), *alternatives[1:]]
    bench.mark("a")

    def run(workflow: Any) -> Any:
        futs = [workflow.submit(Step("a", (play, "a"), activities_if_step_already_done=each)) for each in arguments]
        futures.wait(*futs)
        return [future.ran for future in futs]

    assert bench.run(run) == [False] * 6
    assert {"alone", "tuple", "group", "chain", "b"} <= set(played)
