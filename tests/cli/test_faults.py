"""A fault of the workflow is reported while the run goes on, and in the summary."""

from __future__ import annotations

from tests.cli.conftest import Folder

FLOW = """
from simpleflow import Workflow, activity
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes(raises_on_failure=True)
def load(day):
    return day


class Flow(Workflow, WorkflowStepMixin):
    def run(self):
        for name in ("load", "other"):
            for day in ("mon", "tue"):
                self.submit(self.step(name, (load, day))).ran
"""


def test_a_name_with_two_works(folder: Folder) -> None:
    (folder.path / "flow.py").write_text(FLOW)
    done = folder.start("flow.py:Flow")
    assert done.code == 0
    text = "step 'load' was submitted twice with different work, day 'mon' -> 'tue': the second one joins"
    lines = [line for line in done.err.splitlines() if text in line]
    assert [line.partition("step 'load'")[0].strip() for line in lines] == [
        "workflow flow.Flow:",
        "2 faults of the workflow:",
    ]
    assert lines[1].endswith("(and 1 more)")
