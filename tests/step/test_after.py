"""``Step(after=...)``: a step says on which steps it depends. It is the same dependency, declared at the other end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import InputError
from simpleflow.step.submittable import Step
from simpleflow.stores import open_store
from tests.step.bench import Bench, fail_softly, note, noted
from tests.step.test_evaluated_afresh import Ordered

DEP = ["Dep of a"]


def a(**options: Any) -> Step:
    return Step("a", (note, "a"), **options)


def b(**options: Any) -> Step:
    return Step("b", (note, "b"), after=["a"], **options)


def reasons(bench: Bench, name: str = "b") -> list[str]:
    """The reasons of the first verdict on the step in the latest run."""
    return next(marker["reasons"] for marker in bench.markers if marker["step"] == name)


@pytest.fixture(params=["0", "1"], ids=["unclaimed", "claimed"])
def claims(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_CLAIMS", request.param)


WAYS: dict[str, Callable[[Any, bool], Any]] = {
    "both at once": lambda w, force: futures.wait(w.submit(a(force=force)), w.submit(b())),
    "one by one": lambda w, force: [futures.wait(w.submit(step)) for step in (a(force=force), b())],
    "group": lambda w, force: w.submit(Group(a(force=force), b())).result,
    "chain": lambda w, force: w.submit(Chain(a(force=force), b())).result,
    "func": lambda w, force: w.submit(FuncGroup(lambda: Chain(a(force=force), FuncGroup(b)))).result,
    "inside another step": lambda w, force: futures.wait(w.submit(a(force=force)), w.submit(Step("out", b(), True))),
    "after a look": lambda w, force: [
        (w.submit(a(force=force)), None)[1],
        w.submit(note, "look").finished,
        w.submit(Chain((note, "x"), (note, "look"))).result,
        w.submit(b()).ran,
    ],
}


@pytest.mark.usefixtures("claims")
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_a_step_is_forced_if_a_step_that_it_depends_on_runs(stored: Bench, way: Callable[..., Any]) -> None:
    stored.run(lambda workflow: way(workflow, False))
    assert reasons(stored) == DEP
    assert [each for each in noted if each in "ab"] == ["a", "b"]
    stored.run(lambda workflow: way(workflow, False))
    assert [each for each in noted if each in "ab"] == []
    assert reasons(stored) == ["Step was already played"]
    stored.run(lambda workflow: way(workflow, True))
    assert [each for each in noted if each in "ab"] == ["a", "b"]
    assert reasons(stored) == DEP
    stored.run(lambda workflow: way(workflow, False))
    assert [each for each in noted if each in "ab"] == []


def test_it_waits_for_that_step_although_it_was_submitted_at_once(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        work = Chain((note, "a1"), (note, "a2"), (note, "a3"))
        futures.wait(workflow.submit(Step("a", work)), workflow.submit(b()))

    bench.run(run)
    assert noted == ["a1", "a2", "a3", "b"]


def test_a_name_covers_the_steps_below_it(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        steps = [Step(f"load.{name}", (note, name)) for name in ("users", "orders")]
        futures.wait(workflow.submit(Group(*steps)), workflow.submit(Step("r", (note, "r"), after="load")))

    bench.run(run)
    assert noted[-1] == "r"
    assert reasons(bench, "r") == ["Dep of load.orders", "Dep of load.users"]
    bench.unmark("load.users")
    bench.run(run)
    assert noted == ["users", "r"]
    assert reasons(bench, "r") == ["Dep of load.users"]


def test_it_does_not_run_if_that_step_fails_and_is_not_done(bench: Bench) -> None:
    def run(work: Any) -> Callable[[Any], Any]:
        return lambda w: [f.failed for f in (w.submit(Step("a", (work, "a"), force=True)), w.submit(b()))]

    assert bench.run(run(note)) == [False, False]
    assert bench.run(run(fail_softly)) == [True, True]
    assert bench.done == []
    assert bench.markers[-1]["refused"] == "a"


def test_a_submitted_dependent_loses_its_mark_before_the_work(bench: Bench) -> None:
    bench.run(lambda w: futures.wait(w.submit(a()), w.submit(b())))
    found = Ordered(bench.bucket, lambda w: futures.wait(w.submit(a(force=True)), w.submit(b())))
    found.end("GetStepsDoneTask")
    found.end("UnmarkStepsDoneTask")
    assert bench.done == []
    assert found.take("note", "a")


def test_a_dependent_submitted_before_the_step_runs_in_the_next_run(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(b()))
        futures.wait(workflow.submit(a()))

    bench.run(run)
    assert (noted, bench.done) == (["b", "a"], ["a"])
    bench.run(run)
    assert (noted, bench.done) == (["b"], ["a", "b"])
    bench.run(run)
    assert noted == []


def test_a_dependent_that_was_under_way_when_the_step_began_is_not_marked(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        dependent = workflow.submit(Step("b", Chain(*[(note, "b")] * 6), after="a"))
        futures.wait(workflow.submit(a()), dependent)

    bench.run(run)
    assert bench.done == ["a"]
    assert bench.markers[-1]["stale"] == "Dep of a"


@pytest.mark.usefixtures("claims")
@pytest.mark.parametrize("mark", ["as the run before wrote it", "without versions", "by hand"])
def test_a_run_that_died_before_it_reached_the_dependent_leaves_it_stale(stored: Bench, mark: str) -> None:
    """When ``a`` began, nothing knew of ``b``. Only its mark tells the next run that ``b`` has seen an older ``a``."""
    stored.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    store = open_store(stored.bucket)
    content = json.loads(store.get("w/steps", "b") or b"")
    if mark != "as the run before wrote it":
        del content["after"]
        if mark == "by hand":
            content = {"time": content["time"], "by_hand": True}
        store.put("w/steps", "b", json.dumps(content).encode())

    def dies(workflow: Any) -> None:
        futures.wait(workflow.submit(a(force=True)))
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        stored.run(dies)
    assert stored.done == ["a", "b"]
    stored.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    assert noted == ["b"]
    assert reasons(stored) == DEP
    stored.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    assert noted == []


def test_a_run_that_died_in_the_work_leaves_the_dependent_stale(bench: Bench) -> None:
    bench.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    found = Ordered(bench.bucket, lambda w: futures.wait(w.submit(a(force=True))))
    found.end("GetStepsDoneTask")
    found.end("UnmarkStepsDoneTask")
    bench.run(lambda w: [futures.wait(w.submit(step)) for step in (Step("a", (note, "a")), b())])
    assert noted == ["a", "b"]
    bench.unmark("a")
    bench.run(lambda w: [w.add_skipped_steps("a"), *(futures.wait(w.submit(step)) for step in (a(), b()))])
    assert noted == ["b"], "the mark of a is gone: b is no longer known to be made with it"


def test_adding_the_dependency_to_done_steps_runs_nothing(bench: Bench) -> None:
    bench.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), Step("b", (note, "b")))])
    bench.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    assert noted == []
    bench.mark("a", "b")  # marks of another library, which say nothing at all
    bench.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    assert noted == []


def test_skipping_a_stale_dependent_by_name_skips_it(bench: Bench) -> None:
    bench.run(lambda w: [futures.wait(w.submit(step)) for step in (a(), b())])
    bench.run(lambda w: futures.wait(w.submit(a(force=True))))
    bench.run(lambda w: [w.add_skipped_steps("b"), futures.wait(w.submit(b()))])
    assert noted == []


def test_both_ends_may_declare_the_dependency(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(a(force_steps_if_executed=["b"])), workflow.submit(b()))

    bench.run(run)
    assert noted == ["a", "b"]
    assert reasons(bench) == DEP
    bench.run(run)
    assert noted == []


def test_steps_that_depend_on_each_other_do_not_wait_for_each_other(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        workflow.submit(Group(Step("a", (note, "a"), after="b"), b())).result

    bench.run(run)
    assert noted == ["a", "b"]


def test_steps_inside_each_other_do_not_wait_for_each_other(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        return workflow.submit(Step("a", Chain((note, "a"), b()), after="b")).failed

    assert bench.run(run) is False
    assert bench.done == ["a", "b"]


def test_it_counts_through_others(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        workflow.submit(Group(a(), b(), Step("c", (note, "c"), after="b"))).result

    bench.run(run)
    assert noted == ["a", "b", "c"]
    bench.unmark("a")
    bench.run(run)
    assert noted == ["a", "b", "c"]


@pytest.mark.parametrize("bad", [12, ["a..b"], [""], {"a": 1}])
def test_bad_names_are_refused_at_once(bad: Any) -> None:
    with pytest.raises(InputError, match="after of step 'b'"):
        Step("b", (note, "b"), after=bad)


def test_a_step_after_itself_is_refused() -> None:
    with pytest.raises(InputError, match="step 'b' comes after itself"):
        Step("b", (note, "b"), after=["a", "b"])


def test_a_single_text_is_one_name() -> None:
    assert Step("b", (note, "b"), after="load").after == ["load"]
