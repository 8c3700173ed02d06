"""Runs of steps in which anything may happen, and an independent judge of what may count as done.

Every start and end of a step's work gets a number from one clock. A mark is *true* if the step's latest work ended
well and began after every step that forces it had ended. What runs do must keep every mark true at every instant.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.exceptions import ResultNotKept
from simpleflow.step import claim_recovery
from simpleflow.step.submittable import StepFuture
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import open_store
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import perform
from simpleflow.worker.inline import respond

Choose = Callable[[int], int]
"""Given how many activities are open, says which one ends next."""

world: World


@activity.with_attributes()
def begin(name: str) -> None:
    world.begin(name)


def middle(name: str, argument: int) -> None:
    """Something that takes a turn, so that other steps may come between."""


def edited_middle(name: str, argument: int) -> None:
    """The same with other code."""


MIDDLES = [activity.with_attributes(name="tests.step.chaos.middle")(each) for each in (edited_middle, middle)]
"""Two versions of one activity."""


@activity.with_attributes()
def end(name: str) -> int:
    return world.end(name)


@dataclass(frozen=True)
class Item:
    """One submission: a step, or steps in a container, at least one of them."""

    kind: str  # step, group, chain or func
    names: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The course of one run."""

    items: tuple[Item, ...]
    forced: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failing: frozenset[str] = frozenset()
    waits: bool = True
    looks: bool = False  # at futures that may not be final, so that run() is evaluated afresh
    stop_after: int | None = None  # activities; the process dies then
    resumes: bool = False  # the run goes on after that, in another process
    claims: bool = False  # each step is claimed before it runs
    keeps: bool = False  # the steps keep their results
    version: int | None = None  # fingerprint of the steps of this run; None: they have none
    argument: int = 0  # of an activity in each step
    code: int = 0  # which of ``MIDDLES`` that activity is
    changes: str | None = "tell"  # what becomes of done steps with another argument or other code


def covers(pattern: str, name: str) -> bool:
    return pattern == "*" or pattern == name or name.startswith(pattern + ".")


