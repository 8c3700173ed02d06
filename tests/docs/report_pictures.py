"""Draw the pictures of reports in the documentation: that of the census, and that of a run that failed.

    python -m tests.docs.report_pictures     writes docs/pictures/report*.webp

The runs are real, and so are their reports, which Chromium shows.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.pages import ROOT
from tests.docs.shots import shoot

FOLDER = ROOT / "docs" / "pictures"
NAMES = ("report.webp", "report-failed.webp")
"""The names of all pictures."""

CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 120_000  # of a picture

_WIDTH, _HEIGHT, _SCALE = 1_160, 860, 1.5
_QUALITY = 82  # of 100

FAILING = """
from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.step import Step, WorkflowStepMixin
import time


@activity.with_attributes(raises_on_failure=True, retry=2)
def copy(table, seconds):
    print(f"copying {table} from the warehouse")
    time.sleep(seconds)
    if table == "orders":
        print("19,411 of 20,000 rows copied")
        raise ConnectionError("the warehouse closed the connection")
    return table


@activity.with_attributes(raises_on_failure=True)
def join(name):
    time.sleep(0.3)
    return name


class Nightly(Workflow, WorkflowStepMixin):
    name = "nightly"

    def run(self):
        tables = {"users": 0.9, "items": 1.4, "orders": 0.5, "prices": 0.7, "stores": 1.1}
        scan = self.submit(Step("scan", (join, "scan"), force_steps_if_executed=["load"]))
        scan.result
        loads = [Step(f"load.{name}", (copy, name, time), force_steps_if_executed=["report"])
                 for name, time in tables.items()]
        self.submit(Group(*loads)).result
        self.submit(Step("report", (join, "report"))).result
"""


def main() -> int:
    from playwright.sync_api import sync_playwright

    from tests.cli.conftest import Folder

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Folder(Path(name))
        (folder.path / "nightly.py").write_text(FAILING)
        state = ("--state", ".simpleflow")
        done = folder.start(str(ROOT / "examples" / "census.py"), "--report", "report.html", *state)
        assert done.code == 0, done.err
        done = folder.start("nightly.py", "--report", "report-failed.html", *state)
        assert done.code == 1, done.err
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for picture in NAMES:
            page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}, device_scale_factor=_SCALE)
            page.goto((folder.path / picture).with_suffix(".html").as_uri())
            shoot(page, FOLDER / picture, _QUALITY)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
