"""What markers say of a step beyond its verdict, and what the run of a step takes from its mark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simpleflow.step import report
from simpleflow.step.run_record import StepRun


def when_skipped(run: StepRun) -> Mapping[str, Any]:
    """The keys of the marker ``skipped`` beyond the verdict."""
    found: dict[str, Any] = {}
    if run.dependents:
        found["forces"] = run.dependents
    if run.after:
        found["after"] = run.after
    if run.enclosing and not run.verdict.forced and (inside := run.inside):
        found["inside"] = inside
    if run.step.holds_steps():
        found["holds_steps"] = True
    if run.changes is not None and (told := run.changes.told()):
        found["changed"] = told
    return found


def take_kept(run: StepRun, found: dict[str, Any] | None) -> None:
    """Take the result that the mark keeps as the value; ``found``: what ``GetStepMarkTask`` has returned."""
    if found is None:
        run.not_kept = "its mark is gone"
    elif found["kept"]:
        run.value = found["result"]
    else:
        by = f" by run {found['run_id']}" if found["run_id"] else ""
        run.not_kept = found["why"] or f"it was marked{by} without a result; force it once"


def unmade(found: Mapping[str, Any]) -> str:
    """The error of a step whose work did not make its outputs; ``found``: what ``MarkStepDoneTask`` has returned."""
    names = report.names([repr(each) for each in found["missing"]])
    return f"its work has ended, but its output is missing: {names} (working folder {found['folder']})"
