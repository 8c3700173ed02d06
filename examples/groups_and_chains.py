"""Members of a group run in parallel, those of a chain in sequence. Both hold anything that can be submitted.

simpleflow workflow.start --local examples/groups_and_chains.py:GroupsAndChains
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group


@activity.with_attributes(raises_on_failure=True)
def fetch(city: str) -> list[int]:
    return [len(city), city.count("o")]


@activity.with_attributes(raises_on_failure=True)
def total(numbers: list[int]) -> int:
    return sum(numbers)


@activity.with_attributes(raises_on_failure=True)
def label(text: str, number: int) -> str:
    return f"{text}: {number}"


class GroupsAndChains(Workflow):
    def run(self) -> dict[str, Any]:
        # A member is an activity, (activity, arguments...), a task, a step, a workflow class, a group or a chain.
        # send_result=True hands each result to the next member as its last argument.
        pipelines = [
            Chain((fetch, city), total, (label, city), send_result=True) for city in ("Oslo", "Toronto", "Porto")
        ]
        # At most two of the three pipelines run at the same time. Results are in the order of the members.
        cities = Group(*pipelines, max_parallel=2)
        cities.append(label, "a late member", 1)
        (everything,) = futures.wait(self.submit(cities))
        return {"results": everything, "last of each chain": [chain[-1] for chain in everything[:-1]]}
