"""A plan as a file: to keep, to compare, and to hold a run to.

The same plan gives the same bytes: there is no time in it, nor anything else that changes by itself. An estimate, which
rests on earlier runs, is in it only if somebody has asked for one. The JSON schema of the file is published as
``docs/plan.schema.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from simpleflow.exceptions import InputError
from simpleflow.state_folder.whole_files import write_whole
from simpleflow.steering.plan import Plan
from simpleflow.steering.plan_times import Times

_LONGEST = 1 << 28  # bytes of a file

FORMAT: Literal["simpleflow.plan/1"] = "simpleflow.plan/1"


class SavedStep(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of a step. See ``plan.PlannedStep`` for the members that both have."""

    step: str
    workflow_id: str
    verdict: Literal["run", "skip", "unknown", "not run"]
    forced: bool
    reasons: tuple[str, ...]
    unmarks: tuple[str, ...]
    changed: str | None
    note: str | None
    seconds: float | None
    """How long its activities worked when its mark was written; null if it has no mark or the mark does not say."""


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """How the run is steered: the options of these names."""

    force: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    changed: bool = False


class SavedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file."""

    format: Literal["simpleflow.plan/1"]
    workflow: str
    """Name of the workflow type."""
    workflow_id: str
    input: dict[str, Any]
    """Arguments of the workflow: ``args`` and ``kwargs``."""
    steering: Steering
    complete: bool
    """False: the run may have steps that are not in the plan; ``notes`` say why."""
    steps: tuple[SavedStep, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    estimate: Times | None = None
    """When the run would end; null if the plan was made without an estimate."""


def saved(
    plan: Plan,
    *,
    workflow: str,
    workflow_id: str,
    input: Mapping[str, Any],
    steering: Mapping[str, Any],
    seconds: Mapping[str, float | None],
    estimate: Times | None = None,
) -> SavedPlan:
    """Return what a file says of a plan.

    Args:
        workflow: name of the workflow type.
        input: the arguments, as ``args`` and ``kwargs``.
        steering: ``force``, ``skip``, ``only``, ``until`` and ``changed``, as the plan was made with them.
        seconds: how long steps of the workflow id worked, by name, as their marks say.
        estimate: when the run would end, if that was estimated.
    """
    steps = tuple(
        SavedStep(
            step=each.step,
            workflow_id=each.workflow_id,
            verdict=each.verdict,  # type: ignore[arg-type]
            forced=each.forced,
            reasons=each.reasons,
            unmarks=each.unmarks,
            changed=each.changed,
            note=each.note,
            seconds=seconds.get(each.step) if each.workflow_id == workflow_id else None,
        )
        for each in plan.steps
    )
    return SavedPlan(
        format=FORMAT,
        workflow=workflow,
        workflow_id=workflow_id,
        input=dict(input),
        steering=Steering(
            **{name: tuple(steering.get(name) or ()) for name in ("force", "skip", "only", "until")},
            changed=bool(steering.get("changed")),
        ),
        complete=not plan.notes,
        steps=steps,
        notes=plan.notes,
        warnings=plan.warnings,
        estimate=estimate,
    )


def encode(plan: SavedPlan) -> bytes:
    """The bytes of the file."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"


def write(plan: SavedPlan, path: str) -> None:
    """Write the file, as a whole or not at all. Raises InputError if that is not possible."""
    try:
        write_whole(path, encode(plan))
    except OSError as error:
        raise InputError(f"the plan cannot be written to {path!r}: {error.strerror or error}") from error


def read(path: str) -> SavedPlan:
    """Read a file. Raises InputError if it holds no plan."""
    try:
        with open(path, "rb") as file:
            content = file.read(_LONGEST + 1)
        if len(content) > _LONGEST:  # such as a device that never ends
            raise InputError(f"file {path!r} is no plan: it has more than {_LONGEST:,} bytes")
        return msgspec.json.decode(content, type=SavedPlan)
    except OSError as error:
        raise InputError(f"the plan {path!r} cannot be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(
            f"file {path!r} is no plan that this release reads ({error}); expected what step.plan --save writes"
        ) from error


def schema() -> dict[str, Any]:
    """The JSON schema of the file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(SavedPlan)}


def by_step(steps: Iterable[SavedStep]) -> dict[tuple[str, str], SavedStep]:
    """The steps by workflow id and name; of one that is submitted twice, the last verdict."""
    return {(each.workflow_id, each.step): each for each in steps}
