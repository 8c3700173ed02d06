"""Names of steps: one text is one name, and a name that no store can hold is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures
from simpleflow.exceptions import InputError
from simpleflow.step.submittable import Step
from tests.step.bench import Bench, note, noted


def test_a_string_is_one_name_wherever_names_are_expected(bench: Bench) -> None:
    bench.mark("a", "b", "c", "abc", "abc.d")

    def run(workflow: Any) -> Any:
        workflow.add_forced_steps("abc", "why not")
        workflow.add_skipped_steps("xyz")
        steps = ["a", "b", "c", "abc", "abc.d", "x", "xyz"]
        ran = [workflow.submit(workflow.step(name, (note, name))).ran for name in steps]
        return [workflow.get_forced_steps(), workflow.get_skipped_steps(), ran]

    assert bench.run(run) == [["abc"], ["xyz"], [False, False, False, True, True, True, False]]
    assert Step("a", (note, "a"), force_steps_if_executed="step_b").force_steps_if_executed == ["step_b"]


@pytest.mark.parametrize("names", [None, 1, [1], [None], {"a": "b"}, b"a", ["a", ""], ["a", ["b"]], [" ", "a\n"]])
@pytest.mark.parametrize("how", ["forced steps", "skipped steps"])
def test_anything_but_a_list_of_names_is_refused_at_once(bench: Bench, names: Any, how: str) -> None:
    def run(workflow: Any) -> Any:
        with pytest.raises(InputError, match=how):
            getattr(workflow, f"add_{how.replace(' ', '_')}")(names)
        return workflow.get_forced_steps() + workflow.get_skipped_steps()

    assert bench.run(run) == [], "all of them or none"


def test_a_reason_must_be_text(bench: Bench) -> None:
    def run(workflow: Any) -> None:
        workflow.add_forced_steps("a", {"why": "not"})

    with pytest.raises(InputError, match=r"reason of forced steps is \{'why': 'not'\}; expected text or None"):
        bench.run(run)


@pytest.mark.parametrize("name", [None, 12, ["a"], b"a", "", ".", "a..b", "../up", "a/../../up", "a\n", "*", "a\ud800"])
def test_an_invalid_name_is_refused_before_anything_runs(bench: Bench, name: Any) -> None:
    with pytest.raises(InputError, match="step name"):
        bench.run(lambda workflow: futures.wait(workflow.submit(workflow.step(name, (note, "a")))))
    assert (noted, bench.activities()) == ([], [])


@pytest.mark.parametrize("length", [1025, 100_000])
def test_a_name_too_long_for_a_store_is_refused_before_anything_runs(stored: Bench, length: int) -> None:
    name = "a" * (length - len("w/steps/"))
    with pytest.raises(InputError, match=rf"{length} bytes; expected 1024 at most") as caught:
        stored.run(lambda workflow: futures.wait(workflow.submit(workflow.step(name, (note, "a")))))
    assert (noted, stored.activities()) == ([], [])
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["\\" * 500, "//" * 400, "%=" * 300])
def test_a_name_too_long_for_a_store_once_quoted_is_refused_before_anything_runs(stored: Bench, name: str) -> None:
    with pytest.raises(InputError, match="expected 1024 at most"):
        stored.run(lambda workflow: futures.wait(workflow.submit(workflow.step(name, (note, "a")))))
    assert (noted, stored.activities()) == ([], [])


@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        ("get_step_path_prefix", None, r"get_step_path_prefix\(\) returned None; expected text"),
        ("get_step_path_prefix", 12, r"get_step_path_prefix\(\) returned 12; expected text"),
        ("get_step_bucket", None, r"get_step_bucket\(\) returned None; expected a bucket"),
        ("get_step_bucket", "a/b", "the bucket 'a/b' cannot be used"),
    ],
)
def test_an_invalid_bucket_or_prefix_is_refused_and_named(bench: Bench, method: str, value: Any, message: str) -> None:
    with pytest.raises(Exception, match=message):
        bench.run(lambda w: futures.wait(w.submit(w.step("a", (note, "a")))), **{method: lambda self: value})
    assert noted == []


@pytest.mark.parametrize("name", ["/abs", "//abs", "a//b", "a/", "with space", "é/ü", "%2Fabs"])
def test_a_name_with_special_characters_is_stored_below_the_prefix(stored: Bench, name: str) -> None:
    def run(workflow: Any) -> Any:
        return workflow.submit(workflow.step(name, (note, "a"))).ran

    assert [stored.run(run), stored.run(run)] == [True, False]
    assert stored.done == [name]
