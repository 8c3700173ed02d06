"""Results that last: ``keep_result``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow import activity
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import ResultNotKept
from simpleflow.step import mark
from simpleflow.step.mark import MAX_RESULT
from simpleflow.stores import open_store
from tests.step.bench import Bench, note, noted


@activity.with_attributes()
def give(value: Any) -> Any:
    return value


def value_of(work: Any, **options: Any) -> Any:
    options = {"keep_result": True} | options
    return lambda workflow: workflow.submit(workflow.step("a", work, **options)).value


def body(bench: Bench, name: str = "a") -> dict[str, Any]:
    found = open_store(bench.bucket).get("w/steps", name)
    assert found is not None
    return dict(json.loads(found))


@pytest.mark.parametrize("value", [None, 0, "text", [1, {"é": [True, None]}], {"run_id": "mine"}])
def test_a_skipped_step_has_the_value_that_it_had_when_it_ran(bench: Bench, value: Any) -> None:
    run = value_of((give, value))
    assert [bench.run(run), bench.run(run), bench.run(run)] == [value] * 3
    assert bench.log() == ["a skipped"]


def test_the_value_of_a_group(bench: Bench) -> None:
    run = value_of(Group((give, 1), Chain((give, 2), (give, 3))))
    assert [bench.run(run), bench.run(run)] == [[1, [2, 3]]] * 2


def test_without_it_nothing_is_read_and_nothing_is_kept(bench: Bench) -> None:
    run = value_of((give, 1), keep_result=False)
    assert [bench.run(run), bench.run(run)] == [1, None]
    assert bench.activities() == ["GetStepsDoneTask"]
    assert "result" not in body(bench)


def test_a_result_that_is_too_big_is_not_kept_and_the_step_is_done(bench: Bench) -> None:
    run = value_of((give, "x" * MAX_RESULT))
    bench.run(run)
    expected = f"the result of step 'a' has {MAX_RESULT + 2:,} characters as JSON; expected 30,000 at most: write it"
    assert bench.markers[-1]["status"] == "completed"
    assert bench.markers[-1]["not_kept"].startswith(expected)
    assert bench.done == ["a"]
    with pytest.raises(ResultNotKept, match=f"step 'a' was skipped, and its result is not known: {expected}"):
        bench.run(run)
    assert bench.done == ["a"]


def test_the_longest_result_that_is_kept(bench: Bench) -> None:
    run = value_of((give, "x" * (MAX_RESULT - 2)))
    assert bench.run(run) == bench.run(run)
    assert bench.log() == ["a skipped"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff", "its mark cannot be read: it is not JSON"),
        (b"[1]", "its mark cannot be read: it is not a JSON object"),
        (b"{}", "it was marked without a result; force it once"),
        (b'{"run_id": "r", "version": "1.0"}', "it was marked by run r without a result; force it once"),
        (b'{"by_hand": true}', "it was marked by hand"),
    ],
)
def test_a_mark_without_a_result(bench: Bench, content: bytes, why: str) -> None:
    open_store(bench.bucket).put("w/steps", "a", content)
    with pytest.raises(ResultNotKept, match=why):
        bench.run(value_of((give, 1)))
    assert bench.log() == ["a skipped"]
    assert bench.done == ["a"]


def test_a_step_that_does_not_keep_its_result_has_no_value_when_skipped(bench: Bench) -> None:
    bench.mark("a")
    assert bench.run(lambda flow: flow.submit(flow.step("a", (give, 1), keep_result=True)).ran) is False


def test_a_step_that_was_never_done_and_is_skipped_by_name(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        workflow.add_skipped_steps("*", "not now")
        return value_of((give, 1))(workflow)

    with pytest.raises(ResultNotKept, match=r"step 'a' was skipped, .* it has never been done"):
        bench.run(run)


def test_skipped_by_name_it_still_has_its_value(bench: Bench) -> None:
    bench.run(value_of((give, 7)))

    def run(workflow: Any) -> Any:
        workflow.add_skipped_steps("*", "not now")
        return value_of((give, 8))(workflow)

    assert bench.run(run) == 7


def test_the_kept_result_comes_before_that_of_the_alternative(bench: Bench) -> None:
    run = value_of((give, 1), activities_if_step_already_done=(note, "instead"))
    assert [bench.run(run), bench.run(run)] == [1, 1]
    assert noted == ["instead"]
    bench.mark("a")
    assert bench.run(run) == "did instead"


def test_forced_it_is_kept_anew(bench: Bench) -> None:
    bench.run(value_of((give, 1)))
    assert [bench.run(value_of((give, 2), force=True)), bench.run(value_of((give, 3)))] == [2, 2]


def test_submitted_again_in_the_same_run(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        return [workflow.submit(workflow.step("a", (give, n), keep_result=True)).value for n in (1, 2, 3)]

    assert bench.run(run) == [1, 1, 1]
    assert bench.log() == ["a scheduled", "a completed", "a skipped", "a skipped"]


def test_the_mark_says_when_and_how_the_step_ran(bench: Bench) -> None:
    def run(workflow: Any) -> Any:
        workflow.add_forced_steps("a", "a habit")
        return value_of((give, 1))(workflow)

    bench.run(run)
    found = body(bench)
    assert (found["workflow_id"], found["run_id"], found["version"]) == ("w", bench.executor.run_id, "1.0")
    assert (found["forced"], found["reasons"], found["result"]) == (True, ["a habit"], 1)
    times = [event["eventTimestamp"] for event in bench.executor.history]
    assert times[0] - 0.001 <= found["time"] <= times[-1] + 0.001
    assert 0 <= found["seconds"] <= times[-1] - times[0] + 0.001


def test_a_result_that_does_not_fit_beside_the_steps_of_children_is_not_kept() -> None:
    children = [["bucket", "path", {"name": "x" * 5_000}]]
    kept = mark.with_result({"children": children}, "x" * 29_000, "s")
    assert kept == {
        "children": children,
        "not_kept": "the result of step 's' does not fit into a mark beside the steps of its children",
    }
    assert mark.with_result({"children": children}, "x" * 20_000, "s")["result"] == "x" * 20_000
