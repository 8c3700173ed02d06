"""Large values, or a group that claims its steps: ``values.py large|claims NUMBER``, in the current folder."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.scripts import work

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin

_CHARACTERS = 1_000_000


@activity.with_attributes(raises_on_failure=True)
def turned(text: str) -> str:
    return text[::-1]


@activity.with_attributes(raises_on_failure=True)
def nothing(number: int) -> int:
    return work.nothing(number)


class Large(Workflow, WorkflowStepMixin):
    """Steps in sequence; each gets and returns a megabyte."""

    def run(self, number: int) -> None:
        for index in range(number):
            text = f"{index:07d}" + "x" * (_CHARACTERS - 7)
            futures.wait(self.submit(self.step(f"step{index}", (turned, text))))


class Claimed(Workflow, WorkflowStepMixin):
    """A group of steps whose marks are in a folder that others share: each is claimed by itself."""

    def get_step_bucket(self) -> str:
        return str(Path("marks").absolute())

    def run(self, number: int) -> None:
        futures.wait(self.submit(Group(*[self.step(f"step{index}", (nothing, index)) for index in range(number)])))


if __name__ == "__main__":
    Executor({"large": Large, "claims": Claimed}[sys.argv[1]], state=".simpleflow").run([int(sys.argv[2])])
