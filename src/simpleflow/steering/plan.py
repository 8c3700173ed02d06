"""The plan of a run: which steps it would play and skip, and why, without running an activity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from simpleflow.local import Executor
from simpleflow.steering import unknown
from simpleflow.steering.dry_run import DryRun, Marker
from simpleflow.steering.earlier_results import EarlierRuns
from simpleflow.step import recorded_verdicts
from simpleflow.step.constants import INPUTS_CHANGED, SCHEDULED
from simpleflow.workflow import Workflow

RUN = "run"
SKIP = "skip"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class PlannedStep:
    """The verdict that a step would get.

    ``verdict`` is ``run``, ``skip`` or ``unknown``, from where on the plan takes it that it runs; ``forced`` and
    ``reasons`` as in the step's markers. ``workflow_id``: of the execution that it is a step of. ``unmarks``: other
    steps that would no longer be done when it begins. ``note``: what of it is not known. ``fingerprint``: what it would
    be marked with; None if it has none, is skipped, or that is not known.
    """

    step: str
    verdict: str
    forced: bool
    reasons: tuple[str, ...]
    workflow_id: str
    unmarks: tuple[str, ...] = ()
    note: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class Plan:
    """``steps`` in the order of their markers: one that is skipped comes after what is done instead. A step that is
    submitted twice may have two verdicts.

    ``notes``: what could not be known, and why the run would fail if it would, one line each. Without any, the plan is
    complete. Each ``note`` of a step is among them.
    """

    steps: tuple[PlannedStep, ...]
    notes: tuple[str, ...]


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
) -> Plan:
    """What a run of the workflow would do with its steps, if no activity failed.

    ``run`` and the hooks of a decision are called, as are those of child workflows; activities and the hooks of an
    execution's end are not. The done marks are read, and nothing is written. A result that only running gives holds up
    whatever looks into it, see ``steering.unknown``; the rest goes on. Claims of other runs do not count.

    Args:
        input: as for ``local.Executor.run``.
        workflow_id: default: what the class says, else the workflow type's name.
        force, skip: names of steps, asked for at start.
        default_bucket: bucket string of the engine's own store of done marks; None where one must be configured.
        domain: what ``get_run_context`` says.
        past: called with a workflow id: the earlier runs of it, the newest first, each as (run id, events). An
            activity then returns what it returned in the newest of them that completed it. Called when it is needed.

    Raises InputError for an input, an id, a name or a bucket that cannot be; StoreError if the marks cannot be read.
    """
    executor = Executor(workflow_class, workflow_id=workflow_id, force_steps=force, skip_steps=skip)
    request = executor.request(input)
    found = DryRun(workflow_class, default_bucket, domain, past).run(request)
    steps = tuple(_steps(found.markers, {(each.run_id, each.step): each.text for each in found.needs}))
    doubts = [each.note for each in steps if each.verdict == UNKNOWN and each.note is not None]
    return Plan(steps, tuple(dict.fromkeys([*doubts, *found.notes])))


def _steps(markers: list[Marker], needs: dict[tuple[str, str | None], str]) -> Iterator[PlannedStep]:
    """The verdicts that the markers of all executions speak of, in their order."""
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
        doubt = unknown.sources(fingerprint or "")
        if doubt:
            fingerprint = None
        if doubt and INPUTS_CHANGED in details["reasons"]:
            planned = UNKNOWN
            note = f"whether step {name!r} is to be played depends on the result of {' and '.join(doubt)}"
        unmarks = tuple(each for each in verdict.unmarks if each != name)
        yield PlannedStep(
            name, planned, details["forced"], tuple(details["reasons"]), marker.workflow_id, unmarks, note, fingerprint
        )
