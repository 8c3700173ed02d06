"""The report of a run in a browser: it runs nothing, loads nothing, and can be read by everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bench.synthetic_run import synthetic_view
from playwright.sync_api import Browser, Page

from simpleflow.pictures.failures import ShownRun
from simpleflow.pictures.report import report_html
from tests.pictures.nasty import NASTY
from tests.pictures.test_report import failed_run, report_of
from tests.ui.test_accessible import AXE, SERIOUS


def test_it_runs_and_loads_nothing(tab: Callable[..., Page]) -> None:
    """``tab`` fails the test if there is a dialog, a request, or a complaint of the policy."""
    page = tab()
    for text in NASTY:
        page.set_content(report_of(failed_run(text, text), workflow_id=text, log=text))
        assert page.locator("script, img, iframe, object, embed, link").count() == 0
        assert page.locator("h1").count() == 1
        assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "10px"


def test_its_policy_stops_what_should_never_be_in_it(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(
        report_of(failed_run()) + "<img src=x onerror='document.title=1'><script>document.title=2</script>"
    )
    assert page.title() == "nightly: failed"
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_axe_finds_nothing_serious_and_nothing_is_too_wide(tab: Callable[..., Page], scheme: Any, width: int) -> None:
    view, events = synthetic_view(30, 60, fails=True)
    page = tab(color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 900})
    page.set_content(report_html([ShownRun(view, events)]))
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run()).violations.map(each => [each.impact, each.id])")
    assert [each for each in found if each[0] in SERIOUS] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".timeline-narrow" if width == 375 else ".timeline-wide").is_visible()
