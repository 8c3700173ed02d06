"""A FuncGroup is built when its turn comes, from the results that the run has by then.

simpleflow workflow.start --local examples/func_group.py:LateWork
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group


@activity.with_attributes(raises_on_failure=True)
def list_files(folder: str) -> list[str]:
    return [f"{folder}/a.csv", f"{folder}/b.csv"]


@activity.with_attributes(raises_on_failure=True)
def size(path: str) -> int:
    return len(path)


def sizes(paths: list[str]) -> Group | None:
    """The number of members of the group is known only once the files are listed."""
    return Group(*((size, path) for path in paths)) if paths else None


class LateWork(Workflow):
    def run(self, folder: str = "inbox") -> Any:
        # The chain passes the list on as the last argument of `sizes`. _allow_none: there may be nothing to do.
        work = Chain((list_files, folder), FuncGroup(sizes, _allow_none=True), send_result=True)
        return self.submit(work).result
