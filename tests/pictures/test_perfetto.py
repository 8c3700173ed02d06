"""The trace of a run for Perfetto."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from bench.synthetic_run import synthetic_view

from simpleflow.pictures.perfetto import trace
from simpleflow.views.critical_path import critical_path
from simpleflow.views.run_view import RunView
from tests.pictures.nasty import NASTY
from tests.pictures.test_timeline import two_tries, view_of


def traced(view: RunView, **others: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(trace(view, **others)))
    return found


def test_tries_steps_and_the_critical_path() -> None:
    history = two_tries()
    view = view_of(history)
    found = traced(view, critical=critical_path(view, history.events))
    assert found["otherData"] == {"workflow_id": "nightly", "run_id": "the-run", "began": 0.0, "state": "completed"}
    slices = [each for each in found["traceEvents"] if each["ph"] == "X"]
    assert [(each["name"], each["cat"], each["ts"], each["dur"]) for each in slices] == [
        ("load.users", "failed", 10_000_000, 5_000_000),
        ("load.users", "activity", 18_000_000, 10_000_000),
        ("load.users", "completed", 0, 28_000_000),
    ]
    assert slices[0]["args"]["queued seconds"] == 10
    assert [each["ph"] for each in found["traceEvents"] if each["name"] == "critical path"] == ["s", "f"]
    counts = [(each["ts"], each["args"]) for each in found["traceEvents"] if each["ph"] == "C"]
    assert counts[0] == (0, {"waiting": 1, "working": 0})
    assert counts[-1] == (28_000_000, {"waiting": 0, "working": 0})


def test_the_slices_of_a_thread_follow_one_another() -> None:
    view, events = synthetic_view(100, 1_000, workers=3, fails=True)
    for row in view.attempts:
        row.worker = "one"
    found = traced(view, critical=critical_path(view, events))["traceEvents"]
    threads: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for each in found:
        if each["ph"] == "X":
            threads.setdefault((each["pid"], each["tid"]), []).append(each)
    assert len([key for key in threads if key[0] == 1]) == 3, "a slot for each task that worked at once"
    for slices in threads.values():
        ordered = sorted(slices, key=lambda each: each["ts"])
        assert all(before["ts"] + before["dur"] <= after["ts"] + 1 for before, after in pairwise(ordered))
    named = {(each["pid"], each["tid"]) for each in found if each["name"] == "thread_name"}
    assert set(threads) == named


@pytest.mark.parametrize("name", NASTY)
def test_text_stays_text(name: str) -> None:
    view = view_of(two_tries())
    view.workflow_id = name
    for row in view.attempts:
        row.worker, row.step = name, name
    text = "".join(trace(view))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["otherData"]["workflow_id"] == name


def test_an_empty_run() -> None:
    assert [each["ph"] for each in traced(RunView())["traceEvents"]] == ["M", "M"]
