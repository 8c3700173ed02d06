"""The cost of a listing in CPU seconds, which hardly depend on the load of the machine.

``python -m bench.listing`` measures wall-clock time, and ``python -m bench.live`` measures the live view.
"""

from __future__ import annotations

import os
import subprocess
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


def test_listing_10000_marks_takes_at_most_one_second(tmp_path: Path) -> None:
    (tmp_path / "many.py").write_text(MANY)
    location = Place("many", f"state://{tmp_path / '.simpleflow'}", "many/steps")
    marks.mark(location, [f"group{number % 10}.step-{number}" for number in range(10_000)])
    for style in ("table", "json", "csv"):
        with open(tmp_path / "out", "w+b") as out:
            command = [SIMPLEFLOW, "step.list", "many.Many", "-i", "0", "--format", style]
            process = subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
        assert (tmp_path / "out").read_text().count("group") == 10_000
        assert usage.ru_utime + usage.ru_stime < 1, style
