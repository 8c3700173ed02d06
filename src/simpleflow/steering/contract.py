"""Holding a run to a plan: it does not begin if the plan has changed, and fails before a step on which it differs.

Right before the start the plan is made again and compared. ``step.planned`` compares each verdict of the run.
"""

from __future__ import annotations

from typing import Any

from simpleflow.exceptions import PlanDiffers
from simpleflow.steering.plan_diff import WHY, differences
from simpleflow.steering.plan_file import SavedPlan, by_step
from simpleflow.step.planned import COMPLETE, STEPS

_SHOWN = 3


def check(plan: SavedPlan, now: SavedPlan) -> None:
    """Raise PlanDiffers if a run would do something else now than the plan says."""
    found = [each for each in differences(plan, now) if each.kind != WHY]
    if found:
        lines = [f"step {each.step!r} {each.kind}" + (f" ({each.why})" if each.why else "") for each in found[:_SHOWN]]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise PlanDiffers(
            f"the plan no longer holds, so nothing was started: {'; '.join(lines)}{more}. Make the plan again with "
            "step.plan --save, and compare both with plan.diff"
        )


def planned(plan: SavedPlan) -> dict[str, Any]:
    """Return the verdicts of a plan, as ``planned_steps`` of ``local.Executor`` takes them."""
    steps: dict[str, dict[str, str]] = {}
    for (workflow_id, step), each in by_step(plan.steps).items():
        steps.setdefault(workflow_id, {})[step] = each.verdict
    return {STEPS: steps, COMPLETE: plan.complete}
