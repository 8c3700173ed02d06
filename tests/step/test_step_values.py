"""The values of steps: as arguments of other work, and the list of the done ones."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import ResultNotKept
from simpleflow.local import Executor
from simpleflow.step import WorkflowStepMixin


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
