"""The page in a browser: what a person does with it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from simpleflow.engines.base import RunFilter
from tests.pauses import wait_for
from tests.ui.conftest import Runs, Site

Tab = Callable[..., Page]


def test_from_the_list_to_the_line_that_failed(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(site.url)
    page.locator("tr", has_text="check.prices").get_by_role("link", name="nightly", exact=True).click()
    expect(page.get_by_text("Failed after")).to_be_visible()
    page.get_by_text("Traceback", exact=True).click()
    expect(page.get_by_role("region", name="Traceback")).to_contain_text("ValueError: column 'price' of items is empty")
    page.get_by_role("link", name=re.compile("activity .*check")).click()
    expect(page.get_by_role("heading", name="Why it failed")).to_be_visible()
    expect(page.locator("pre.log")).to_have_text("about to look at items")
    page.get_by_role("link", name="check.prices").click()
    expect(page.get_by_role("heading", name="Every verdict, and why")).to_be_visible()


def test_a_filter_stays_after_a_reload(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(site.url)
    rows = page.locator("#runs tr")
    every = len(site.serving.source.list_runs())
    expect(rows).to_have_count(every)
    page.get_by_label("State").select_option("completed")
    completed = len(site.serving.source.list_runs(RunFilter(statuses=frozenset({"completed"}))))
    expect(rows).to_have_count(completed)
    page.get_by_label("Workflow id begins with").fill("night")
    page.get_by_label("Workflow id begins with").press("Enter")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("State")).to_have_value("completed")
    expect(page.get_by_label("Workflow id begins with")).to_have_value("night")
    page.go_back()
    expect(rows).to_have_count(completed)
    page.get_by_label("only failed").check()
    expect(page.get_by_text("No run fits these filters.")).to_be_visible()
    page.get_by_role("link", name="Show all").first.click()
    expect(rows).to_have_count(every)


def test_steps_open_with_a_click_or_a_key_and_stay_open(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(f"{site.url}/run/nightly/steps")
    opened = page.locator("#steps .name", has_text="users")
    expect(opened).to_have_count(0)
    page.get_by_role("link", name="open load").click()
    expect(opened).to_be_visible()
    fold = page.get_by_role("link", name="open clean")
    fold.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="open clean.a")).to_be_visible()
    expect(page.get_by_role("link", name="fold clean")).to_be_focused()
    page.reload()
    expect(opened).to_be_visible()
    page.get_by_role("link", name="fold load").click()
    expect(opened).to_have_count(0)
    page.get_by_label("Name contains").fill("clean.b")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#steps tr")).to_have_count(3)


def test_the_timeline_zooms_by_links_keys_and_dragging(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(f"{site.url}/run/nightly/timeline")
    whole = page.locator("svg.timeline").get_attribute("data-end")
    page.get_by_role("link", name="zoom in").click()
    page.wait_for_url(re.compile("begin="))
    expect(page.locator("svg.timeline")).not_to_have_attribute("data-end", whole or "")
    zoomed = page.locator("svg.timeline").get_attribute("data-end")
    page.reload()
    expect(page.locator("svg.timeline")).to_have_attribute("data-end", zoomed or "")
    page.keyboard.press("0")
    expect(page.locator("svg.timeline")).to_have_attribute("data-end", whole or "")
    box = page.locator("svg.timeline").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 500, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 60)
    page.mouse.up()
    page.wait_for_url(re.compile("begin=.*end="))
    page.get_by_role("link", name="by worker").click()
    page.wait_for_url(re.compile("by=worker"))
    assert "begin=" in page.url


def test_a_run_is_watched_to_its_end(runs: Runs, site: Site, tab: Tab, tmp_path: Path) -> None:
    go = tmp_path / "go"
    process = runs.start("Waits", "waits", "--param", f"path={go}")
    wait_for(lambda: site.serving.source.list_runs() and site.get("/run/waits").status == 200)
    page, listed, overview = tab(), tab(), tab()
    listed.goto(f"{site.url}/?id=wait")
    expect(listed.locator("#runs .state")).to_have_text("…running")
    overview.goto(f"{site.url}/run/waits")
    page.goto(f"{site.url}/run/waits/steps")
    expect(page.get_by_role("status")).to_have_text("live")
    expect(page.locator("#steps tr", has_text="wait").locator(".state")).to_have_text("…running")
    expect(page.locator("#steps tr")).to_have_count(2)
    page.get_by_label("Name contains").fill("half a wo")  # what somebody types stays
    link = page.get_by_role("link", name="first")
    link.focus()
    go.touch()
    expect(page.locator("#steps tr", has_text="last").locator(".state")).to_have_text("✓ran")
    expect(page.locator(".headline .state")).to_have_text("✓completed")
    expect(page.get_by_label("Name contains")).to_have_value("half a wo")
    expect(link).to_be_focused()
    expect(listed.locator("#runs .state")).to_have_text("✓completed")
    expect(overview.get_by_text("Completed in")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("")
    process.communicate(timeout=20)


def test_a_new_run_appears_in_the_list_by_itself(runs: Runs, site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(f"{site.url}/?id=new")
    expect(page.get_by_role("status")).to_have_text("live")
    runs.run("Nightly", "new")
    expect(page.locator("#runs .state")).to_have_text("✓completed")
    expect(page.locator("#runs .counts")).to_have_text("10 ran")


def test_a_log_of_40_000_lines_is_read_to_its_end_and_from_its_beginning(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(f"{site.url}/run/long/step/log")
    page.get_by_role("link", name="log of").click()
    log = page.locator("pre.log")
    expect(log).to_contain_text("long line 40000")
    assert log.evaluate("each => each.scrollTop + each.clientHeight >= each.scrollHeight - 4")
    page.get_by_role("link", name="beginning").click()
    expect(log).to_contain_text("long line 1\n")
    seen: list[str] = []
    while True:
        text = log.inner_text()
        seen += text.split("\n")
        later = page.locator("#log-later")
        if not later.count():
            break
        later.click()
        expect(log).not_to_contain_text(seen[-1])
    assert seen == [f"long line {number}" for number in range(1, 40_001)]


def test_a_long_value_is_a_download(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(f"{site.url}/run/long/step/value")
    page.locator("td.name").get_by_role("link").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download 100,002 characters").click()
    assert download.value.path().read_text() == f'"{"x" * 100_000}"'


def test_it_works_without_javascript(site: Site, tab: Tab) -> None:
    page = tab(java_script_enabled=False)
    page.goto(site.url)
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Filter").click()
    assert "state=failed" in page.url
    page.locator("#runs tr", has_text="check.prices").get_by_role("link", name="nightly", exact=True).click()
    page.get_by_text("Traceback", exact=True).click()
    assert page.get_by_role("region", name="Traceback").is_visible()
    page.get_by_role("link", name="Steps", exact=True).click()
    page.get_by_role("link", name="open load").click()
    assert page.locator("#steps .name", has_text="users").is_visible()
    page.get_by_role("link", name="Timeline").click()
    page.get_by_role("link", name="zoom in").click()
    assert "begin=" in page.url
    page.get_by_role("link", name="History").click()
    page.get_by_label("Kind").select_option("marker")
    page.get_by_role("button", name="Filter").click()
    assert page.locator("#events tr").count() > 10
    assert page.get_by_text("MarkerRecorded").first.is_visible()


def test_it_works_with_the_keyboard_alone(site: Site, tab: Tab) -> None:
    page = tab()
    page.goto(f"{site.url}/?failed=1&id=night")

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", f"{name} does not show that it is focused"
                return
        raise AssertionError(f"no tab leads to {name}")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    tab_to("nightly")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/run/"))
    tab_to("Traceback")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Traceback")).to_be_visible()
    page.goto(f"{page.url}/steps")
    tab_to("▸fold load".replace("fold", "open"))
    page.keyboard.press("Enter")
    expect(page.locator("#steps .name", has_text="users")).to_be_visible()


def test_a_log_grows_while_one_reads_it(runs: Runs, site: Site, tab: Tab, tmp_path: Path) -> None:
    go = tmp_path / "go"
    process = runs.start("Talks", "talks", "--param", f"path={go}")
    wait_for(lambda: "Under way" in site.get("/run/talks").text)
    page = tab()
    page.goto(f"{site.url}/run/talks")
    page.get_by_role("link", name="talk", exact=True).first.click()
    log = page.locator("pre.log")
    expect(log).to_contain_text("looked 1 times")
    expect(log).to_contain_text("looked 5 times")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    expect(page.locator(".headline .state")).to_contain_text("not driven")
    assert "no process drives it" in site.get("/run/talks").text
    times = [re.findall(r"[\d.]+ s until its process ended", site.get("/run/talks").text) for _ in range(2)]
    assert times[0] == times[1] != [], "the time without a process does not count"
    wait_for(lambda: "1 stopped" in site.get("/?id=talks").text)
    listed = [re.findall(r"not driven, [^<]*<", site.get("/?id=talks").text) for _ in range(2)]
    assert listed[0] == listed[1] != []
