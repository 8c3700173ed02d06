"""Runs and plans as a notebook shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.exceptions import TaskFailed
from simpleflow.local import Executor
from simpleflow.pictures.notebook import Planned, plan_html
from simpleflow.steering.plan import plan
from simpleflow.step import Step, WorkflowStepMixin
from tests.pictures.nasty import NASTY
from tests.pictures.test_report import Page


@activity.with_attributes(raises_on_failure=True)
def load(what: str) -> str:
    if what == "bad":
        raise ValueError("no <b>such</b> table")
    return what


class Shown(Workflow, WorkflowStepMixin):
    name = "shown"

    def run(self, what: str = "good") -> Any:
        self.submit(Step("load", (load, what), force_steps_if_executed=["report"]))
        return self.submit(Step("report", (load, "good"))).value


def test_a_run_is_shown_once_it_has_ended() -> None:
    executor = Executor(Shown)
    assert executor._repr_html_() is None
    with pytest.raises(TaskFailed):
        executor.run("bad")
    html = executor._repr_html_() or ""
    page = Page(html)
    assert page.text.startswith("✗ failed shown failed after")
    assert "load ValueError: no <b>such</b> table Traceback" in page.text
    assert re.search(r"<svg [^>]*timeline", html)


def test_a_plan_is_shown(tmp_path: Path) -> None:
    found = plan(Shown, default_bucket=str(tmp_path), skip=["load"], force=["nobody"])
    page = Page(found._repr_html_())
    assert page.text.startswith("1 would run, 1 would be skipped step verdict forced why load ↷ skip yes Requested")
    assert "report … run" in page.text


def test_the_style_is_for_the_shown_part_alone() -> None:
    style = Page(plan_html([], [])).style
    assert style.startswith(".simpleflow-shown {")
    assert ":root" not in style
    assert style.count("{") == style.count("}")


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text(text: str) -> None:
    html = plan_html([Planned(text, text, True, text, text), Planned("a", "run", False, "", "w")] * 150, [text])
    page = Page(html)
    assert "and 100 more steps" in page.text
    assert "\x1b" not in html
