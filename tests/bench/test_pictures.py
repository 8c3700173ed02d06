"""``python -m bench.pictures`` on a small run."""

from __future__ import annotations

import pytest
from bench.synthetic_run import synthetic_events

from bench import pictures


def test_it_measures_each_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert pictures.main(["--steps", "40", "--activities", "200", "--rounds", "1"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("40 steps, ")
    assert "timeline, whole run" in shown
    assert shown.endswith("all targets are reached\n")


def test_equal_arguments_give_equal_runs() -> None:
    assert synthetic_events(20, 60, fails=True) == synthetic_events(20, 60, fails=True)
    assert synthetic_events(20, 60, seed=2) != synthetic_events(20, 60)
