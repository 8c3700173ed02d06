"""Done steps that are skipped at once, and the same ones that go through all phases: the histories are the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor
from simpleflow.step.run_record import StepRun
from simpleflow.step.shortcut import Shortcut
from simpleflow.step.workflow import WorkflowStepMixin


@activity.with_attributes()
def work(value: Any) -> Any:
    return value


class Kinds(Workflow, WorkflowStepMixin):
    """Steps of all kinds, plain ones between them."""

    name = "kinds"
    version = "1"

    def run(self, edited: bool = False, failing: bool = False) -> Any:
        step = self.step
        futures.wait(self.submit(step("plain", (work, 1))))
        made = [
            self.submit(step("number", (work, 1))),
            self.submit(step("naïve.né", (work, "ü"))),
            self.submit(step("edited", (work, [1, edited]))),
            self.submit(step("kept", (work, 2), keep_result=True)),
            self.submit(step("origin", (work, 3), force_steps_if_executed=["dependent", "later"])),
            self.submit(step("dependent", (work, 4))),
            self.submit(step("forced", (work, 5), force=edited)),
            self.submit(step("signal", (work, 7), emit_signal=True)),
            self.submit(step("alternative", (work, 8), activities_if_step_already_done=(work, 9))),
            self.submit(step("outer", step("inner", (work, 10)))),
            self.submit(step("new" if edited else "old", (work, 11))),
            self.submit(step("plain", (work, 1))),
            self.submit(step("after", (work, 6), after="forced")),
        ]
        futures.wait(made)
        if edited:
            self.add_forced_steps("later.one", reason="asked")
            self.add_skipped_steps("later.two")
        last = [self.submit(step(f"later.{each}", (work, each))) for each in ("one", "two", "three")]
        return [[each.ran, each.forced, each.reasons, len(each.result[0]), each.result[1]] for each in (*made, *last)]


def histories(state: str, steering: dict[str, Any]) -> list[Any]:
    """The events and results of a first run and of three later ones, without times and ids of runs."""
    found: list[Any] = []
    for edited in (False, False, True, True):
        executor = Executor(Kinds, state=state, workflow_id="w", **(steering if found else {}))
        run, failure = executor.execute({"args": [edited]})
        assert failure is None
        for event in run.history.events:
            attributes: Any = event.attributes
            details = getattr(attributes, "details", None)
            content = json.loads(details) if details else {}
            content.pop("mark", None)  # it says when the work was done
            found.append((type(attributes).__name__, content))
    return found


@pytest.mark.parametrize(
    "steering",
    [
        {},
        {"force_steps": ["plain"]},
        {"skip_steps": ["new"]},
        {"only_steps": ["dependent"]},
        {"until_steps": ["dependent"]},
        {"changed": True},
    ],
    ids=lambda steering: next(iter(steering), "none"),
)
def test_histories_are_those_of_the_phases(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, steering: dict[str, Any]
) -> None:
    taken = 0
    skip = Shortcut.skip

    def counted(shortcut: Shortcut, run: StepRun) -> bool:
        nonlocal taken
        skipped = skip(shortcut, run)
        taken += skipped
        return skipped

    monkeypatch.setattr(Shortcut, "skip", counted)
    quick = histories(str(tmp_path / "quick"), steering)
    monkeypatch.setattr(Shortcut, "skip", lambda self, run: False)
    assert quick == histories(str(tmp_path / "slow"), steering)
    assert taken > 5 or steering.keys() & {"force_steps", "skip_steps", "only_steps", "until_steps"}
