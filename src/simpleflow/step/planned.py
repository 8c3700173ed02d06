"""A run that is held to a plan: it fails before it begins a step that the plan would treat differently.

Right before the start the plan is compared with the marks, see ``steering.contract``. But a plan may be incomplete, and
marks may change meanwhile. So each new verdict is compared too, when nothing of the step has been recorded yet. A step
that the plan does not have is a difference unless the plan says that it is incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simpleflow.shown_text import names
from simpleflow.step.rules import Verdict

STEPS, COMPLETE = "steps", "complete"
RUN, SKIP, UNKNOWN, NOT_RUN = "run", "skip", "unknown", "not run"
"""The verdicts of a plan."""


def difference(planned: Mapping[str, Any], workflow_id: str, step: str, verdict: Verdict) -> str | None:
    """Say how the verdict of a step differs from the one of the plan; None if it does not.

    ``planned``: the steps of the plan by workflow id, with their verdicts by name, and whether it is complete.
    """
    steps = planned.get(STEPS)
    of_workflow = steps.get(workflow_id) if isinstance(steps, dict) else None
    plan = of_workflow.get(step) if isinstance(of_workflow, dict) else None
    now = RUN if verdict.run else SKIP
    if plan in (now, UNKNOWN) or (plan is None and not planned.get(COMPLETE)):
        return None
    if plan is None:
        says = "the plan does not have it"
    else:
        says = "the plan stops before it" if plan == NOT_RUN else f"the plan says {plan}"
    why = f" ({names(verdict.reasons)})" if verdict.reasons else ""
    return f"stopped before step {step!r}: {says}, the run says {now}{why}; nothing of it has been done"
