"""Random workflows whose activities run on a cluster, and what they must give. The seed alone decides both."""

from __future__ import annotations

import os
import random
import subprocess
import time
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin
from tests.cluster.flows import append


def _work(folder: str, name: str, seconds: float, value: int) -> int:
    # The time first, since another process may be killed between any two lines.
    append(f"{folder}/begun", f"{time.time():.6f} {name} {os.getpid()}")
    if value % 3 == 0:
        subprocess.run(["sleep", str(seconds)])
    else:
        time.sleep(seconds)
    print(name, "has done its work")
    return value * value


@activity.with_attributes(retry=20)
def work(folder: str, name: str, seconds: float, value: int) -> int:
    return _work(folder, name, seconds, value)


@activity.with_attributes(retry=20, task_list="other")
def other_work(folder: str, name: str, seconds: float, value: int) -> int:
    return _work(folder, name, seconds, value)


class Part:
    """One step: a group or a chain of activities."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.is_chain = chance.random() < 0.3
        self.keeps = chance.random() < 0.5
        longest = chance.choice([0.0, 0.05, 0.4])
        self.members = [
            (chance.random() < 0.3, f"{name}-{number}", round(chance.random() * longest, 3), chance.randrange(100))
            for number in range(chance.randint(1, 8))
        ]

    def canvas(self, folder: str) -> Any:
        members = [
            (other_work if is_other else work, folder, name, seconds, value)
            for is_other, name, seconds, value in self.members
        ]
        return Chain(*members) if self.is_chain else Group(*members)

    @property
    def expected(self) -> list[int]:
        return [value * value for *_, value in self.members]


def rounds(seed: int) -> list[list[Part]]:
    """The steps: those of one round together, the rounds one after the other."""
    chance = random.Random(seed)
    return [
        [Part(f"s{number}.{each}", chance) for each in range(chance.randint(1, 3))]
        for number in range(chance.randint(1, 4))
    ]


def expected(seed: int) -> list[list[Any]]:
    return [[part.expected for part in together] for together in rounds(seed)]


class Random(WorkflowStepMixin, Workflow):
    name = "cluster.random"

    def run(self, folder: str, seed: int) -> Any:
        found = []
        for together in rounds(seed):
            futures = [self.submit(Step(part.name, part.canvas(folder))) for part in together]
            found.append([future.result[1][1] for future in futures])
        return found
