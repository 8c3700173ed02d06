"""Done steps that are skipped at once, and the same ones that go through all phases: their markers are the same."""

from __future__ import annotations

import gc
import json
import random
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.core import events as e
from simpleflow.local import Executor
from simpleflow.step.run_record import StepRun
from simpleflow.step.shortcut import Shortcut
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from tests.step.bench import Bench


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
        made: list[Any] = [
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
        last: list[Any] = [self.submit(step(f"later.{each}", (work, each))) for each in ("one", "two", "three")]
        return [
            [each.ran, each.forced, each.reasons, len(each.result[0]), each.ran or each.result[1]]
            for each in (*made, *last)
        ]


class Drawn(Workflow, WorkflowStepMixin):
    """Steps that a seed draws; ``version`` edits some of them."""

    name = "drawn"
    version = "1"

    def run(self, seed: int, edit: int) -> Any:
        draw, edits = random.Random(seed), random.Random(seed * 100 + edit)
        futures.wait(self.submit(self.step("first", (work, 0))))
        made: list[Any] = []
        for number in range(draw.randint(3, 12)):
            name = draw.choice(["a", "b", "c", "a.b", f"d{number}", f"e{number}", f"f{number}"])
            options: dict[str, Any] = {}
            if draw.random() < 0.2:
                options["force_steps_if_executed"] = draw.choice(["d5", "a", f"f{number + 1}"])
            if draw.random() < 0.1:
                options["after"] = draw.choice(["first", "b", f"e{number - 1}"])
            if draw.random() < 0.1:
                options |= draw.choice([{"keep_result": True}, {"emit_signal": True}, {"fingerprint": 1}])
            options["force"] = edits.random() < 0.05
            given = (work, edits.randint(0, 9) < 1)
            one = draw.choice(
                [given, given, given, Group(given, (work, number)), Group(self.step(f"in{number}", given))]
            )
            if name not in options.get("after", ()):
                made.append(self.submit(self.step(name, one, **options)))
                if draw.random() < 0.6:
                    futures.wait(made[-1])
            if edits.random() < 0.02:
                self.add_skipped_steps(name)
        return [[each.ran, each.forced, each.reasons, len(each.result[0]), each.ran or each.result[1]] for each in made]


def histories(state: str, steering: dict[str, Any], kind: type[Workflow] = Kinds, inputs: Any = None) -> list[Any]:
    """The markers and results of a first run and of later ones, without times and ids of runs."""
    found: list[Any] = []
    for given in inputs or [[False], [False], [True], [True]]:
        executor = Executor(kind, state=state, workflow_id="w", **(steering if found else {}))
        run, failure = executor.execute({"args": given})
        assert failure is None
        closed: Any = run.history.closed
        found.append(closed.attributes.result)
        for event in run.history.events:
            attributes: Any = event.attributes
            if not isinstance(attributes, e.MarkerRecorded):
                continue  # how long activities take says which of them end together
            content = json.loads(attributes.details or "null")
            content.pop("mark", None)  # it says when the work was done
            found.append(content)
    return found


@pytest.mark.parametrize(
    "steering",
    [
        {},
        {"force_steps": ["number"]},
        {"skip_steps": ["number", "new"]},
        {"only_steps": ["dependent"]},
        {"until_steps": ["dependent"]},
        {"changed": True},
    ],
    ids=lambda steering: next(iter(steering), "none"),
)
def test_histories_are_those_of_the_phases(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, steering: dict[str, Any]
) -> None:
    taken = compare(tmp_path, monkeypatch, steering)
    assert taken > 5 or steering.keys() & {"force_steps", "skip_steps", "only_steps", "until_steps"}


def test_drawn_histories_are_those_of_the_phases(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    for seed in range(12):
        inputs = [[seed, edit] for edit in (0, 0, 1)]
        taken += compare(tmp_path / str(seed), monkeypatch, {"changed": seed % 2 == 1}, Drawn, inputs)
    assert taken > 25


def compare(
    folder: Any, monkeypatch: pytest.MonkeyPatch, steering: dict[str, Any], kind: Any = Kinds, inputs: Any = None
) -> int:
    """Runs both ways must have the same histories. Returns how many steps were skipped at once."""
    taken = 0
    skip = Shortcut.skip

    def counted(shortcut: Shortcut, run: StepRun) -> bool:
        nonlocal taken
        skipped = skip(shortcut, run)
        taken += skipped
        return skipped

    with monkeypatch.context() as patch:
        patch.setattr(Shortcut, "skip", counted)
        quick = histories(str(folder / "quick"), steering, kind, inputs)
        patch.setattr(Shortcut, "skip", lambda self, run: False)
        assert quick == histories(str(folder / "slow"), steering, kind, inputs)
    return taken


class Counted(Workflow, WorkflowStepMixin):
    """Steps one after the other; the result is how many submissions of steps are in memory at the end."""

    name = "counted"
    version = "1"

    def run(self, number: int) -> int:
        for index in range(number):
            futures.wait(self.submit(self.step(f"step{index}", (work, index))))
        gc.collect()
        return sum(isinstance(each, StepRun) for each in gc.get_objects())


def test_nothing_stays_of_the_submission_of_a_step_that_was_skipped(tmp_path: Path) -> None:
    before = Executor(Counted, state=str(tmp_path)).run(1)
    assert Executor(Counted, state=str(tmp_path)).run(30) >= 29, "those that ran stay"
    assert Executor(Counted, state=str(tmp_path)).run(30) <= before


class Below(Workflow, WorkflowStepMixin):
    """A child with a step that does not say what it depends on."""

    name = "below"
    version = "1"

    def run(self) -> bool:
        futures.wait(self.submit(self.step("first", (work, 0))))  # the marks are listed then
        return self.submit(self.step("part", (work, 1))).ran


def test_a_step_of_a_child_is_not_skipped_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Below, "get_step_bucket", lambda self: bench.bucket, raising=False)

    def run(workflow: Any) -> Any:
        origin = workflow.step("origin", (work, 2), force_steps_if_executed="part")
        futures.wait(workflow.submit(origin))
        return workflow.submit(Below).result

    assert bench.run(run) is True
    assert bench.run(run) is False
    body = open_store(bench.bucket).read("w/steps", ["origin"])["origin"].body
    open_store(bench.bucket).put("w/steps", "origin", json.dumps(json.loads(body) | {"run_id": "another"}).encode())
    assert bench.run(run) is True


def test_a_step_that_had_others_inside_is_not_skipped_at_once(bench: Bench) -> None:
    def run(workflow: Any, has_part: bool = False) -> Any:
        futures.wait(workflow.submit(workflow.step("first", (work, 0))))
        part = (work, 1)
        return workflow.submit(workflow.step("a", workflow.step("b", part) if has_part else part)).ran

    assert bench.run(lambda workflow: run(workflow, has_part=True))
    assert not bench.run(run)
    bench.unmark("b")
    assert bench.run(run)


def test_a_step_that_a_plan_treats_differently_is_not_skipped_at_once(tmp_path: Path) -> None:
    Executor(Counted, state=str(tmp_path), workflow_id="w").run(2)
    for verdict in ("skip", "run"):
        plan = {"steps": {"w": {"step0": "skip", "step1": verdict}}, "complete": True}
        _, failure = Executor(Counted, state=str(tmp_path), workflow_id="w", planned_steps=plan).execute({"args": [2]})
        assert ("the plan says run, the run says skip" in str(failure)) == (verdict == "run")
