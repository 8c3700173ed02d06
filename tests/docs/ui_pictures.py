"""Draw the pictures of the page in the documentation: the list of runs, a run that failed, a plan, and a timeline.

    python -m tests.docs.ui_pictures     writes docs/pictures/ui-*.webp

The runs are real, those of the census and of a workflow that fails, and Chromium shows the page that serves them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.pages import ROOT
from tests.docs.report_pictures import CHROMIUM, FAILING, FOLDER
from tests.docs.shots import shoot
from tests.pauses import wait_for

PAGES = {
    "ui-runs.webp": ("/", "light", 560),
    "ui-run.webp": ("/run/nightly", "light", 900),
    "ui-plan.webp": ("/run/nightly/plan?force=load.orders", "light", 960),
    "ui-timeline.webp": ("/run/census/timeline", "dark", 860),
}
"""The names of all pictures; each with its page, its colours and its height."""

_WIDTH, _SCALE, _QUALITY = 1_240, 1.5, 80

_TIDY = r"""folder => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
        texts.currentNode.data = texts.currentNode.data
            .replaceAll(` --state ${folder}/.simpleflow`, "").replaceAll(folder, "/home/ann/nightly");
}"""
"""Puts the folder of a user in place of the temporary one."""


def main() -> int:
    from playwright.sync_api import sync_playwright

    from tests.cli.conftest import Folder
    from tests.ui.conftest import serving
    from tests.ui.test_plan import planner_of

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Folder(Path(name))
        state = ("--state", ".simpleflow")
        program = folder.path / "nightly.py"
        census = str(ROOT / "examples" / "census.py")
        for number, text in enumerate((FAILING.replace('== "orders"', '== "none"'), FAILING)):
            program.write_text(text)
            for forced in ("*", "load.items"):
                folder.start("nightly.py", "--force", forced, *state)
            done = (
                folder.start(census, *state) if number == 0 else folder.start("nightly.py", "--force", "scan", *state)
            )
        assert done.code == 1, done.err
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        planner = planner_of(folder.path, "nightly.py", state=str(folder.path / ".simpleflow"))
        with serving(folder.path / ".simpleflow", planner=planner) as site:
            site.get("/")
            wait_for(lambda: "is being made" not in site.get(PAGES["ui-plan.webp"][0]).text, 60)
            for picture, (path, scheme, height) in PAGES.items():
                page = browser.new_page(
                    viewport={"width": _WIDTH, "height": height}, device_scale_factor=_SCALE, color_scheme=scheme
                )
                page.goto(site.url + path)
                page.evaluate(_TIDY, str(folder.path))
                page.wait_for_timeout(300)
                shoot(page, FOLDER / picture, _QUALITY)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
