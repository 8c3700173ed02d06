"""``step.plan --save`` and ``workflow.start --plan``: making the file of a plan, and steering a run by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simpleflow.base import type_name
from simpleflow.exceptions import InputError, StoreError

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
        return given if has_input else self.file.input

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
