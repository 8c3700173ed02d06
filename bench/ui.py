"""The page over a large run: how soon each page is there, how large it is, and what a viewer costs the run.

    python -m bench.ui [--steps 10000] [--activities 100000] [--rounds 5] [--no-cost]

It makes a run that never happened, starts ``simpleflow ui`` over it, and looks at each page in headless Chromium. Then
a real run goes on, in turn with a viewer and without one. The last column says whether the target is met; the exit code
is 1 if one is not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.synthetic_run import BEGIN, synthetic_events
from simpleflow.core import codec
from simpleflow.state_folder.database import open_database
from simpleflow.state_folder.faults import checksum

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
RUN_ID = "22SyntheticRunOfTheBench0000000000000000000000"
FIRST_PAINT, ZOOMED, WHOLE, SIZE, MEMORY, COST = 0.5, 0.3, 2.0, 700, 300, 1.0
"""The targets: seconds, seconds, seconds, kB, MiB, per cent."""

_VIEWED = """
import sys, time
from simpleflow import Workflow, activity
from simpleflow.local import Executor
from simpleflow.step import Step, WorkflowStepMixin

@activity.with_attributes(raises_on_failure=True)
def work(number):
    end = time.perf_counter() + 0.01
    while time.perf_counter() < end:
        pass
    return number

class Viewed(Workflow, WorkflowStepMixin):
    name = "viewed"
    def run(self):
        for number in range(40):
            futures = [self.submit(Step(f"part{number}.step{each}", (work, each))) for each in range(6)]
            for future in futures:
                future.wait()

if __name__ == "__main__":
    began = time.monotonic()
    Executor(Viewed, state=sys.argv[1], nb_workers=1, force_steps="*").run()
    print(time.monotonic() - began)
"""


class Table:
    """The figures, each with its target."""

    def __init__(self) -> None:
        self.missed = 0

    def add(self, name: str, value: float, unit: str, most: float, cpu: float | None = None) -> None:
        """Print a figure. ``cpu``: the seconds on a processor that the page used for it."""
        met = value <= most
        self.missed += not met
        digits = 0 if unit in ("kB", "MiB") else 2
        used = "" if cpu is None else f"{cpu:.2f} s"
        print(f"{name:44} {value:9.{digits}f} {unit:4} {most:7g} {used:>10}  {'met' if met else 'MISSED'}", flush=True)


def make_folder(folder: Path, steps: int, activities: int) -> int:
    """Write the run into a state folder; returns the number of its events."""
    events = synthetic_events(steps, activities, fails=True)
    folder.mkdir(parents=True)
    db = open_database(str(folder))
    row = (1, RUN_ID, "nightly-warehouse", RUN_ID, "nightly.Warehouse", "1", "failed", BEGIN, events[-1].time, "")
    db.execute("begin immediate")
    db.execute(
        "insert into runs (number, run_id, workflow_id, root_id, name, version, status, started, closed, owner)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    for at in range(0, len(events), 10_000):
        some = events[at : at + 10_000]
        texts = codec.encode_events(some)
        db.executemany(
            "insert into events (place, event, sum) values (?, ?, ?)",
            [((1 << 32) + event.id, text, checksum(text, event.id)) for event, text in zip(some, texts, strict=True)],
        )
    db.execute("commit")
    db.close()
    return len(events)


@contextlib.contextmanager
def page_of(folder: Path) -> Iterator[tuple[str, int]]:
    """Start ``simpleflow ui`` over a folder; gives its address and its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simpleflow", "ui", "--state", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().rstrip("/"), process.pid
    finally:
        process.terminate()
        process.wait(10)


