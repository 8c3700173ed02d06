"""The claims on steps that executions hold, as their histories tell: given up when they end, taken again on resuming.

A step gives its claim up itself when it is over. This is for those that never come to that: a failure that ends the run
at once, a termination, a process that was stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from simpleflow import values
from simpleflow.constants import DAY
from simpleflow.core import transitions
from simpleflow.core.evaluation import arguments
from simpleflow.core.records import Record
from simpleflow.engines.run import Run
from simpleflow.exceptions import StoreError
from simpleflow.step import claims, tasks
from simpleflow.step.rules import EVERYTHING
from simpleflow.stores import is_local, open_store

_LOOK_SECONDS = 0.5


class Held(NamedTuple):
    """A claim; ``seconds`` as it was asked for."""

    bucket: str
    path: str
    step: str
    owner: claims.Owner
    seconds: float


def held(run: Run) -> list[Held]:
    """The claims that the execution has taken and not given up."""
    taken: list[Held] = []
    ends = []
    for record in run.history.activities.values():
        kind = _KINDS.get(record.scheduled.activity_type.name) if record.scheduled is not None else None
        if kind is None or record.state != transitions.COMPLETED:
            continue
        if kind is tasks.GetStepsDoneTask:
            bucket, path, *owner = _arguments(record)
            if owner and not isinstance(_result(record), dict):
                taken.append(Held(bucket, path, EVERYTHING, claims.Owner(*owner[0]), DAY))
        elif kind is tasks.ClaimStepTask:
            bucket, path, step, owner, seconds, *_ = _arguments(record)
            if not _result(record):
                taken.append(Held(bucket, path, step, claims.Owner(*owner), seconds))
        else:
            ends.append(record)
    if all(each.step == EVERYTHING for each in taken):
        return taken
    # A step is claimed again only after it was given up: so many claims, so many ends.
    ended = Counter(tuple(_arguments(record)[:3]) for record in ends)
    found: dict[tuple[str, str, str], Held] = {}
    for each in taken:
        if ended[each[:3]]:
            ended[each[:3]] -= 1
        else:
            found[each[:3]] = each
    return list(found.values())


def _arguments(record: Record) -> list[Any]:
    return arguments(values.decode(record.scheduled.input))[0]


def _result(record: Record) -> Any:
    return values.decode(getattr(record.closed.attributes, "result", None)) if record.closed is not None else None


def release(runs: Iterable[Run]) -> None:
    """Give up what these executions hold. A store that says no is left to the claims' own time-outs."""
    for run in runs:
        for each in held(run):
            try:
                claims.release(open_store(each.bucket), each.path, [each.step], each.owner)
            except StoreError:
                pass  # whatever the run ends with matters more


def regain(runs: Iterable[Run], on_wait: Callable[[str], None]) -> None:
    """Take again, in the name of this process, what these executions hold; where somebody else has it by now, wait.

    ``on_wait`` is told for whom. Raises StoreError.
    """
    for run in runs:
        for each in held(run):
            told = None
            while (holder := _claim(each)) is not None:
                if holder[:2] != told:
                    told = holder[:2]
                    on_wait(f"step {each.step} is played by {tasks.told(holder)}; waiting for its end")
                time.sleep(_LOOK_SECONDS)


def _claim(held: Held) -> claims.Holder | None:
    local = is_local(held.bucket)
    return claims.claim(open_store(held.bucket), held.path, held.step, held.owner, held.seconds, local)


_KINDS: dict[str, type] = {
    f"{task.__module__}.{task.__name__}": task
    for task in (tasks.GetStepsDoneTask, tasks.ClaimStepTask, tasks.ReleaseStepTask, tasks.MarkStepDoneTask)
}
