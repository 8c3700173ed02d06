"""The workflows of the campaign: what a plan says, with activities that report to the judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import ResultNotKept
from simpleflow.step import ARGUMENTS, CODE, files
from simpleflow.step.submittable import StepFuture
from simpleflow.step.workflow import WorkflowStepMixin
from tests.step.chaos_files import Files
from tests.step.chaos_plan import Item, Plan, child_tag, letter_of


class Judge(Protocol):
    """Whoever wants to know of the work of steps."""

    bucket: str
    forces: dict[str, tuple[str, ...]]
    after: dict[str, tuple[str, ...]]
    optional: frozenset[str]
    files: Files

    def begin(self, workflow_id: str, name: str) -> None:
        """The work of a step begins."""

    def end(self, workflow_id: str, name: str) -> int:
        """It ends; returns a number. Raises ValueError if it fails."""

    def alternative(self, workflow_id: str, name: str) -> None:
        """The alternative work of a skipped step. Raises ValueError if it fails."""

    def last_number(self, workflow_id: str, name: str) -> int:
        """The latest number of that step."""


class Now:
    """What the activities need to know."""

    judge: Judge  # that of the run that is under way


@activity.with_attributes()
def begin(workflow_id: str, name: str) -> None:
    Now.judge.begin(workflow_id, name)


def middle(name: str, argument: int) -> None:
    """Something that takes a turn, so that other steps may come between."""


def edited_middle(name: str, argument: int) -> None:
    """The same with other code."""


def helped(function: Callable[..., None]) -> None:
    """What the activity calls first."""
    function.__doc__


def helped_otherwise(function: Callable[..., None]) -> None:
    """The same with other code."""


def with_help(function: Callable[..., None], helper: Callable[..., None]) -> Any:
    """An activity whose code is that of both functions, which it captures."""

    def call(name: str, argument: int) -> None:
        helper(function)
        function(name, argument)

    return activity.with_attributes(name="tests.step.chaos.middle")(call)


MIDDLES = [[with_help(each, helper) for helper in (helped, helped_otherwise)] for each in (edited_middle, middle)]
"""Versions of one activity: by that of its code, and by that of the function that it captures."""


@activity.with_attributes()
def end(workflow_id: str, name: str) -> int:
    return Now.judge.end(workflow_id, name)


@activity.with_attributes(raises_on_failure=True)
def end_or_fail(workflow_id: str, name: str) -> int:
    return Now.judge.end(workflow_id, name)


@activity.with_attributes()
def instead(workflow_id: str, name: str) -> None:
    Now.judge.alternative(workflow_id, name)


def workflow(of: Judge, plan: Plan) -> type[Workflow]:
    """The workflow class of a plan."""

    class Base(Workflow, WorkflowStepMixin):
        step_changes = plan.changes
        tag = ""

        def get_step_bucket(self) -> str:
            return of.bucket

        def run(self, tag: str = "", turn: int = 0) -> Any:
            self.tag = tag
            self.add_forced_steps(plan.forced, "the plan forces it")
            self.add_skipped_steps(plan.skipped, "the plan skips it")
            submitted = []
            for item in plan.submitted(tag)[turn :: plan.turns]:
                future = self.submit(self.made_of(item, None))
                submitted.append(future)
                if plan.looks:
                    future.finished
                if plan.waits:
                    future.result
                if (
                    plan.waits
                    and plan.keeps
                    and not plan.alternates
                    and isinstance(future, StepFuture)
                    and not future.ran
                    and not future.failed
                ):
                    self.check_kept(future)
            if tag and letter_of(tag) in plan.breaking:
                raise ValueError(f"child {tag} is broken")
            if turn + 1 < plan.turns:
                futures.wait(*submitted)
                return self.submit(self.continue_as_new(tag, turn + 1)).result
            return None

        def made_of(self, item: Item, around: str | None) -> Any:
            """Something to submit."""
            if item.kind == "child":
                children = [(Child, child_tag(self.tag, around, letter)) for letter in item.names]
                # Without an exception, nothing but the rules tells a step that a child inside it has failed.
                return Group(*children, bubbles_exception_on_failure=around is None)
            steps = [self.one(name) for name in item.names]
            if item.kind == "step":
                return steps[0]
            if item.kind == "func":
                return self.later(steps)
            if item.kind == "loose":
                return self.loose(steps)
            if item.kind == "quiet":
                return Chain(*steps, raises_on_failure=False)
            return {"group": Group, "chain": Chain}[item.kind](*steps)

        def later(self, steps: list[Any]) -> FuncGroup:
            return FuncGroup(lambda: Chain(*steps))

        def capturing(self, name: str) -> FuncGroup:
            captured = plan.captured
            return FuncGroup(lambda: (MIDDLES[plan.code][plan.helper], name, captured))

        def loose(self, steps: list[Any]) -> FuncGroup:
            def call() -> Any:
                self.submit(Chain(*steps))
                return (MIDDLES[plan.code][plan.helper], "loose", plan.argument)

            return FuncGroup(call)

        def one(self, name: str) -> Any:
            own = self.get_run_context()["workflow_id"]
            last, middle = end_or_fail if plan.raises else end, MIDDLES[plan.code][plan.helper]
            inside = [] if plan.captured is None else [self.capturing(name)]
            inside += [self.made_of(item, name) for item in plan.inside_of(name, self.tag)]
            work = Chain((begin, own, name), (middle, name, plan.argument), *inside, (last, own, name))
            more: dict[str, Any] = {} if plan.version is None else {"fingerprint": plan.version}
            if plan.reads is not None:
                read = files(str(of.files.input(name)), by=plan.reads)
                more = {"fingerprint": [ARGUMENTS, CODE, read, plan.version]}
            if plan.makes:
                more["outputs"] = [str(of.files.output((own, name)))]
            if plan.alternates:
                more["activities_if_step_already_done"] = (instead, own, name)
            return self.step(
                name,
                work,
                force_steps_if_executed=of.forces.get(name, ()),
                after=of.after.get(name, ()),
                optional=name in of.optional,
                keep_result=plan.keeps,
                force=name in plan.insists,
                emit_signal=plan.signals,
                retry=plan.tries,
                **more,
            )

        def check_kept(self, step: StepFuture) -> None:
            try:
                value = step.value
            except ResultNotKept:
                return
            last = of.last_number(self.get_run_context()["workflow_id"], step.name)
            assert 0 < value[-1] <= last, "kept from another run of the step"

    class Child(Base):
        name = "chaos-child"
        raises_on_failure = False

    class Chaos(Base):
        name = "chaos"

    return Chaos