def read(url: str) -> tuple[float, str]:
    """Request a page; returns the seconds, and its text."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    began = time.monotonic()
    with opener.open(url, timeout=120) as answer:
        text = answer.read().decode()
    return time.monotonic() - began, text


def peak_memory(pid: int) -> float:
    """The most memory that a process has had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """The time on processors that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def paint(page: Any, url: str) -> float:
    """Open a page in the browser; returns the seconds until its first paint."""
    page.goto(url)
    script = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
    while (found := float(page.evaluate(script))) < 0:
        time.sleep(0.01)
    return found / 1000


def look(table: Table, url: str, pid: int, rounds: int) -> None:
    """Measure the pages of the large run."""
    from playwright.sync_api import sync_playwright

    run = f"{url}/run/{RUN_ID}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1280, "height": 900}, java_script_enabled=True)
        page.goto("about:blank")
        table.add("/ (first)", paint(page, f"{url}/"), "s", FIRST_PAINT)
        table.add("/run/ID (first: says how far it is read)", paint(page, run), "s", FIRST_PAINT)
        began = time.monotonic()
        while "Reading the history" in read(run)[1]:
            time.sleep(0.2)
        print(f"{'the history was read in':44} {time.monotonic() - began:9.2f} s")
        _, text = read(f"{run}/steps?state=failed")
        step = text.partition("/step/")[2].partition('"')[0]
        _, text = read(f"{run}/step/{step}")
        activity = text.partition("/activity/")[2].partition('"')[0]
        pages = {
            "/": "/",
            "/run/ID": f"/run/{RUN_ID}",
            "steps": f"/run/{RUN_ID}/steps",
            "steps, open": f"/run/{RUN_ID}/steps?open=load&open=load.region01",
            "steps, filtered": f"/run/{RUN_ID}/steps?q=table",
            "step": f"/run/{RUN_ID}/step/{step}",
            "activity": f"/run/{RUN_ID}/activity/{activity}",
            "history": f"/run/{RUN_ID}/history?after=100000",
        }
        for name, path in pages.items():
            before = cpu_seconds(pid)
            first = paint(page, url + path)
            table.add(f"{name}, first click", first, "s", FIRST_PAINT, cpu_seconds(pid) - before)
            before = cpu_seconds(pid)
            times = [paint(page, url + path) for _ in range(rounds)]
            used = (cpu_seconds(pid) - before) / rounds
            table.add(f"{name}, again", statistics.median(times), "s", FIRST_PAINT, used)
        browser.close()
    for by in ("step", "worker"):
        before = cpu_seconds(pid)
        seconds, text = read(f"{run}/timeline?by={by}")
        table.add(f"timeline of the whole run, by {by}", seconds, "s", WHOLE, cpu_seconds(pid) - before)
        table.add("its size", len(text.encode()) / 1000, "kB", SIZE)
    middle = BEGIN + 1200
    for begin, end in ((middle, middle + 600), (middle + 100, middle + 160), (middle, middle + 3600)):
        before = cpu_seconds(pid)
        seconds, _ = read(f"{run}/timeline?begin={begin}&end={end}")
        table.add(f"timeline zoomed to {end - begin:.0f} s", seconds, "s", ZOOMED, cpu_seconds(pid) - before)
    table.add("peak memory of the page", peak_memory(pid), "MiB", MEMORY)


def cost(table: Table, root: Path, rounds: int) -> None:
    """Measure how much longer a real run takes with a viewer of its steps."""
    folder = root / "viewed"
    program = root / "viewed.py"
    program.write_text(_VIEWED)

    def seconds() -> float:
        done = subprocess.run([sys.executable, program, folder], capture_output=True, text=True, check=True)
        return float(done.stdout)

    seconds()
    plain, viewed, spent = [], [], 0.0
    with page_of(folder) as (url, pid):
        for _ in range(rounds):
            plain.append(seconds())
            viewers = [
                subprocess.Popen(
                    ["curl", "-sN", "-o", os.devnull, f"{url}{path}?live=1"],
                )
                for path in ("/", "/run/viewed/steps")
            ]
            before = cpu_seconds(pid)
            viewed.append(seconds())
            spent += cpu_seconds(pid) - before
            for each in viewers:
                each.terminate()
                each.wait()
    more = 100 * (statistics.median(viewed) / statistics.median(plain) - 1)
    spread = 100 * (max(plain) / min(plain) - 1)
    print(
        f"a run took {statistics.median(plain):.2f} s alone (spread {spread:.1f} %), "
        f"{statistics.median(viewed):.2f} s viewed"
    )
    print(f"meanwhile the page itself used {100 * spent / sum(viewed):.1f} % of a core")
    table.add("viewers cost the run", more, "%", COST)


def main() -> int:
    """Measure everything; returns 1 if a target is missed."""
    parser = argparse.ArgumentParser(description="the page over a large run")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--activities", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-cost", action="store_true", help="leave out what a viewer costs")
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="simpleflow-bench-ui-"))
    table = Table()
    try:
        began = time.monotonic()
        count = make_folder(root / "state", given.steps, given.activities)
        print(f"{count:,} events, made in {time.monotonic() - began:.0f} s")
        print(f"{'':44} {'':9} {'':4} {'target':>7} {'processor':>10}")
        with page_of(root / "state") as (url, pid):
            look(table, url, pid, given.rounds)
        if not given.no_cost:
            cost(table, root, given.rounds)
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
