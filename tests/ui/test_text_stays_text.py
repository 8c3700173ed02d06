"""Whatever names, inputs, errors and logs hold: markup and escapes in them are shown, and never obeyed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.ui.conftest import Site

STEP = "<script>alert(1)</script>.a%2Fb"


@pytest.fixture(scope="module")
def places(site: Site) -> list[str]:
    """The pages on which these texts are."""
    run = site.serving.source.find("odd")
    folded = site.serving.pages.runs.run(run, 5)
    [step] = folded.view.steps
    event = next(row.event_id for row in folded.view.attempts if not row.about_marks)
    from simpleflow.ui.links import link

    one = ("run", run.run_id)
    return [
        "/",
        link(*one),
        link(*one, "steps"),
        link(*one, "step", step),
        link(*one, "timeline"),
        link(*one, "timeline", query={"by": "worker"}),
        link(*one, "activity", event),
        link(*one, "history"),
    ]


def test_in_the_browser(site: Site, tab: Callable[..., Page], places: list[str]) -> None:
    page = tab()
    for path in places:
        page.goto(site.url + path)
        assert page.locator("main script, main b, main img").count() == 0, path
        assert page.evaluate("document.scripts.length") == 1, path
        text = page.evaluate("document.documentElement.textContent")
        assert "script>" in text or path == "/" or path.endswith("worker"), path
        assert not {"\x1b", "\x07", "\u202e"} & set(text), path


def test_in_the_source_of_each_page(site: Site, places: list[str]) -> None:
    for path in places:
        source = site.get(path).text
        assert source.count("<script") == 1, path
        assert not {"\x1b", "\x07", "\u202e"} & set(source), path
    assert "\\x1b[31mred" in site.get(places[1]).text


def test_in_the_names_and_kinds_of_downloads(site: Site, places: list[str]) -> None:
    activity = places[6]
    for what in ("input", "details", "log"):
        answer = site.get(f"{activity}/{what}")
        assert answer.status == 200
        told = answer.headers["content-disposition"]
        assert told.startswith("attachment; ")
        assert not set("<>/\x1b") & set(told)
        assert answer.headers["content-type"].partition(";")[0] in ("text/plain", "application/json")
        assert "sandbox" in answer.headers["content-security-policy"]
