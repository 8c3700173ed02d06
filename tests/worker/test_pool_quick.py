"""The owner performs activities that declare themselves quick; workers perform all others."""

from __future__ import annotations

import os
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes()
class Where:
    """Returns the id of the process that performs it; quick if the input says so."""

    def __init__(self, quick: Any) -> None:
        self.quick = quick

    @staticmethod
    def is_quick(quick: Any) -> bool:
        return bool(quick["yes"])

    def execute(self) -> int:
        return os.getpid()


class Both(Workflow):
    def run(self) -> list[Any]:
        submitted = [self.submit(Where, {"yes": True}), self.submit(Where, {"yes": False}), self.submit(Where, {})]
        return futures.wait(*submitted)


def test_the_owner_performs_a_quick_activity() -> None:
    quick, slow, unsure = Executor(Both, nb_workers=1).run()
    assert quick == os.getpid()
    assert slow != os.getpid()
    assert unsure == slow, "an activity whose is_quick fails is not quick"


@pytest.mark.parametrize("nb_workers", [None, 2])
def test_the_owner_keeps_the_marks_in_memory(nb_workers: int | None) -> None:
    class Marked(Workflow, WorkflowStepMixin):
        def get_step_bucket(self) -> str:
            return f"memory://quick-{nb_workers}"

        def run(self) -> bool:
            return self.submit(self.step("a", (Where, {"yes": False}))).ran

    assert [Executor(Marked, nb_workers=nb_workers).run() for _ in range(2)] == [True, False]
