"""Steps that are done only with the same inputs: ``fingerprint``."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from simpleflow import futures
from simpleflow.exceptions import NotEncodable
from simpleflow.step.submittable import Step
from simpleflow.stores import open_store
from tests.step.bench import Bench, echo, note, noted


def made_from(value: Any, **options: Any) -> Any:
    def run(workflow: Any) -> Any:
        step = workflow.submit(workflow.step("a", (note, "a"), fingerprint=value, **options))
        return [step.ran, step.forced, step.reasons]

    return run


PLAYED = [True, False, []]
CHANGED = [True, False, ["Inputs changed"]]
SKIPPED = [False, False, ["Step was already played"]]


def test_done_only_with_the_same_fingerprint(bench: Bench) -> None:
    found = [bench.run(made_from(value)) for value in (1, 1, 2, 2, 1, None, None, [None])]
    assert found == [PLAYED, SKIPPED, CHANGED, SKIPPED, CHANGED, CHANGED, SKIPPED, CHANGED]


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"b": 1, "a": [2]}, {"a": (2,), "b": 1}),
        ({"y", "x"}, ["x", "y"]),
        (datetime.date(2026, 11, 23), "2026-11-23"),
        ("x" * 100_000, "x" * 100_000),
    ],
)
def test_equal_values_have_one_fingerprint(bench: Bench, one: Any, same: Any) -> None:
    assert [bench.run(made_from(one)), bench.run(made_from(same))] == [PLAYED, SKIPPED]


def test_long_values_that_differ_at_the_end(bench: Bench) -> None:
    assert [bench.run(made_from("x" * 500 + end)) for end in "ab"] == [PLAYED, CHANGED]


def test_a_mark_without_a_fingerprint_counts_only_for_steps_without_one(bench: Bench) -> None:
    bench.mark("a")
    assert bench.run(made_from(1)) == CHANGED
    assert bench.run(lambda workflow: workflow.submit(workflow.step("a", note)).ran) is False


def test_a_mark_that_cannot_be_read_does_not_count(bench: Bench) -> None:
    open_store(bench.bucket).put("w/steps", "a", b"")
    assert bench.run(made_from(1)) == CHANGED


def test_changed_inputs_force_the_dependents_and_remove_their_marks_first(bench: Bench) -> None:
    bench.run(made_from(1))
    bench.mark("b")
    bench.run(made_from(2, force_steps_if_executed=["b"]))
    assert bench.markers[0]["unmarks"] == ["a", "b"]
    assert bench.markers[0]["reasons"] == ["Inputs changed"]
    assert bench.done == ["a"]


def test_forcing_and_skipping_come_first_and_read_nothing(bench: Bench) -> None:
    bench.run(made_from(1))

    def run(workflow: Any) -> Any:
        workflow.add_skipped_steps("a", "not now")
        return made_from(2)(workflow)

    assert bench.run(run) == [False, True, ["not now"]]
    assert bench.activities() == ["GetStepsDoneTask"]
    assert bench.run(made_from(2, force=True)) == [True, True, []]
    assert bench.run(made_from(2)) == SKIPPED


def test_the_result_of_something_else_can_be_one(bench: Bench) -> None:
    def run(workflow: Any, value: int) -> Any:
        before = workflow.submit(echo, value)
        return made_from(before)(workflow)

    assert [bench.run(lambda workflow, value=value: run(workflow, value)) for value in (1, 1, 2)] == [
        PLAYED,
        SKIPPED,
        CHANGED,
    ]


def test_twice_in_one_run_with_other_inputs(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        found = []
        for value in (1, 1, 2):
            step = workflow.submit(workflow.step("a", (note, value), fingerprint=value))
            futures.wait(step)
            found.append([step.ran, step.forced, step.reasons])
        return found

    assert bench.run(run) == [PLAYED, SKIPPED, CHANGED]
    assert noted == [1, 2]


def test_the_mark_bears_it(bench: Bench) -> None:
    bench.run(made_from({"b": 1, "a": 2}))
    body = open_store(bench.bucket).get("w/steps", "a")
    assert body is not None
    assert json.loads(body)["fingerprint"] == '{"a":2,"b":1}'
    assert bench.markers[0]["fingerprint"] == '{"a":2,"b":1}'


def test_a_fingerprint_that_is_not_json_is_refused_when_the_step_is_made() -> None:
    with pytest.raises(NotEncodable, match="fingerprint of step 'a' is not JSON"):
        Step("a", note, fingerprint=object())
