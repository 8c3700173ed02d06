"""What steering costs, in seconds of computing: these do not depend on what else the machine does.

``python -m bench.listing`` and ``python -m bench.live`` measure the seconds that go by.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from simpleflow.steering import marks
from simpleflow.steering.place import Place
from tests.cli.conftest import SIMPLEFLOW

MANY = """
from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.step.workflow import WorkflowStepMixin

@activity.with_attributes()
def do():
    pass

class Many(Workflow, WorkflowStepMixin):
    name = "many"

    def run(self, count):
        self.submit(Group(*[self.step(f"group{n % 10}.step-{n}", do) for n in range(count)])).result
"""

SHOWN = """
import json, os, sys, time
from pathlib import Path
from many import Many
from simpleflow.cli.live import Live
from simpleflow.cli.progress import Progress
from simpleflow.cli.terminal import Terminal
from simpleflow.local import Executor

live, lines = Live(Terminal(sys.stderr)), Progress(Terminal(open(os.devnull, "w")))
spent = {"noting": 0.0, "drawing": 0.0, "lines": 0.0}

def observe(run, events):
    for name, view in (("noting", live), ("lines", lines)):
        began = time.thread_time()
        view.observe(run, events)
        spent[name] += time.thread_time() - began

def draw(frame=live._screen._frame):
    cost = frame()
    spent["drawing"] += cost
    return cost

live._screen._frame = draw
assert live.open()
began = time.perf_counter()
Executor(Many, state=Path("state"), nb_workers=2, observer=observe, on_begin=live.begin).run([1000])
spent["all"] = time.perf_counter() - began
live.close()
Path("spent").write_text(json.dumps(spent))
"""


def test_the_live_view_takes_three_percent_of_a_run_of_1000_steps_at_most(tmp_path: Path) -> None:
    """More than lines do: what happens in a run has to be made out for these, too, and for the summary."""
    (tmp_path / "many.py").write_text(MANY)
    (tmp_path / "shown.py").write_text(SHOWN)
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "shown.py"], cwd=tmp_path, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65_536)
        except OSError:
            break
    os.close(ours)
    assert process.wait(20) == 0, shown.decode()
    assert b"of 1000 steps done" in shown
    assert shown.rstrip().endswith(b"100/100")
    spent = json.loads((tmp_path / "spent").read_text())
    assert min(spent.values()) > 0
    assert spent["noting"] + spent["drawing"] - spent["lines"] <= 0.03 * spent["all"], spent


def test_listing_10000_marks_takes_a_second_at_most(tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(MANY)
    place = Place("many", str(tmp_path / ".simpleflow/objects"), "many/steps")
    marks.mark(place, [f"group{number % 10}.step-{number}" for number in range(10_000)])
    for style in ("table", "json", "csv"):
        with open(tmp_path / "out", "w+b") as out:
            command = [SIMPLEFLOW, "step.list", "many.Many", "-i", "0", "--format", style]
            process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
        assert (tmp_path / "out").read_text().count("group") == 10_000
        assert usage.ru_utime + usage.ru_stime < 1, style
