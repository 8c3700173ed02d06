"""The report of a run: what it says, that it is one file without scripts, and that text in it is text."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from bench.synthetic_run import synthetic_view

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.pictures.failures import ShownRun
from simpleflow.pictures.report import Command, Log, report_html, timeline_html
from simpleflow.testing.history import HistoryBuilder
from simpleflow.views.run_view import RunView
from tests.pictures.nasty import NASTY
from tests.pictures.test_timeline import two_tries
from tests.views.test_run_view import marker

UTC = datetime.UTC
_VOID = {"meta", "br"}
_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer", "div", "span", "p", "a"),
    *("h1", "h2", "h3", "ul", "li", "dl", "dt", "dd", "table", "tr", "th", "td", "pre", "code", "details", "summary"),
    *("strong", "thead", "tbody", "svg", "rect", "defs", "pattern", "path", "g", "text", "title"),
}


class Page(HTMLParser):
    """Reads a page, and checks that it is well-formed and holds no more than a report consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.style = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("style", "src", "srcset", "action"), name
            self.attributes.append((name, value or ""))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def failed_run(name: str = "load.users", text: str = "no such table") -> HistoryBuilder:
    history = HistoryBuilder("w", input={"args": [text], "kwargs": {"day": text}}, now=0.0)
    task = d.ScheduleActivityTask(
        activity_id="a",
        activity_type=e.ActivityType("do", "1"),
        control="step.load.users..-1",
        input=json.dumps({"args": [1, text], "kwargs": {}}),
        task_list=e.TaskList("x"),
    )
    history.decide(marker("load.users", "scheduled", forces=["report"]), task)
    history.now = 5
    history.start_activity("a")
    history.now = 65
    trace = f'Traceback (most recent call last):\n  File "/home/ann/flow.py", line 7, in do\n    {text}\nError\n'
    details = json.dumps({"error": "ValueError", "message": text, "traceback": [trace]})
    history.fail("a", f"ValueError: {text}"[:256], details)
    reason = f'Workflow execution error in do: "ValueError: {text}"'[:256]
    history.decide(
        marker("load.users", "failed", error=f"ValueError: {text}"),
        marker(name if name != "load.users" else "report", "skipped", reasons=[text]),
        d.FailWorkflowExecution(reason=reason, details=details),
    )
    return history


def report_of(history: HistoryBuilder, workflow_id: str = "nightly", log: str = "3 tables") -> str:
    view = RunView("the-run", workflow_id)
    view.extend(history.events)
    return report_html(
        [ShownRun(view, history.events)],
        commands=[Command("Run it again", f"simpleflow workflow.start {log}")],
        logs=[Log(log, log)],
        last_lines=lambda run_id, activity_id: [log, f"of {run_id} {activity_id}"],
        where="/home/ann/.simpleflow",
        zone=UTC,
    )


def test_a_command_breaks_between_its_words_only() -> None:
    html = report_of(failed_run(), log="--workflow-id <a>  b")
    assert '<span class="word">--workflow-id</span> <span class="word">&lt;a&gt;</span>  <span class="word">b' in html
    assert ".command .word {\n  display: inline-block;" in html


def test_what_it_says_of_a_failed_run() -> None:
    html = report_of(failed_run())
    page = Page(html)
    assert "failed after 1 min 05 s in load.users; 1 failed, 1 skipped" in page.text
    for expected in (
        'What failed load.users ValueError: no such table activity do arguments 1, "no such table"',
        "at /home/ann/flow.py:7 in do: no such table ended 1970-01-01 00:01:05 UTC",
        "Traceback Traceback (most recent call last): File",
        "Printed last 3 tables of the-run a",
        "Run it again simpleflow workflow.start 3 tables",
        "in /home/ann/.simpleflow began 1970-01-01 00:00:00 UTC ended 1970-01-01 00:01:05 UTC took 1 min 05 s",
        'input "no such table", day="no such table"',
        "The slowest steps",
        "The critical path",
        "The steps (2)",
        "What depends on what",
        "The ends of the logs 3 tables",
        "Report of run the-run. simpleflow",
    ):
        assert expected in page.text, expected
    assert html == report_of(failed_run())


