"""The claims on steps that executions hold, as their histories tell: given up when they end, taken again on resuming.

A step gives its claim up itself when it is over. This is for those that never come to that: a failure that ends the run
at once, a termination, a process that was stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from simpleflow import values
from simpleflow.constants import DAY
from simpleflow.core import transitions
from simpleflow.core.history import History
from simpleflow.core.records import Record
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.run import Run
from simpleflow.exceptions import StoreError
from simpleflow.step import claims, mark, recorded_verdicts, rules, tasks
from simpleflow.step.constants import MARKER_NAME
from simpleflow.stores import is_local, open_store
from simpleflow.values import arguments

_LOOK_SECONDS = 0.5


class HasHistory(Protocol):
    """An execution that has a history."""

    @property
    def history(self) -> History:
        """It."""


class Held(NamedTuple):
    """A claim; ``seconds`` as it was asked for; ``certain``: the history says that it was taken."""

    bucket: str
    path: str
    step: str
    owner: claims.Owner
    seconds: float
    certain: bool


def held(run: HasHistory) -> list[Held]:
    """The claims that the execution has taken, or may have taken, and not given up."""
    taken: list[Held] = []
    ends: list[tuple[type, Record]] = []
    for record in run.history.activities.values():
        kind = _KINDS.get(record.scheduled.activity_type.name) if record.scheduled is not None else None
        if kind is tasks.GetStepsDoneTask:
            taken += _listed(record, *_arguments(record))
        elif kind is tasks.ClaimStepTask:
            bucket, path, step, owner, seconds, *_ = _arguments(record)
            certain = record.state == transitions.COMPLETED
            if not certain or not _result(record):
                taken.append(Held(bucket, path, step, tasks.owner_of(owner), seconds, certain))
        elif kind is not None and record.state == transitions.COMPLETED:
            ends.append((kind, record))
    if all(each.step == rules.EVERYTHING for each in taken):
        return taken
    # A step is claimed again only after it was given up: so many claims, so many ends.
    ended = Counter(tuple(given[:3]) for kind, record in ends if _gives_up(kind, given := _arguments(record)))
    found: dict[tuple[str, str, str], Held] = {}
    for each in taken:
        if ended[each[:3]]:
            ended[each[:3]] -= 1
        else:
            found[each[:3]] = each
    return list(found.values())


def release(runs: Iterable[HasHistory]) -> None:
    """Give up what these executions hold. A store that says no is left to the claims' own time-outs."""
    for run in runs:
        for each in held(run):
            try:
                claims.release(open_store(each.bucket), each.path, [each.step], each.owner)
            except StoreError:
                pass  # whatever the run ends with matters more


def regain(engine: EmbeddedEngine, on_wait: Callable[[str], None]) -> None:
    """Take again, in the name of this process, what the engine's executions hold; where others have it by now, wait.

    ``on_wait`` is told for whom. Raises StoreError.
    """
    for run in list(engine.runs.values()):
        for each in held(run):
            if each.certain:
                _regain(engine, run, each, on_wait)


def _regain(engine: EmbeddedEngine, run: Run, held: Held, on_wait: Callable[[str], None]) -> None:
    told = None
    store = open_store(held.bucket)
    if _is_marked(run, held):
        return  # and it was given up with that, though the history does not say so
    while run.history.open:
        found = claims.regain(store, held.path, held.step, held.owner, held.seconds, is_local(held.bucket))
        if isinstance(found, bool):
            if not found:
                store.delete(held.path, [name for name in store.names(held.path) if _is_stale(run, held.step, name)])
            return
        if found[:2] != told:
            told = found[:2]
            on_wait(f"step {held.step} is played by {tasks.told(found)}; waiting for its end")
        time.sleep(_LOOK_SECONDS)
        engine.receive_messages()  # somebody may want to end this


def _is_marked(run: Run, held: Held) -> bool:
    """Whether the play that the claim is for has marked the step: marks from before it are removed."""
    body = open_store(held.bucket).get(held.path, held.step) if held.step != rules.EVERYTHING else None
    return body is not None and mark.read(held.step, body).run_id == run.run_id


def _is_stale(run: Run, step: str, name: str) -> bool:
    """Whether the mark of ``name``, which others wrote meanwhile, is not true: ``step`` is being played again."""
    if step == rules.EVERYTHING or claims.is_claim(name):
        return False
    markers = [getattr(event.attributes, "details", None) for event in run.history.markers.get(MARKER_NAME, ())]
    return name == step or any(each.name == step and each.forces(name) for each in recorded_verdicts.read(markers))


def _listed(
    record: Record, bucket: str, path: str, owner: Sequence[str] | None = None, whole: bool = False
) -> Iterable[Held]:
    certain = record.state == transitions.COMPLETED
    if owner is not None and whole and not (certain and _result(record)["shared"]):
        yield Held(bucket, path, rules.EVERYTHING, tasks.owner_of(owner), DAY, certain)


def _gives_up(kind: type, given: Sequence[Any]) -> bool:
    """Whether an activity with these arguments gives up a claim: writing a mark without an owner does not."""
    return kind is tasks.ReleaseStepTask or len(given) > _MARK_WITHOUT_OWNER


def _arguments(record: Record) -> list[Any]:
    return arguments(values.decode(record.scheduled.input))[0]


def _result(record: Record) -> Any:
    return values.decode(getattr(record.closed.attributes, "result", None)) if record.closed is not None else None


_MARK_WITHOUT_OWNER = 4
_KINDS: dict[str, type] = {
    f"{task.__module__}.{task.__name__}": task
    for task in (tasks.GetStepsDoneTask, tasks.ClaimStepTask, tasks.ReleaseStepTask, tasks.MarkStepDoneTask)
}