@dataclass
class World:
    """The marks, and the truth about them."""

    bucket: str
    forces: dict[str, tuple[str, ...]]
    clock: Any = field(default_factory=lambda: itertools.count(1))
    begun: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)  # 0: not since it has begun, or badly
    touched: dict[str, int] = field(default_factory=dict)  # latest begin or end, well or badly
    failing: frozenset[str] = frozenset()
    ran: list[str] = field(default_factory=list)
    version: int | None = None
    versions: dict[str, int | None] = field(default_factory=dict)  # what the latest work was made from
    inputs: tuple[int, int] = (0, 0)  # argument and code
    made_with: dict[str, tuple[int, int]] = field(default_factory=dict)  # of the latest work

    def begin(self, name: str) -> None:
        self.begun[name] = self.touched[name] = next(self.clock)
        self.ended[name] = 0
        self.ran.append(name)

    def end(self, name: str) -> int:
        self.touched[name] = next(self.clock)
        if name in self.failing:
            raise ValueError(f"{name} fails")
        self.ended[name] = self.touched[name]
        self.versions[name] = self.version
        self.made_with[name] = self.inputs
        return self.ended[name]

    def origins(self, name: str) -> list[str]:
        return [
            origin
            for origin, patterns in self.forces.items()
            if origin != name and any(covers(pattern, name) for pattern in patterns)
        ]

    def is_true(self, name: str) -> bool:
        """Whether the step may count as done."""
        begun = self.begun.get(name, 0)
        return bool(self.ended.get(name)) and all(self.touched.get(each, 0) < begun for each in self.origins(name))

    @property
    def marks(self) -> list[str]:
        return open_store(self.bucket).names("w/steps")

    def check_marks(self) -> None:
        for name in self.marks:
            assert self.is_true(name), f"{name} is marked as done and is stale"

    # Running

    def run(self, plan: Plan, choose: Choose) -> list[e.Event]:
        """One run; returns its events. Checks the marks after every activity and every verdict as it is taken."""
        global world
        world = self
        os.environ["SIMPLEFLOW_STEP_CLAIMS"] = str(int(plan.claims))
        self.failing, self.version, self.inputs = plan.failing, plan.version, (plan.argument, plan.code)
        self.ran = []
        engine = MemoryEngine()
        deciders = DecisionWorker(engine, {"chaos": workflow(self, plan)})
        run_id = engine.start_workflow_execution(StartRequest("w", "chaos", "1", input='{"args":[],"kwargs":{}}'))
        history = engine.runs[run_id].history
        open_tasks = []
        done = seen = 0
        while history.open:
            engine.expire()
            while (decision := engine.poll_for_decision_task()) is not None:
                deciders.decide(decision)
            for event in history.events[seen:]:
                self.check_verdict(plan, event)
            seen = len(history.events)
            while (task := engine.poll_for_activity_task()) is not None:
                open_tasks.append(task)
            if not history.open:
                break
            assert open_tasks, "nothing is under way, and the run has not ended"
            task = open_tasks.pop(choose(len(open_tasks)))
            respond(engine, task.token, perform(task, deciders.activities))
            self.check_marks()
            done += 1
            if done == plan.stop_after:
                if not plan.resumes:
                    claim_recovery.release(
                        engine.runs.values()
                    )  # as if the process were gone: nobody else waits for it
                    return history.events
                deciders.forget(run_id)
        self.check_marks()
        assert open_store(self.bucket).names(".claims/w/steps") == []
        assert isinstance(history.events[-1].attributes, e.WorkflowExecutionCompleted), history.events[-1]
        return history.events

    def check_verdict(self, plan: Plan, event: e.Event) -> None:
        if not isinstance(event.attributes, e.MarkerRecorded):
            return
        details = json.loads(event.attributes.details or "")
        name = details["step"]
        is_forced = any(covers(pattern, name) for pattern in plan.forced)
        if details["status"] == "skipped":
            assert not is_forced, f"{name} was forced and is skipped"
            if not details["forced"]:
                assert self.is_true(name), f"{name} is stale and is skipped"
                if plan.version is not None:
                    assert self.versions[name] == plan.version, f"{name} was made from something else"
                before = zip(("arguments", "code"), self.made_with[name], self.inputs, strict=True)
                differs = {kind for kind, old, now in before if old != now}
                assert plan.changes != "run" or not differs, f"{name} has changed ({differs}) and is skipped"
                told = set(details.get("changed", ()))
                assert told == (set() if plan.changes == "ignore" else differs), f"{name} is said to differ in {told}"
        if details["status"] == "failed":
            origins = [each for each in self.origins(name) if each in plan.failing]
            assert name in plan.failing or origins or self.is_refused_through(name, plan), details

    def is_refused_through(self, name: str, plan: Plan) -> bool:
        """True for a step that was refused: an origin of it failed, or was refused itself."""
        return any(each in plan.failing or self.is_refused_through(each, plan) for each in self.origins(name))


def workflow(judge: World, plan: Plan) -> type[Workflow]:
    """The workflow class of a plan."""

    class Chaos(Workflow, WorkflowStepMixin):
        name = "chaos"

        step_changes = plan.changes

        def get_step_bucket(self) -> str:
            return judge.bucket

        def one(self, name: str) -> Any:
            work = Chain((begin, name), (MIDDLES[plan.code], name, plan.argument), (end, name))
            more = {} if plan.version is None else {"fingerprint": plan.version}
            return self.step(
                name, work, force_steps_if_executed=judge.forces.get(name, ()), keep_result=plan.keeps, **more
            )

        def run(self) -> None:
            self.add_forced_steps(plan.forced, "the plan forces it")
            self.add_skipped_steps(plan.skipped, "the plan skips it")
            for item in plan.items:
                steps = [self.one(name) for name in item.names]
                if item.kind == "step":
                    future = self.submit(steps[0])
                elif item.kind == "func":
                    future = self.submit(FuncGroup(lambda steps=steps: Chain(*steps)))
                else:
                    future = self.submit({"group": Group, "chain": Chain}[item.kind](*steps))
                if plan.looks:
                    future.finished
                if plan.waits:
                    future.result
                if (
                    plan.waits
                    and plan.keeps
                    and isinstance(future, StepFuture)
                    and not future.ran
                    and not future.failed
                ):
                    self.check_kept(future)

        def check_kept(self, step: StepFuture) -> None:
            try:
                value = step.value
            except ResultNotKept:
                return
            assert 0 < value[-1] <= judge.touched[step.name], "kept from another run of the step"

    return Chaos
