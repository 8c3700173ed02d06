"""The plan of a next run on the page: made by a process of its own, saved in the state folder, or only its command."""

from __future__ import annotations

import html
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from simpleflow.steering import marks
from simpleflow.steering.place import Place
from simpleflow.ui.made_plan import Answer, Making, Wanted
from simpleflow.ui.planner import Planner
from tests import nursery
from tests.pauses import wait_for
from tests.servers import tied
from tests.ui.conftest import Runs, Site, serving
from tests.ui.test_accessible import AXE, serious

_PROCESS = [sys.executable, "-m", "simpleflow.cli.page_plan"]
_PIPELINE = """
import os
from pathlib import Path
from simpleflow import Workflow, activity
from simpleflow.step import Step, WorkflowStepMixin

print("printed by the module")
Path(__file__).with_name(f"loaded-{os.getpid()}").touch()

@activity.with_attributes(raises_on_failure=True)
def work(name):
    return name

class Planned(Workflow, WorkflowStepMixin):
    name = "planned"

    def run(self, day="mon"):
        for name in ("load.users", "load.orders"):
            self.submit(Step(name, (work, day), force_steps_if_executed=["report"]))
        self.submit(Step("report", (work, "report")))
"""


def planner_of(
    folder: Path, *workflows: str, state: str | None = None, limit: float = 60.0, domain: str | None = None
) -> Planner:
    wanted = Wanted(type="", workflow_id="", input=None)
    paths = tuple(str(folder / each) for each in workflows)
    found = str(folder / "state") if state is None and domain is None else state
    return Planner(_PROCESS, Making(wanted=wanted, workflows=paths, state=found, domain=domain), limit)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A run of ``planned`` whose steps are done, but for one."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "workflows.py").write_text(_PIPELINE)
    (folder / "other.py").write_text(_PIPELINE.replace('name = "planned"', 'name = "other"'))
    runs = Runs(folder, folder / "state")
    runs.run("Planned", "planned", "--param", "day=tue")
    marks.remove(Place("planned", f"state://{runs.state}", "planned/steps"), ["load.orders"])
    for each in folder.glob("loaded-*"):
        each.unlink()
    return runs


@pytest.fixture(scope="module")
def planning(planned: Runs) -> Iterator[Site]:
    """A page that makes plans of it."""
    with serving(planned.state, planner=planner_of(planned.folder, "other.py", "workflows.py")) as found:
        yield found


