"""The values of steps: as arguments of other work, and the list of the done ones."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import ResultNotKept
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.task import ActivityTask


@activity.with_attributes(raises_on_failure=True)
def double(number: int) -> int:
    return 2 * number


@activity.with_attributes()
def listed(value: Any) -> Any:
    return [value]


def run_steps(run: Any, state: Any) -> Any:
    kind = type("Values", (Workflow, WorkflowStepMixin), {"name": "values", "run": run})
    return Executor(kind, state=state).run()


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda self, a: self.step("b", (double, a)),
        lambda self, a: Group((double, a)),
        lambda self, a: Chain((double, a)),
    ],
)
def test_a_step_s_future_as_an_argument_is_what_its_work_returned(make: Any, kept: bool, tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        a = self.submit(self.step("a", (double, 3), keep_result=kept))
        made = self.submit(make(self, a))
        return made.value if hasattr(made, "value") else made.result

    assert run_steps(run, tmp_path) in (12, [12])


def test_of_a_skipped_step_it_is_the_kept_result(tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        return self.submit(double, self.submit(self.step("a", (double, 3), keep_result=True))).result

    assert [run_steps(run, tmp_path), run_steps(run, tmp_path)] == [12, 12]


def test_inside_another_argument_it_is_the_same(tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        a = self.submit(self.step("a", (double, 3)))
        a.wait()
        return self.submit(listed, {"a": a}).result

    assert run_steps(run, tmp_path) == [{"a": 6}]


NESTED: dict[str, tuple[Any, Any]] = {
    "step": (lambda self, inner: self.step("out", inner), 6),
    "group": (lambda self, inner: Group(inner, (double, 1)), [6, 2]),
    "chain in a step": (lambda self, inner: self.step("out", Chain((double, 1), inner)), [2, 6]),
    "in a func": (lambda self, inner: FuncGroup(lambda: Group(inner)), [6]),
}


@pytest.mark.parametrize(("make", "expected"), NESTED.values(), ids=NESTED.keys())
def test_of_steps_inside_it_is_their_values(make: Any, expected: Any, tmp_path: Any) -> None:
    def run(self: Any, kept: bool) -> Any:
        return self.submit(listed, self.submit(make(self, self.step("a", (double, 3), keep_result=kept)))).result

    assert run_steps(lambda self: run(self, kept=True), tmp_path) == [expected]
    # The inner one is skipped.
    assert run_steps(lambda self: run(_forcing_out(self), kept=True), tmp_path) == [expected]
    with pytest.raises(ResultNotKept, match="step 'a' was skipped, and its result was not kept"):
        run_steps(lambda self: run(_forcing_out(self), kept=False), tmp_path)


def _forcing_out(workflow: Any) -> Any:
    workflow.add_forced_steps("out")
    return workflow


def test_a_chain_sends_the_value_of_a_step(tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        return self.submit(Chain(self.step("a", (double, 3)), double, send_result=True)).result[1]

    assert run_steps(run, tmp_path) == 12
    with pytest.raises(ResultNotKept, match="step 'a' was skipped, and its result was not kept"):
        run_steps(run, tmp_path)


def test_a_result_of_which_a_part_is_not_known_is_not_kept(tmp_path: Any) -> None:
    def run(self: Any, force: bool) -> Any:
        out = self.step("out", Group(self.step("a", (double, 3)), (double, 1)), keep_result=True, force=force)
        return self.submit(out).value

    assert run_steps(lambda self: run(self, False), tmp_path) == [6, 2]
    assert run_steps(lambda self: run(self, False), tmp_path) == [6, 2]
    assert run_steps(lambda self: run(self, True), tmp_path) == [None, 2]
    with pytest.raises(ResultNotKept, match=r"step 'out' was skipped.*step 'a' was skipped"):
        run_steps(lambda self: run(self, False), tmp_path)


def test_a_skipped_step_without_a_result_is_an_error_that_names_it(tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        return self.submit(double, self.submit(self.step("a", (double, 3)))).result

    assert run_steps(run, tmp_path) == 12
    with pytest.raises(ResultNotKept, match=r"step 'a' was skipped, and its result was not kept.*keep_result=True"):
        run_steps(run, tmp_path)


def test_a_skipped_step_with_an_alternative_gives_that(tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        step = self.step("a", (double, 3), activities_if_step_already_done=(double, 5))
        return self.submit(double, self.submit(step)).result

    assert [run_steps(run, tmp_path), run_steps(run, tmp_path)] == [12, 20]


def test_the_done_steps_include_those_that_this_run_completed(tmp_path: Any) -> None:
    def run(self: Any) -> Any:
        before = self.get_steps_done()
        futures.wait([self.submit(self.step(name, (double, 1))) for name in ("a", "b")])
        return [before, self.get_steps_done()]

    assert run_steps(run, tmp_path) == [[], ["a", "b"]]
    assert run_steps(run, tmp_path) == [["a", "b"], ["a", "b"]]


def test_a_step_whose_mark_cannot_be_written_has_an_exception(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_STEP_RETRY_SECONDS", "0")
    (tmp_path / "file").touch()

    class Unmarked(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return str(tmp_path / "file")  # no folder can be made there

        def get_step_activity_params(self) -> dict[str, Any]:
            return {"raises_on_failure": False, "retry": 0}

        def run(self) -> Any:
            step = self.submit(self.step("a", (double, 1)))
            return [step.failed, step.exception is not None]

    assert Executor(Unmarked, adopt=True).run() == [True, True]


WORKS = {
    "activity": lambda a: (listed, a),
    "keyword": lambda a: listed_task(a),
    "group": lambda a: Group((listed, a), (listed, [a])),
    "chain": lambda a: Chain((listed, a), (double, 1)),
    "func": lambda a: FuncGroup(lambda: Group((listed, a))),
    "child": lambda a: (Listing, a),
    "step": lambda a: Step("inside", (listed, a)),
}


class Listing(Workflow):
    name = "listing"

    def run(self, value: Any) -> Any:
        return self.submit(listed, value).result


def listed_task(value: Any) -> ActivityTask:
    return ActivityTask(listed, value=value)


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("make", WORKS.values(), ids=WORKS.keys())
def test_a_step_that_is_skipped_does_not_need_the_values_of_others(make: Any, changed: bool, tmp_path: Any) -> None:
    marks = str(tmp_path / "marks")

    def run(self: Any) -> Any:
        a = self.submit(self.step("a", (double, 3)))
        b = self.submit(self.step("b", make(a)))
        futures.wait(b)
        return b.ran, b.reasons

    def start(**options: Any) -> Any:
        body = {"name": "values", "run": run, "get_step_bucket": lambda self: marks}
        kind = type("Values", (Workflow, WorkflowStepMixin), body)
        return Executor(kind, state=tmp_path, changed=changed, **options).run()

    assert start() == [True, []]
    assert start() == [False, ["Step was already played"]]
    with pytest.raises(ResultNotKept, match=r"step 'a' was skipped, .*keep_result=True"):
        start(force_steps=["b", "inside"])
    # What a function is going to submit is not known before the step has begun.
    assert start(force_steps=["a"])[0] is (make is WORKS["func"])