def test_it_loads_nothing_and_lets_no_script_run() -> None:
    html = report_of(failed_run())
    page = Page(html)
    [policy] = [value for name, value in page.attributes if name == "content" and "default-src" in value]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"@import|url\(", page.style)
    assert [value for name, value in page.attributes if name in ("href", "xlink:href")] == []
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text(text: str) -> None:
    html = report_of(failed_run(text, text), workflow_id=text, log=text)
    html.encode("utf-8")
    page = Page(html)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", html)
    assert "scripts" not in page.open


def test_passwords_are_hidden() -> None:
    html = report_of(failed_run(text="postgres://ann:sesame@db/x is down"), log="amqp://bob:sesame@mq")
    assert "sesame" not in html
    assert "postgres://ann:***@db/x is down" in html


def test_runs_that_completed_go_on_and_are_empty() -> None:
    done = Page(report_of(two_tries())).text
    assert done.startswith("nightly: completed")
    assert "What failed" not in done
    open_run = HistoryBuilder("w", now=0.0)
    assert "which was open at 1970-01-01 00:00:00 UTC" in Page(report_of(open_run)).text
    signalled = HistoryBuilder("w", now=0.0)
    signalled.decide(d.CancelWorkflowExecution())
    assert "cancelled after 0.00 s" in Page(report_of(signalled)).text


def test_failures_of_children_and_outside_of_steps_are_shown() -> None:
    history = HistoryBuilder("w", now=0.0)
    history.decide(
        d.ScheduleActivityTask(activity_id="b", activity_type=e.ActivityType("do", "1"), task_list=e.TaskList("x"))
    )
    history.fail("b", "Error: no").decide(d.CompleteWorkflowExecution())
    view, child = RunView("r1", "parent"), RunView("r2", "child")
    view.extend(history.events)
    child.extend(failed_run().events)
    page = Page(report_html([ShownRun(view, history.events), ShownRun(child, failed_run().events)], zone=UTC))
    assert "What failed (2) do Error: no" in page.text
    assert "load.users in child ValueError: no such table" in page.text


def test_what_has_failed_a_child_is_told_once() -> None:
    child_events = failed_run().events
    trace = json.loads(child_events[-1].attributes.details or "")["traceback"]  # type: ignore[attr-defined]
    history = HistoryBuilder("w", now=0.0)
    kind = e.WorkflowType("sub", "1")
    history.decide(
        marker("child", "scheduled"),
        d.StartChildWorkflowExecution(
            workflow_id="w--sub-step.child.-1", workflow_type=kind, task_list=e.TaskList("x")
        ),
    )
    initiated = next(event.id for event in history.events if "StartChild" in event.type)
    execution = e.WorkflowExecution(workflow_id="w--sub-step.child.-1", run_id="r2")
    about = {"initiated_event_id": initiated, "workflow_execution": execution, "workflow_type": kind}
    history.happened(e.ChildWorkflowExecutionStarted(**about))
    started = next(event.id for event in history.events if event.type == "ChildWorkflowExecutionStarted")
    details = json.dumps({"traceback": trace})
    history.happened(e.ChildWorkflowExecutionFailed(**about, started_event_id=started, reason="no", details=details))
    history.decide(marker("child", "failed", error="no"), d.FailWorkflowExecution(reason="no"))
    view, child = RunView("r1", "parent"), RunView("r2", "w--sub-step.child.-1")
    view.extend(history.events)
    child.extend(child_events)
    page = Page(report_html([ShownRun(view, history.events), ShownRun(child, child_events)], zone=UTC))
    assert page.text.count("Traceback (most recent call last)") == 1
    assert "What failed (2) child no child sub" in page.text


def test_a_large_run_stays_small() -> None:
    view, events = synthetic_view(3_000, 6_000, fails=True)
    html = report_html([ShownRun(view, events)], zone=UTC)
    assert len(html) < 700_000
    page = Page(html)
    [failed] = view.failed_steps()
    assert failed.name in page.text
    assert re.search(r"[\d,]+ steps are in folded groups", page.text)


def test_the_timeline_alone() -> None:
    history = two_tries()
    view = RunView("the-run", "nightly")
    view.extend(history.events)
    page = Page(timeline_html(ShownRun(view, history.events), by="worker", zone=UTC))
    assert page.text.startswith("nightly: timeline")
    assert "The steps" not in page.text
