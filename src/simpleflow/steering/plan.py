"""The plan of a run: which steps it would run and skip, and why, without executing an activity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from simpleflow import shown_text
from simpleflow.runs.run_start import RunStart
from simpleflow.steering import unknown
from simpleflow.steering.dry_run import DryRun, Marker
from simpleflow.steering.earlier_results import EarlierRuns
from simpleflow.step import recorded_verdicts, report
from simpleflow.step.constants import ARGUMENTS_CHANGED, INPUTS_CHANGED, SCHEDULED
from simpleflow.step.planned import NOT_RUN, RUN, SKIP, UNKNOWN
from simpleflow.workflow import Workflow


class PlannedStep(msgspec.Struct, frozen=True):
    """The verdict that a step would get."""

    step: str  # name of the step
    verdict: str  # run, skip, unknown (the plan assumes that it runs), or not run: the run stops before
    forced: bool  # as in the step's markers
    reasons: tuple[str, ...]  # as in the step's markers
    workflow_id: str  # of the execution that the step belongs to
    unmarks: tuple[str, ...] = ()  # other steps that would lose their marks when this one begins
    note: str | None = None  # a sentence about unknown facts of the step
    fingerprint: str | None = None  # for its mark; None if it has none, the step is skipped, or it is not known
    changed: str | None = None  # how a skipped step differs from what it was done with: "with day='mon' (now 'tue')"
    not_skipped: tuple[str, ...] = ()  # skipped names that cover it but have no effect, since it is a dependent
    holds_steps: bool = False  # a skipped step whose work may have other steps inside

    @property
    def why(self) -> str:
        """The reasons and the note, in one line; may be empty."""
        others = [name for name in self.unmarks if name != self.step]
        parts = [
            shown_text.names(self.reasons) + (f", but {self.changed}" if self.changed else ""),
            report.without_effect(self.not_skipped) if self.not_skipped else "",
            f"no longer done: {shown_text.names(others)}" if others else "",
            self.note or "",
        ]
        return "; ".join(filter(None, parts))


class Plan(msgspec.Struct, frozen=True):
    """The verdicts of a run's steps.

    Attributes:
        steps: in the order of their markers. A skipped step comes after the work that is done instead of it. A step
            that is submitted twice may have two verdicts.
        warnings: one line for each dependency or request that has no effect, see ``step.notices``.
        notes: one line for each thing that could not be known, and for each failure that the run would have. They
            include the ``note`` of every step. A plan without notes is complete.
        not_kept: the names of skipped steps whose results were not kept, and without which the run fails.
    """

    steps: tuple[PlannedStep, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    not_kept: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """The plan as HTML, which a notebook shows."""
        from simpleflow.pictures.notebook import Planned, plan_html

        steps = [Planned(each.step, each.verdict, each.forced, each.why, each.workflow_id) for each in self.steps]
        shown = {each.note for each in self.steps}
        return plan_html(steps, [*self.warnings, *(note for note in self.notes if note not in shown)])


def plan(
    workflow_class: type[Workflow],
    *,
    input: Any = None,
    workflow_id: str | None = None,
    force: str | Iterable[str] = (),
    skip: str | Iterable[str] = (),
    default_bucket: str | None,
    domain: str | None = None,
    past: EarlierRuns | None = None,
    changed: bool = False,
    only: str | Iterable[str] = (),
    until: str | Iterable[str] = (),
) -> Plan:
    """Plan a run of the workflow: the verdicts that its steps would get if no activity failed.

    This calls ``run`` and the hooks of a decision, also those of child workflows. It calls neither activities nor the
    hooks of an execution's end. It reads the done marks and writes nothing. Code that looks into an unknown result
    stops there, see ``steering.unknown``; the rest goes on. Claims of other runs do not count.

    Args:
        input: as for ``local.Executor.run``.
        workflow_id: default: the id that the class defines, else the name of the workflow type.
        force, skip: names of steps to force or skip, as at the start of a run.
        changed: run done steps whose arguments or code have changed, as at the start of a run.
        only: names of the only steps to run, as at the start of a run.
        until: names of steps after which the run stops. The steps after them follow with the verdict ``NOT_RUN``.
        default_bucket: bucket string of the engine's own store of done marks; None if the workflow must configure one.
        domain: the domain name that ``get_run_context`` returns.
        past: a function that takes a workflow id and returns its earlier runs, the newest first, each as (run id,
            events). An activity then gets the result that it had in the newest run that completed it. It is called
            only when a result is needed.

    Raises InputError for an input, an id, a name or a bucket that is not valid; StoreError if the marks cannot be read.
    """
    requested: dict[str, Any] = {
        "force_steps": force,
        "skip_steps": skip,
        "changed": changed,
        "only_steps": only,
        "until_steps": until,
    }

    def planned(**request: Any) -> Plan:
        start = RunStart(workflow_class, workflow_id=workflow_id, **request)
        found = DryRun(workflow_class, default_bucket, domain, past).run(start.request(input))
        steps = tuple(_steps(found.markers, {(each.run_id, each.step): each.text for each in found.needs}))
        doubts = [each.note for each in steps if each.verdict == UNKNOWN and each.note is not None]
        notes = tuple(dict.fromkeys([*doubts, *found.notes]))
        return Plan(steps, notes, tuple(found.notices), tuple(dict.fromkeys(found.not_kept)))

    found = planned(**requested)
    if not until:
        return found
    reached = {(each.workflow_id, each.step) for each in found.steps}
    whole = planned(**requested | {"until_steps": ()})
    left = [each for each in whole.steps if (each.workflow_id, each.step) not in reached]
    rest = (PlannedStep(each.step, NOT_RUN, False, (), each.workflow_id) for each in left)
    return Plan((*found.steps, *rest), found.notes, found.warnings, found.not_kept)


def _steps(markers: list[Marker], needs: dict[tuple[str, str | None], str]) -> Iterator[PlannedStep]:
    """Yield the verdicts that the markers of all executions record, in the order of the markers."""
    indexes: dict[str, list[int]] = {}
    for index, marker in enumerate(markers):
        indexes.setdefault(marker.run_id, []).append(index)
    verdicts = {
        own[each.order]: each
        for own in indexes.values()
        for each in recorded_verdicts.read(markers[index].details for index in own)
    }
    for index in sorted(verdicts):
        verdict, marker = verdicts[index], markers[index]
        name, details = verdict.name, verdict.details
        fingerprint = details.get("fingerprint")
        note = needs.get((marker.run_id, name))
        planned = RUN if verdict.status == SCHEDULED else SKIP
        doubt = unknown.sources(fingerprint or "") if INPUTS_CHANGED in details["reasons"] else []
        if unknown.sources(fingerprint or ""):
            fingerprint = None
        if details["reasons"] == [ARGUMENTS_CHANGED]:
            doubt = unknown.sources(details["made_with"]["arguments"])
        if doubt:
            planned = UNKNOWN
            note = f"whether step {name!r} runs depends on the result of {' and '.join(doubt)}"
        unmarks = tuple(each for each in verdict.unmarks if each != name)
        yield PlannedStep(
            name,
            planned,
            details["forced"],
            tuple(details["reasons"]),
            marker.workflow_id,
            unmarks,
            note,
            fingerprint,
            report.change_text(details.get("changed") or {}) or None,
            tuple(details.get("not_skipped") or ()),
            details.get("holds_steps") is True,
        )
