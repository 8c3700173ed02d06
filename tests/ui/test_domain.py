"""The page over a domain of Amazon SWF: runs that completed, failed, wait and go on, over a real server."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.exceptions import UnknownResource
from tests.cli.swf import DOMAIN, Commands, server
from tests.pauses import wait_for
from tests.ui.conftest import Site, serving
from tests.ui.test_plan import main_of, planner_of

_ENDS = {"Served": "completed", "FailsInChild": "failed", "Stopped": "canceled", "Late": "timed_out"}
_OPEN = {"AwaitsSignal": "first", "AwaitsWorker": "never", "GoesOn": "wait"}


class Domain(Site):
    """The page, and the domain that it shows."""

    commands: Commands


@pytest.fixture(autouse=True)
def environment(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server and the marks are found by what surrounds the process, which each test has anew."""
    monkeypatch.chdir(domain.commands.path)
    for name, value in domain.commands.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """A page over a domain in which a decider and a worker are at work."""
    folder = tmp_path_factory.mktemp("domain")
    shutil.copy(Path(__file__).with_name("workflows.py"), folder)
    with server(folder) as url:
        commands = Commands(folder, url)
        patch = pytest.MonkeyPatch()
        for name, value in commands.environment.items():
            patch.setenv(name, value)
        try:
            types = [f"workflows.{name}" for name in (*_ENDS, *_OPEN, "FailingChild")]
            commands.begin("decider.start", "-N", "1", *types)
            commands.begin("worker.start", "-t", "default", "-N", "2")
            for name in (*_ENDS, *_OPEN):
                limit = ("--execution-timeout", "1") if name == "Late" else ()
                commands.start(f"workflows.{name}", "--workflow-id", name, *limit)
            commands.run("workflow.cancel", "Stopped")
            with serving(None, DOMAIN, planner=planner_of(folder, "workflows.py:FailsInChild", domain=DOMAIN)) as site:
                for name, state in _ENDS.items():
                    wait_for(lambda name=name, state=state: site.serving.source.find(name).status == state, seconds=60)
                for name, step in _OPEN.items():
                    wait_for(
                        lambda name=name, step=step: f"/step/{step}" in site.get(f"/run/{name}/steps").text, seconds=60
                    )
                found = Domain(site.serving)
                found.commands = commands
                yield found
        finally:
            (folder / "go").touch()
            commands.close()
            patch.undo()


def test_the_list_says_how_they_are(domain: Domain) -> None:
    text = wait_for(lambda: "3 ran" in (found := domain.get("/").text) and "for the signal approval" in found and found)
    assert text.count('class="state is-failed"') == 3, "FailsInChild, its child and Late"
    assert "check.prices" in text
    assert main_of(domain.get("/?state=canceled").text).count("✓") == 0
    assert "Stopped" in domain.get("/?state=canceled").text


def test_a_run_that_completed(domain: Domain) -> None:
    assert "Completed in" in domain.get("/run/Served").text
    assert "Workers of Amazon SWF keep no output" in _activity(domain, "Served", "report")
    assert "MarkerRecorded" in domain.get("/run/Served/history?kind=marker").text
    assert domain.get("/run/Served/timeline").text.count("<svg") == 1


def test_a_run_that_failed_in_a_child(domain: Domain) -> None:
    answer = domain.get("/run/FailsInChild").text
    text = main_of(answer)
    assert re.search(r"Failed after \S+ s in outer; 1 ran, 1 failed\.", text)
    assert "ValueError: column 'price' of the child is empty" in text
    assert "workflows.py:" in text
    assert text.count("child workflow FailsInChild--failing-child") == 1
    assert "activity workflows.check" in text, "the way leads to what failed inside"
    child = html.unescape(re.search(r'in child workflow <a href="(/run/[^"/]+)">', answer)[1])  # type: ignore[index]
    text = main_of(domain.get(child).text)
    assert "in check.prices" in text
    assert "workflow.restart --domain test" in text
    address = re.search(r'href="(/run/[^"]+/activity/\d+)"', domain.get(f"{child}/step/check.prices").text)
    assert address is not None
    assert "Attempts" in domain.get(address[1]).text, "it was tried twice"


def test_a_run_that_waits_for_a_signal(domain: Domain) -> None:
    text = main_of(domain.get("/run/AwaitsSignal").text)
    assert "It waits for the signal approval." in text
    assert "simpleflow workflow.signal --domain test AwaitsSignal approval" in text


def test_a_run_that_waits_for_a_worker(domain: Domain) -> None:
    text = main_of(domain.get("/run/AwaitsWorker").text)
    assert "waits for a worker of list nobody" in text
    assert "queued" in main_of(domain.get("/run/AwaitsWorker/step/never").text)


def test_a_run_that_goes_on_and_comes_to_its_end(domain: Domain) -> None:
    wait_for(lambda: "Under way" in domain.get("/run/GoesOn").text)
    assert "1 ran, 1 under way" in main_of(domain.get("/run/GoesOn").text)
    assert "simpleflow workflow.cancel --domain test GoesOn" in main_of(domain.get("/run/GoesOn").text)
    (domain.commands.path / "go").touch()
    wait_for(lambda: "Completed in" in domain.get("/run/GoesOn").text, seconds=30)


def test_runs_that_were_cancelled_and_timed_out(domain: Domain) -> None:
    assert "Cancelled after" in main_of(domain.get("/run/Stopped").text)
    text = main_of(domain.get("/run/Late").text)
    assert "Timed out after" in text
    assert "--execution-timeout changes the limit" in text


def test_a_plan_of_a_run_on_amazon_swf(domain: Domain) -> None:
    path = "/run/FailsInChild/plan"
    text = wait_for(lambda: "is being made" not in (found := main_of(domain.get(path).text)) and found, seconds=60)
    assert "first ↷ is skipped Step was already played" in text
    assert "outer ▸ runs" in text
    assert "step.plan --domain test" in text


def test_what_is_not_there_is_said(domain: Domain) -> None:
    assert domain.get("/run/nobody").status == 404
    with pytest.raises(UnknownResource):
        domain.serving.source.find("nobody")


def _activity(site: Site, run: str, step: str) -> str:
    text = site.get(f"/run/{run}/step/{step}").text
    address = text.partition("/activity/")[2].partition('"')[0]
    return site.get(f"/run/{run}/activity/{address}").text
