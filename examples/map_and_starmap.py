"""map and starmap: one activity over many values.

simpleflow workflow.start --local examples/map_and_starmap.py:Maps
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(raises_on_failure=True)
def double(number: int) -> int:
    return 2 * number


@activity.with_attributes(raises_on_failure=True)
def add(one: int, other: int) -> int:
    return one + other


class Maps(Workflow):
    def run(self, numbers: list[int] | None = None) -> dict[str, Any]:
        doubled = self.map(double, numbers or [1, 2, 3])  # a list of futures; all run at the same time
        sums = self.starmap(add, [(1, 2), (3, 4)])
        # A future can be an argument. The task is scheduled once the result is there.
        chained = self.submit(add, doubled[0], sums[1])
        return {"doubled": futures.wait(*doubled), "sums": futures.wait(*sums), "chained": chained.result}
