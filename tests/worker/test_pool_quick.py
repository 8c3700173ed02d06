"""Activities that say that they take but a moment are done by the owner; all others by a worker."""

from __future__ import annotations

import os
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes()
class Where:
    """Says which process does it; quick if asked to be."""

    def __init__(self, quick: Any) -> None:
        self.quick = quick

    @staticmethod
    def is_quick(quick: Any) -> bool:
        return bool(quick["yes"])

    def execute(self) -> int:
        return os.getpid()


class Asks(Workflow):
    def run(self) -> list[Any]:
        asked = [self.submit(Where, {"yes": True}), self.submit(Where, {"yes": False}), self.submit(Where, {})]
        return futures.wait(*asked)


def test_the_owner_performs_a_quick_activity() -> None:
    quick, slow, unsure = Executor(Asks, nb_workers=1).run()
    assert quick == os.getpid()
    assert slow != os.getpid()
    assert unsure == slow, "a question that fails is answered by no"


@pytest.mark.parametrize("nb_workers", [None, 2])
def test_the_owner_keeps_the_marks_in_memory(nb_workers: int | None) -> None:
    class Marked(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return f"memory://quick-{nb_workers}"

        def run(self) -> bool:
            return self.submit(self.step("a", (Where, {"yes": False}))).ran

    assert [Executor(Marked, nb_workers=nb_workers).run() for _ in range(2)] == [True, False]
