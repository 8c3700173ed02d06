"""Misspelled names of steps, reported before a run begins: those in ``--only`` and ``--until`` that no step has.

With such a name a run does nothing, or does not stop. The names of steps are found by a plan in which every step runs.
It may be incomplete: then the steps of the latest run count too, and the name may still be right.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from simpleflow.cli import step_names
from simpleflow.cli.view.what_next import Planner, silenced

OPTIONS = ("only", "until")
"""The options whose names decide what a run does at all."""


def lines(
    planner: Planner | None, options: Mapping[str, Any], earlier: Callable[[], Iterable[str]] = tuple
) -> list[str]:
    """Return a line for each name in these options that no step is known to have, with a likely correction.

    Args:
        planner: makes plans of the run; None: nothing is known.
        options: of the command.
        earlier: gives the names of the steps of the latest run; asked only where the plan is not complete.
    """
    if planner is None or not any(options.get(name) for name in OPTIONS):
        return []
    found: list[str] = []
    with contextlib.suppress(Exception), silenced():  # the run itself will tell what is wrong
        plan = planner(force=["*"], only=(), whole=True)
        known = [each.step for each in plan.steps]
        closed = [each.step for each in plan.steps if each.holds_steps and each.verdict == "skip"]
        text = "no step of that name is known before the run" if plan.notes else "the workflow has no step of that name"
        for name in OPTIONS:
            missing = step_names.unreached_names(options.get(name) or (), known, f"--{name}", closed, text)
            if missing and plan.notes:
                known = [*known, *earlier()]
                missing = step_names.unreached_names(options[name], known, f"--{name}", closed, text)
            found += missing
    return found


def of_latest_run(state: str, workflow_id: str) -> list[str]:
    """Return the names of the steps of the latest run of a workflow id in a state folder."""
    from simpleflow.cli.run_query import RunLocation, open_runs
    from simpleflow.engines.base import RunFilter
    from simpleflow.views.run_view import RunView

    with open_runs(RunLocation(None, state)) as runs:
        for run in runs.find(RunFilter(workflow_id=workflow_id), 1):
            view = RunView(run.run_id, run.workflow_id)
            view.extend(runs.events(run))
            return list(view.steps)
    return []
