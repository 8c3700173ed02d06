"""Short forms of run ids, and errors about ids that name no run or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simpleflow.shown_text import SHORT_ID, escaped

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription

_SHOWN = 5  # candidates in a message


def short_ids(run_ids: Sequence[str]) -> dict[str, str]:
    """Return the shortest begin of each run id that no other one has, of 8 characters at least."""
    found: dict[str, str] = {}
    ordered = sorted(set(run_ids))
    for at, run_id in enumerate(ordered):
        same = max((_common(run_id, other) for other in (ordered[at - 1 : at] + ordered[at + 1 : at + 2])), default=0)
        found[run_id] = run_id[: max(SHORT_ID, same + 1)]
    return found


def _common(one: str, other: str) -> int:
    """The number of characters that two texts begin with alike."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


def ambiguous_run(typed: str, found: Sequence[RunDescription]) -> str:
    """Say that a run id is the begin of several ones."""
    return f"run id {typed!r} is ambiguous: it may be {_named(found)}; give more of its characters"


def unknown_run(id: str, run_id: str | None, known: Sequence[RunDescription], where: str, hint: str) -> str:
    """Say that there is no such run. ``run_id``: the part that is wrong, if the workflow id is right.

    ``hint``: at a workflow id that may be meant.
    """
    if run_id is not None:
        return f"workflow {id!r} has no run whose id is or begins with {run_id!r}; its runs are {_named(known)}"
    there = f"the latest runs are {_named(known)}" if known else "there are none"
    return f"no run in {where} has the workflow id {id!r}, or a run id that begins so{hint}; {there}"


def _named(runs: Sequence[RunDescription]) -> str:
    short = short_ids([run.run_id for run in runs])
    names = [f"{short[run.run_id]} ({escaped(run.workflow_id)})" for run in runs[:_SHOWN]]
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    return ", ".join(names) + more
