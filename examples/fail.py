"""A workflow that decides to fail: its execution ends as failed, with a reason.

    simpleflow workflow.start --local examples/fail.py:Failing

The command exits with code 1 and prints the reason.
"""

from __future__ import annotations

from simpleflow import Workflow, activity


@activity.with_attributes(raises_on_failure=True)
def count_rows() -> int:
    return 3


class Failing(Workflow):
    def run(self, at_least: int = 10) -> str:
        rows = self.submit(count_rows).result
        if rows < at_least:
            self.fail("too few rows", details=f"{rows} rows, expected {at_least} or more")  # does not return
        return f"{rows} rows"
