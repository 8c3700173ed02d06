"""Each page answers, and shows what the runs have done."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from simpleflow.engines.base import RunFilter
from tests.markup import plain
from tests.ui.conftest import Runs, Site, latest, serving


def test_the_list_has_the_runs_and_what_failed(site: Site) -> None:
    text = site.get("/?id=nightly").text
    assert text.count('class="state is-failed"') == 1
    assert text.count('class="state is-done"') == 1
    assert "check.prices" in text
    assert "8 skipped" in text


def test_a_run_is_a_sentence_and_its_first_failure(site: Site) -> None:
    text = site.get("/run/nightly").text
    assert "Failed after" in text
    assert "ValueError: column &#39;price&#39; of items is empty" in text
    assert "workflows.py:" in text
    assert "about to look at items" in text
    assert "simpleflow workflow.restart --state" in plain(text)
    assert re.search(r"Critical path.*workflows\.\w+, try 2<", text, re.DOTALL)


def test_every_page_of_a_run_answers(site: Site) -> None:
    run = latest(site, "nightly")
    for page in ("", "/steps", "/step/check.prices", "/timeline", "/timeline?by=worker", "/history", "/history/1"):
        answer = site.get(f"/run/{run}{page}")
        assert answer.status == 200, page
        assert "nightly" in answer.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/run/nobody", 404, "there is no run"),
        ("/run/nightly/step/nothing", 404, "no step"),
        ("/run/nightly/activity/1", 404, "has scheduled no activity"),
        ("/run/nightly/activity/x", 400, "expected a number"),
        ("/run/nightly/value/details", 404, "has no details"),
        ("/run/nightly/timeline?begin=x", 400, "expected a time"),
        ("/?state=odd", 400, "expected one of"),
        ("/?from=odd", 400, "expected a date"),
        ("/other", 404, "no page"),
    ],
)
def test_what_is_wrong_is_said_in_a_page(site: Site, path: str, status: int, said: str) -> None:
    answer = site.get(path)
    assert answer.status == status
    assert said in answer.text


def test_every_link_leads_somewhere(site: Site) -> None:
    """From the list through all kinds of pages; of links that differ in a number or a range, the first ones."""
    kinds: dict[str, int] = {}
    seen = {"/"}
    left = ["/"]
    while left:
        path = left.pop()
        answer = site.get(path)
        assert answer.status == 200, path
        if "text/html" not in answer.headers["content-type"]:
            continue
        for href in re.findall(r'href="(/[^"]*)"', answer.text):
            found = html.unescape(href).partition("#")[0]
            kind = re.sub(r"=[^&]*|(?<=/)\d+(?=/|$)", "", found)
            if found not in seen and kinds.get(kind, 0) < 3:
                kinds[kind] = kinds.get(kind, 0) + 1
                seen.add(found)
                left.append(found)
    assert len(seen) > 100


def test_a_run_of_all_kinds_of_things(site: Site) -> None:
    text = site.get("/run/various").text
    assert "Child workflows" in text
    assert "TimerStarted" in site.get("/run/various/history?kind=timer").text
    assert "activity-" not in site.get("/run/various/steps").text


def test_the_input_and_the_result_of_a_run_are_downloads(runs: Runs, site: Site) -> None:
    first = site.serving.source.list_runs(RunFilter(workflow_id="nightly"))[-1].run_id
    result = site.get(f"/run/{first}/value/result")
    assert result.text == '{"rows":36}'
    assert result.headers["content-disposition"].startswith('attachment; filename="nightly-result.json"')
    assert '"fail":true' in site.get("/run/nightly/value/input").text
    text = site.get("/run/nightly").text
    assert '<dt>force</dt><dd class="wrap">load.users</dd>' in text
    assert "__simpleflow" not in text


def test_a_page_waits_for_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with serving(tmp_path / "later") as site:
        answer = site.get("/run/nightly")
        assert answer.status == 404
        assert "data-live" in answer.text
        assert 'http-equiv="refresh"' in answer.text


def test_a_run_that_raises_says_where(runs: Runs, site: Site) -> None:
    runs.run("Raises", "raises")
    text = site.get("/run/raises").text
    assert "KeyError(&#39;missing&#39;)" in text
    assert re.search(r"workflows\.py:\d+</span>", text)
    assert re.search(r"workflow\.restart --state \S+ raises --workflow \S*workflows\.py", plain(text))
