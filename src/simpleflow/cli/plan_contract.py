"""``step.plan --save`` and ``workflow.start --plan``: making the file of a plan, and steering a run by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simpleflow import shell_words
from simpleflow.base import type_name
from simpleflow.cli import step_names
from simpleflow.exceptions import InputError, StoreError
from simpleflow.parameters import TYPED

if TYPE_CHECKING:
    from simpleflow.cli.run_query import RunLocation
    from simpleflow.steering.estimate import Estimate
    from simpleflow.steering.place import Place
    from simpleflow.steering.plan import Plan
    from simpleflow.steering.plan_file import SavedPlan
    from simpleflow.workflow import Workflow

_STEERING = ("force", "skip", "only", "until", "changed")


def make(
    plan: Plan,
    workflow_class: type[Workflow],
    place: Place,
    given: Mapping[str, Any],
    steering: Mapping[str, Any],
    estimate: Estimate | None = None,
) -> SavedPlan:
    """Return the file of a plan. ``given`` is the input: ``args`` and ``kwargs``."""
    from simpleflow.steering import marks, plan_file, plan_times

    try:
        seconds = {each.step: each.seconds for each in marks.done(place)}
    except StoreError:
        seconds = {}
    return plan_file.saved(
        plan,
        workflow=type_name(workflow_class),
        workflow_id=place.workflow_id,
        input=given,
        steering=steering,
        seconds=seconds,
        estimate=None if estimate is None else plan_times.Times.of(estimate),
    )


class StartPlan:
    """The plan that a run is started with."""

    def __init__(self, path: str) -> None:
        from simpleflow.steering import plan_file

        self._path = path
        self.file = plan_file.read(path)
        self._gives_input = True

    def steer(self, options: dict[str, Any], given: dict[str, Any], has_input: bool) -> dict[str, Any]:
        """Put what the plan says into the options, and return the input. Raises InputError if an option contradicts."""
        for name in _STEERING:
            if options[name]:
                raise InputError(
                    f"--{name} and --plan exclude each other: the plan says which steps are forced and skipped; make "
                    f"another plan with step.plan --{name} ... --save"
                )
            value = getattr(self.file.steering, name)
            options[name] = value if isinstance(value, bool) else list(value)
        wanted = options["workflow_id"]
        if wanted is not None and wanted != self.file.workflow_id:
            raise InputError(f"--workflow-id is {wanted!r}; the plan {self._path!r} is of {self.file.workflow_id!r}")

        options["workflow_id"] = self.file.workflow_id
        self._gives_input = not has_input
        return given if has_input else self.file.input

    def as_options(self) -> list[str]:
        """Return what the plan says as options, but for the steps that are forced, and those that run alone."""
        steering = self.file.steering
        found = [f"--workflow-id {shell_words.quoted(self.file.workflow_id)}"]
        if self._gives_input:
            found += _input_options(self.file.input)
        found += [
            f"--{name} {step_names.as_option(getattr(steering, name))}"
            for name in ("skip", "until")
            if getattr(steering, name)
        ]
        return [*found, "--changed"] if steering.changed else found

    def check(
        self,
        workflow_class: type[Workflow],
        given: dict[str, Any],
        location: RunLocation,
        default_bucket: str | None,
        fresh: bool = False,
    ) -> None:
        """Raise PlanDiffers if the plan no longer holds; a run that goes on is only held to it. Raises InputError."""
        from simpleflow.cli.step_query import StepQuery
        from simpleflow.steering import contract, place

        if given != self.file.input:
            raise InputError(f"the plan {self._path!r} was made with another input; give the same, or leave it out")
        name = type_name(workflow_class)
        if name != self.file.workflow:
            raise InputError(f"the plan {self._path!r} is of workflow {self.file.workflow!r}, not of {name!r}")
        found = place.find(
            workflow_class,
            input=given,
            workflow_id=self.file.workflow_id,
            default_bucket=default_bucket,
            domain=location.domain,
        )
        query = StepQuery(workflow_class, given, found, location, default_bucket)
        latest = query.latest_run()
        if not fresh and latest is not None and latest.status == "open":
            return
        steering = {each: getattr(self.file.steering, each) for each in _STEERING}
        contract.check(self.file, make(query.plan(**steering), workflow_class, found, given, steering))

    @property
    def planned_steps(self) -> dict[str, Any]:
        """The verdicts that the run is held to."""
        from simpleflow.steering.contract import planned

        return planned(self.file)


def _input_options(given: Mapping[str, Any]) -> list[str]:
    """Return the options that give an input: ``-p`` for parameters that have the values of their types."""
    typed = set(given.get(TYPED, ()))
    kwargs = dict(given.get("kwargs", {}))
    found = []
    for name in sorted(typed & set(kwargs)):
        value = kwargs.pop(name)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        found.append(f"-p {shell_words.quoted(f'{name}={text}')}")
    rest = {name: value for name, value in (("args", given.get("args")), ("kwargs", kwargs)) if value}
    if rest:
        found.append(f"--input {shell_words.quoted(json.dumps(rest, ensure_ascii=False))}")
    return found
