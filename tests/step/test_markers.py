"""The markers of steps: their keys beyond step, status, forced and reasons."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, fail_softly, note, noted

VERDICT = {"step", "status", "forced", "reasons"}
MADE_WITH = {"made_with"}  # of every step that runs


def extra(bench: Bench) -> dict[str, dict[str, Any]]:
    """The keys beyond the verdict, by ``name status``; markers without such keys are left out."""
    found = {
        f"{marker['step']} {marker['status']}": {key: marker[key] for key in marker if key not in VERDICT | MADE_WITH}
        for marker in bench.markers
    }
    return {what: keys for what, keys in found.items() if keys}


def test_the_markers_of_a_step_that_forces_nothing_hold_only_the_verdict(bench: Bench) -> None:
    bench.run(lambda workflow: workflow.submit(workflow.step("a", (note, "a"))).ran)
    assert [set(marker) for marker in bench.markers] == [VERDICT | MADE_WITH, VERDICT]


def test_a_marker_names_the_forced_steps_and_the_removed_marks(bench: Bench) -> None:
    bench.mark("a", "b.c")

    def run(workflow: Any) -> None:
        futures.wait(workflow.submit(Step("a", (note, "a"), force=True, force_steps_if_executed=["b", "never.there"])))

    bench.run(run)
    assert extra(bench) == {"a scheduled": {"forces": ["b", "never.there"], "unmarks": ["a", "b.c"]}}


@pytest.mark.parametrize("submissions", [2, 4])
def test_a_marker_counts_the_submissions_that_joined_the_step(bench: Bench, submissions: int) -> None:
    """After a fresh evaluation, the submissions join the step again, instead of being skipped since it is done."""

    def run(workflow: Any) -> Any:
        late = workflow.submit(Chain(*[(note, "x")] * 8))
        steps = [workflow.submit(workflow.step("a", (note, "a"))) for _ in range(submissions)]
        while not late.finished:  # read before it is final: run() is evaluated again once it is
            workflow.submit(Chain(*[(note, "y")] * 4)).result
        return [step.ran for step in steps]

    assert bench.run(run) == [True] * submissions
    assert bench.log() == ["a scheduled", "a completed"]
    assert extra(bench) == {"a completed": {"joined": submissions - 1}}


def test_the_marker_of_a_failed_step_counts_the_submissions_that_joined_it(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        futures.wait(*[workflow.submit(workflow.step("a", (fail_softly, "a"))) for _ in range(3)])

    bench.run(run)
    assert extra(bench) == {"a failed": {"error": "ValueError: a is broken", "joined": 2}}


def test_the_marker_of_a_step_that_does_not_run_names_the_step_that_failed(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        steps = [
            workflow.step("a", (fail_softly, "a"), force_steps_if_executed=["b"]),
            workflow.step("b", (note, "b"), force_steps_if_executed=["c"]),
        ]
        futures.wait(*[workflow.submit(step) for step in steps])

    bench.run(run)
    assert extra(bench) == {
        "a scheduled": {"forces": ["b"]},
        "a failed": {"error": "ValueError: a is broken"},
        "b failed": {"error": "not played, since step 'a', which forces it, failed", "refused": "a"},
    }


def test_the_marker_of_a_step_whose_work_is_stale_names_the_step_that_made_it_so(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        b = workflow.submit(Step("b", Chain(*[(note, "b")] * 6)))
        futures.wait(b, workflow.submit(Step("a", (note, "a"), force_steps_if_executed="b")))

    bench.run(run)
    assert extra(bench)["b completed"] == {"stale": "Dep of a"}
    assert bench.done == ["a"]


@activity.with_attributes()
def rage(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("two\nlines\r\n\tand  a tab", "ValueError: two lines and a tab"),
        ("", "ValueError"),
        ("é" * 5_000, "ValueError: " + "é" * 200),
    ],
)
def test_an_error_is_one_line_of_bounded_length(bench: Bench, text: str, start: str) -> None:
    bench.run(lambda workflow: futures.wait(workflow.submit(workflow.step("a", (rage, text)))))
    error = extra(bench)["a failed"]["error"]
    assert error.startswith(start)
    assert "\n" not in error
    assert len(error) <= 1_000


def test_different_errors_of_one_step_are_listed_once_each(bench: Bench) -> None:
    work = Group((rage, "one"), (rage, "two"), (note, "fine"), (rage, "one"), *[(rage, x * 200) for x in "abcdefg"])
    bench.run(lambda workflow: futures.wait(workflow.submit(workflow.step("a", work))))
    error = extra(bench)["a failed"]["error"]
    assert error.startswith("ValueError: one; ValueError: two; ValueError: aaa")
    assert error.endswith("...")
    assert len(error) == 1_000


def test_equal_markers_are_recorded_each_time_that_the_step_runs(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        return [workflow.submit(workflow.step("a", (note, "a"), force=True)).ran for _ in range(3)]

    assert bench.run(run) == [True, True, True]
    assert bench.log() == ["a scheduled", "a completed"] * 3
    assert noted == ["a"] * 3
