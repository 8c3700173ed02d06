"""The content of a step's markers (beyond its verdict) and of its mark, and the parts of the mark that a run uses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simpleflow import shown_text
from simpleflow.core.events import milliseconds
from simpleflow.core.work_time import Interval, fewer, length
from simpleflow.step import mark, parts_in_children
from simpleflow.step.constants import DEPENDENT_OF
from simpleflow.step.made_with import MAX_MARKER_ARGUMENTS, MadeWith, parse, same_arguments
from simpleflow.step.patterns import Patterns
from simpleflow.step.run_record import NO_PARTS, StepRun

NOT_DONE = "not_done"
"""Key of a marker ``skipped``: the step was left out by ``--only``, and it was not done."""

LEFT_OUT = "--only leaves it out, and it is not done; add it to --only, or run it first"

_MOST_PARTS = 100  # steps inside that a mark tells of: it has to fit into a field


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
    if run.lacks_mark:
        found[NOT_DONE] = True
    if run.changes is not None and (texts := run.changes.texts()):
        found["changed"] = texts
    return found


def not_skipped(run: StepRun, skipped: Patterns) -> list[str]:
    """The skipped names that have no effect on this step: it is forced, only as a dependent of a step that ran."""
    verdict = run.verdict
    is_dependent = [reason.startswith(DEPENDENT_OF) for reason in verdict.reasons]
    if not (verdict.forced and is_dependent and all(is_dependent)):
        return []
    return sorted(skipped.covering(run.name, run.skipped_count))


def of_mark(
    run: StepRun,
    worked: Sequence[Interval],
    inputs: Mapping[str, Any],
    versions: Mapping[str, str],
    made_with: Callable[[StepRun], MadeWith],
) -> dict[str, Any]:
    """The keys of a step's mark beyond its writer and time.

    Args:
        worked: when its activities worked.
        inputs: the keys of the marker ``scheduled`` beyond the verdict. The code of the run may have been edited since.
        versions: of the origins that the work was done with, see ``origins``.
        made_with: gives the inputs as the code is now.
    """
    some = [[milliseconds(begin), milliseconds(end)] for begin, end in fewer(worked, mark.MAX_INTERVALS)]
    details: dict[str, Any] = {"seconds": milliseconds(length(worked)), "worked": some, "forced": run.verdict.forced}
    if run.verdict.reasons:
        details["reasons"] = list(run.verdict.reasons)
    if (fingerprint := inputs.get("fingerprint")) is not None:
        details["fingerprint"] = fingerprint
    if (told := inputs.get("made_with")) is not None:
        now = made_with(run)
        if told == now.to_json(MAX_MARKER_ARGUMENTS):  # nearly always
            details["made_with"] = now.to_json()
        elif (recorded := parse(told)) is not None:
            if same_arguments(recorded.arguments, now.arguments):  # the marker may give the digest alone
                recorded = recorded._replace(arguments=now.arguments)
            details["made_with"] = recorded.to_json()
    if versions:
        details["after"] = versions
    if (parts := _parts(run)) or run.known_parts:
        run.known_parts = parts or NO_PARTS
    if run.known_parts:
        details["parts"] = run.known_parts
    if (below := parts_in_children.of_step(run)) or run.below:
        run.below = below or ()
    if run.below:
        details["children"] = run.below
    if run.dependents:
        details["forces"] = run.dependents
    if not run.step.keep_result:
        return details
    return mark.with_result(details, run.value, run.name) if run.unknown is None else details | kept(run)


def kept(run: StepRun) -> dict[str, Any]:
    """The part of the mark about the result of the step, see ``mark.keep``."""
    return mark.keep(run.value, run.name) if run.unknown is None else {"not_kept": str(run.unknown)}


def _parts(run: StepRun) -> dict[str, list[str]]:
    """The steps inside that the mark tells of: by name, the patterns of those that each says it depends on."""
    found: dict[str, list[str]] = {}
    for part in run.parts_that_count():
        if part.problem is None:
            found[part.name] = list(part.after)
            found |= _parts(part) if part.verdict.run else {name: [*after] for name, after in part.known_parts.items()}
    return dict(itertools.islice(found.items(), _MOST_PARTS))


def take_kept(run: StepRun, found: Mapping[str, Any] | None) -> None:
    """Take the result that the mark keeps as the value; ``found``: the result of ``GetStepMarkTask``."""
    if found is None:
        run.not_kept = "its mark is gone"
    elif found["kept"]:
        run.value = found["result"]
    else:
        by = f" by run {found['run_id']}" if found["run_id"] else ""
        run.not_kept = found["why"] or f"it was marked{by} without a result; force it once"


def unmade(found: Mapping[str, Any]) -> str:
    """The error of a step whose work did not make its outputs; ``found``: the result of ``MarkStepDoneTask``."""
    names = shown_text.names([repr(each) for each in found["missing"]])
    return f"its work has ended, but its output is missing: {names} (working folder {found['folder']})"
