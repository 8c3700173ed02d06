"""Step markers as values and as text, and the tally of steps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow import shown_text
from simpleflow.step import report
from simpleflow.step.report import StepReport, Tally


def details(status: str, **more: Any) -> str:
    return json.dumps({"step": "a.b", "status": status, "forced": False, "reasons": [], **more})


def test_read() -> None:
    more = {"waits_for": "w", "not_kept": "k", "other": 1}
    text = details("failed", forced=True, reasons=["r"], error="E", stale="s", unmarks=["a.b", "c"], **more)
    assert report.read(text) == StepReport("a.b", "failed", True, ("r",), "E", "s", ("a.b", "c"), "w", "k")
    assert report.read('{"step": "a", "status": "completed"}') == StepReport("a", "completed", False, ())


@pytest.mark.parametrize(
    "text", [None, "", "no", "1", "[]", "{}", '{"step": 1, "status": "x"}', '{"step": "a"}', "null", "[" * 100_000]
)
def test_details_without_a_report_are_none(text: str | None) -> None:
    assert report.read(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (details("scheduled"), ""),
        (details("scheduled", forced=True), "forced"),
        (details("scheduled", forced=True, reasons=["x", "y"]), "forced: x, y"),
        (details("scheduled", unmarks=["a.b"]), ""),
        (details("scheduled", unmarks=list("abcde")), "no longer done: a, b, c and 2 more"),
        (details("skipped", reasons=["Step was already played"]), "Step was already played"),
        (details("skipped", forced=True, reasons=["not today"]), "forced: not today"),
        (details("failed", error="E: x\n\x1b[1m"), "E: x \\x1b[1m"),
        (details("completed", stale="Dep of z"), "not marked as done, as it is stale: Dep of z"),
        (details("completed", not_kept="it is too long"), "its result was not kept: it is too long"),
        (details("waiting", waits_for="workflow x, run y"), "for workflow x, run y"),
        (details("completed", reasons="rubbish", error=3), ""),
    ],
)
def test_why(text: str, why: str) -> None:
    found = report.read(text)
    assert found is not None
    assert report.why(found) == why


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.314, "0.31 s"),
        (1.25, "1.2 s"),
        (59.96, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert shown_text.duration(seconds) == text


def test_tally_counts_the_latest_status_of_each_step() -> None:
    tally = Tally()
    assert str(tally) == "0 steps: 0 ran, 0 skipped, 0 failed"
    for name, status in [("a", "scheduled"), ("a", "failed"), ("b", "scheduled"), ("c", "skipped"), ("d", "failed")]:
        tally.add(StepReport(name, status, False, ()))
    assert str(tally) == "4 steps: 0 ran, 1 skipped, 2 failed, 1 unfinished"
    assert tally.failed == ["a", "d"]
    tally.add(StepReport("a", "completed", False, ()))
    tally.add(StepReport("a", "completed", False, ()), "another run")
    assert tally.failed == ["d"]
    assert len(tally) == 5


def test_tally_counts_why_steps_were_skipped() -> None:
    tally = Tally()
    assert tally.why_skipped() == ""
    skipped = [("a", "done"), ("b", "asked"), ("c", "done"), ("d", ""), ("e", "x"), ("f", "x"), ("g", "y")]
    for name, reason in skipped:
        tally.add(StepReport(name, "skipped", False, (reason,) if reason else ()), "w")
    tally.add(StepReport("h", "waiting", False, ()), "w")
    tally.add(StepReport("a", "skipped", False, ("done",)), "another")
    assert tally.why_skipped() == "3 skipped: done; 2 skipped: x; 1 skipped; 2 skipped for other reasons"
    assert tally.skipped("w") == ["a", "b", "c", "d", "e", "f", "g"]
    assert tally.steps == ["a", "b", "c", "d", "e", "f", "g", "h"]
    assert str(tally) == "9 steps: 0 ran, 8 skipped, 0 failed, 1 unfinished"