def main_of(text: str) -> str:
    """The text of a page, as people read it."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2])))


def made(site: Site, path: str) -> str:
    """The text of a page once it shows a plan."""
    return wait_for(lambda: (text := main_of(site.get(path).text)) and "is being made" not in text and text, seconds=40)


def test_a_plan_is_made_by_another_process_from_the_input_of_the_run(planned: Runs, planning: Site) -> None:
    text = made(planning, "/run/planned/plan")
    assert "A next run has 3 steps: 2 run, 1 is skipped." in text
    assert "from 1 earlier run" in text
    assert "Dep of load.orders" in text
    assert '--input \'{"args":[],"kwargs":{"day":"tue"}}\'' in text
    loaded = {each.name for each in planned.folder.glob("loaded-*")}
    assert loaded
    assert f"loaded-{os.getpid()}" not in loaded
    assert {each.name for each in (planned.state / "owners").iterdir()} == set()
    step = main_of(planning.get("/run/planned/step/report").text)
    assert "A next run runs it: Dep of load.orders." in step
    assert "A next run skips it: Step was already played." in main_of(planning.get("/run/planned/step/load.users").text)


def test_it_is_made_again_once_marks_or_the_file_have_changed(planned: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_EVERY_SECONDS", "_LOOK_SECONDS", "_REST"):
        monkeypatch.setattr(f"simpleflow.ui.planner.{name}", 0)
    planner = planner_of(planned.folder, "workflows.py:Planned")
    wanted = Wanted(type="planned", workflow_id="planned", input='["tue"]')

    def next_answer() -> Answer:
        return wait_for(lambda: not (found := planner.find(wanted)).pending and found.answer, seconds=40)

    try:
        first = next_answer()
        assert planner.find(wanted).answer is first
        place = Place("planned", f"state://{planned.state}", "planned/steps")
        marks.mark(place, ["load.orders"])
        second = next_answer()
        marks.remove(place, ["load.orders"])
        assert first.made is not None
        assert second.made is not None
        assert [each.verdict for each in first.made.plan.steps] == ["skip", "run", "run"]
        assert [each.verdict for each in second.made.plan.steps] == ["skip", "skip", "skip"]
        (planned.folder / "workflows.py").write_text(_PIPELINE.replace('"report"))', '"report")); oh no'))
        assert "cannot be imported: SyntaxError" in wait_for(lambda: next_answer().problem, seconds=40)
    finally:
        planner.close()
        (planned.folder / "workflows.py").write_text(_PIPELINE)


def test_the_types_of_the_workflows_are_looked_up_once(planned: Runs) -> None:
    planner = planner_of(planned.folder, "other.py")
    try:
        assert planner.makes("planned")
        wanted = Wanted(type="planned", workflow_id="planned", input=None)
        answer = wait_for(lambda: planner.find(wanted).answer, seconds=40)
        assert "without a --workflow of type 'planned' (" in answer.problem
        assert answer.types == ("other",)
        assert not planner.makes("planned")
        assert planner.makes("other")
        (planned.folder / "other.py").touch()
        assert planner.makes("planned"), "the file has changed"
    finally:
        planner.close()


def test_it_is_made_again_when_somebody_asks_but_not_for_each_reload(planned: Runs) -> None:
    times = iter(range(1000, 2000))
    planner = Planner(
        [sys.executable, "-c", "print('{}')"],
        Making(wanted=Wanted(type="", workflow_id="", input=None), workflows=("x",), state=None, domain=None),
        clock=lambda: next(times),
    )
    wanted = Wanted(type="planned", workflow_id="planned", input=None)
    try:
        planner.find(wanted)
        one = wait_for(lambda: planner.find(wanted).answer)
        assert not planner.find(wanted, newer=500.0).pending
        assert planner.find(wanted, newer=5_000.0).pending
        other = wait_for(lambda: not (found := planner.find(wanted)).pending and found)
        assert other.answer is not one
        assert not planner.find(wanted, newer=other.made_at).pending
    finally:
        planner.close()


@pytest.mark.parametrize(
    ("code", "limit", "said"),
    [
        ("import os\nprint('last words', flush=True)\nos._exit(3)", 60.0, "with exit code 3.*last words"),
        ("import time\ntime.sleep(600)", 0.7, "there is no plan: it took more than 0.7 s"),
        ("raise RuntimeError('<b>no</b>')", 60.0, "cannot be imported: RuntimeError: <b>no</b>"),
        (f"{_PIPELINE}\nPlanned.name = 'another'", 60.0, "unless it was started with --workflow for this one"),
        (f"{_PIPELINE}\nPlanned.run = lambda self, **others: 1 / 0", 60.0, "ZeroDivisionError: division by zero"),
    ],
    ids=["exit", "endless", "error", "other type", "error in run"],
)
def test_what_goes_wrong_in_the_code_is_text(planned: Runs, tmp_path: Path, code: str, limit: float, said: str) -> None:
    (tmp_path / "bad.py").write_text(code)
    planner = planner_of(tmp_path, "bad.py:Planned", state=str(planned.state), limit=limit)
    with serving(planned.state, planner=planner) as site:
        text = made(site, "/run/planned/plan")
        assert re.search(said, text)
        assert site.get("/run/planned/plan").status == 200
        assert "<b>no</b>" not in site.get("/run/planned/plan").text


def test_a_plan_is_shown_although_its_estimate_fails(planned: Runs, tmp_path: Path) -> None:
    condition = "if 'simpleflow.steering.estimate' in sys.modules:\n            os._exit(3)\n        "
    code = _PIPELINE.replace("        for name in", f"        {condition}for name in").replace(
        "import os", "import os, sys"
    )
    (tmp_path / "workflows.py").write_text(code)
    planner = planner_of(tmp_path, "workflows.py", state=str(planned.state))
    with serving(planned.state, planner=planner) as site:
        text = made(site, "/run/planned/plan")
        assert "A next run has 3 steps: 2 run, 1 is skipped" in text
        assert "How long it takes: its process ended with exit code 3" in text


def test_without_a_workflow_no_code_runs_and_a_saved_plan_is_shown(planned: Runs) -> None:
    before = set(planned.folder.glob("loaded-*"))
    with serving(planned.state) as site:
        text = main_of(site.get("/run/planned/plan").text)
        assert "this page does not, unless it was started with --workflow for this one" in text
        [command] = re.findall(r"simpleflow (step.plan (?:(?! step.plan ).)* --save \S+)", text)
        assert "marked as done" in main_of(site.get("/run/planned/step/report").text)
        assert set(planned.folder.glob("loaded-*")) == before
        done = nursery.run(shlex.split(command), planned.folder, dict(os.environ))
        assert done.code == 0, done.err
        text = main_of(site.get("/run/planned/plan").text)
        assert "A next run has 3 steps: 2 run, 1 is skipped" in text
        assert re.search(r"Saved \d\d:\d\d:\d\d", text)
        assert "A next run runs it: Dep of load.orders." in main_of(site.get("/run/planned/step/report").text)
        (planned.state / "plans" / "planned.json").write_text("{")
        assert "is no plan that this release reads" in main_of(site.get("/run/planned/plan").text)
        (planned.state / "plans" / "planned.json").unlink()


def test_what_if_a_step_is_forced_with_and_without_javascript(planning: Site, tab: Callable[..., Page]) -> None:
    page = tab()
    page.goto(f"{planning.url}/run/planned")
    page.get_by_role("link", name="Plan", exact=True).click()
    page.get_by_label("Force steps").fill("load.users")
    page.get_by_role("button", name="Plan").click()
    expect(page.get_by_text("Such a run runs all 3 steps.")).to_be_visible(timeout=40_000)
    page.get_by_label("Name contains").fill("rep")
    page.get_by_label("Name contains").press("Enter")
    expect(page.locator("#planned tr")).to_have_count(1)
    assert "force=load.users" in page.url
    page.reload()
    expect(page.locator("#planned tr")).to_have_count(1)
    page.evaluate(AXE)
    assert serious(page, {}) == []
    page.set_viewport_size({"width": 375, "height": 812})
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    plain = tab(java_script_enabled=False)
    plain.goto(f"{planning.url}/run/planned/plan?skip=load.orders")
    expect(plain.get_by_text("Such a run skips all 3 steps.")).to_be_visible(
        timeout=40_000
    )  # the browser reads it again
    plain.get_by_label("Verdict").select_option("run")
    plain.get_by_role("button", name="Filter").click()
    expect(plain.get_by_text("No step fits these filters.")).to_be_visible()


@pytest.mark.parametrize("query", ["workers=0", "workers=x", "verdict=odd", "newer=x", "from=x"])
def test_a_bad_query_is_refused(planning: Site, query: str) -> None:
    assert planning.get(f"/run/planned/plan?{query}").status == 400


def test_names_in_the_query_are_text_and_checked(planning: Site) -> None:
    path = "/run/planned/plan?force=<script>alert(1)</script>,+,nothing"
    text = made(planning, path)
    assert "Such a run has 3 steps" in text
    assert "<script>alert" not in planning.get(path).text


def test_the_process_ends_with_the_page(planned: Runs, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, time\nfrom pathlib import Path\n"
        "Path(__file__).with_name('pid').write_text(str(os.getpid()))\ntime.sleep(600)"
    )
    page = subprocess.Popen(
        [sys.executable, "-m", "simpleflow", "ui", "--state", planned.state, "--port", "0", "--workflow", "slow.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=tmp_path,
        preexec_fn=tied,
    )
    assert page.stdout is not None
    url = page.stdout.readline().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}run/planned/plan", timeout=20) as answer:
        assert b"is being made" in answer.read()
    pid = int(wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
    page.send_signal(signal.SIGKILL)
    page.communicate()
    end = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workflow", "none.py"), "error: there is no file 'none.py'"),
        (
            ("--workflow", "flow"),
            "error: 'flow' does not name a workflow; expected module.Class or path/to/file.py:Class",
        ),
        (("--input", "1"), "error: --input, --input-file and --param are the input of one --workflow"),
        (("--workflow", "a.B", "--workflow", "a.C", "-p", "x=1"), "of one --workflow, and there are 2"),
        (("--workflow", "a.B", "--input", "{"), "error: --input is not JSON"),
    ],
)
def test_what_is_wrong_in_the_options_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = nursery.run(["ui", "--port", "0", *arguments], tmp_path, dict(os.environ))
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
