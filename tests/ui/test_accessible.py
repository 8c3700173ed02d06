"""axe finds nothing serious on any page: in light, in dark, and on a telephone; and nothing is too wide or moves."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.ui.conftest import Site

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")
SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(each => sum += each.value))
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 60);
})"""


@pytest.fixture(scope="module")
def places(site: Site) -> dict[str, str]:
    """All kinds of pages."""
    run = site.serving.source.find("nightly")
    view = site.serving.pages.runs.run(run, 5).view
    failed = view.first_failure("check.prices")
    assert failed is not None
    one = f"/run/{run.run_id}"
    return {
        "runs": "/",
        "runs, none": "/?id=none",
        "overview": one,
        "steps": f"{one}/steps?open=load",
        "step": f"{one}/step/check.prices",
        "step with a graph": f"{one}/step/load.users",
        "timeline": f"{one}/timeline",
        "timeline by worker": f"{one}/timeline?by=worker",
        "activity": f"{one}/activity/{failed.event_id}",
        "plan": f"{one}/plan",
        "history": f"{one}/history",
        "problem": "/nothing",
    }


def test_every_page_in_light_in_dark_and_on_a_telephone(
    site: Site, tab: Callable[..., Page], places: dict[str, str]
) -> None:
    page = tab(color_scheme="light")
    wrong = []
    for name, path in places.items():
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")
        page.goto(site.url + path)
        if (shift := page.evaluate(SHIFTS)) > 0.05:
            wrong.append(f"{name}: the layout shifts by {shift:.2f}")
        page.evaluate(AXE)
        wrong += [f"{name}: {each}" for each in serious(page, {})]
        page.emulate_media(color_scheme="dark")
        wrong += [f"{name}, dark: {each}" for each in serious(page, {"runOnly": ["color-contrast"]})]
        page.set_viewport_size({"width": 375, "height": 812})
        if name.startswith("timeline"):  # it is drawn for the width that it is opened with
            page.goto(site.url + path)
            page.wait_for_selector("[data-size=small]")
            page.evaluate(AXE)
        wrong += [f"{name}, 375: {each}" for each in serious(page, {"rules": {"color-contrast": {"enabled": False}}})]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{name}: wider than a telephone")
    assert wrong == []


def serious(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe finds that keeps people from using a page."""
    found = page.evaluate("rules => axe.run({resultTypes: ['violations'], ...rules})", rules)
    return [
        f"{each['id']}: {node['html'][:120]} {(node['any'] or [{}])[0].get('message', '')}"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"][:3]
    ]
