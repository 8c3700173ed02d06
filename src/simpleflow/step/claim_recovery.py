"""The claims that a run still holds, as its history tells: released when it closes, taken again when it resumes.

A step gives its claim up itself when it ends. This module is for steps that never come to that: a failure ended the run
at once, it was terminated, or its process stopped.

A run that resumes may find that another run has taken a step over and done it. If the step would have been skipped, had
the mark been there when it was claimed, then it is left to the other run: what the step had begun is ended, and the
mark stays (``Life.leave``). Otherwise, as where the step was forced, its work begins again, and so the mark goes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from simpleflow import values
from simpleflow.constants import DAY, DONE_ELSEWHERE_SIGNAL
from simpleflow.core import transitions
from simpleflow.core.history import History
from simpleflow.core.records import Record
from simpleflow.exceptions import StoreError
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import with_short_ids
from simpleflow.step import (
    claims,
    input_files,
    mark,
    recorded_tasks,
    recorded_verdicts,
    rules,
    stale_marks,
)
from simpleflow.step.constants import MARKER_NAME, SCHEDULED
from simpleflow.step.recorded_tasks import Claimed, Listed, Marked, Parsed, Released
from simpleflow.stores import Store, is_local, open_store

_PAUSE_SECONDS = 0.5  # between two tries to take a claim again


class HasHistory(Protocol):
    """An execution that has a history."""

    @property
    def history(self) -> History:
        """All events so far."""


class Run(HasHistory, Protocol):
    """An execution that goes on in this process."""

    @property
    def workflow_id(self) -> str:
        """Its workflow id."""

    @property
    def run_id(self) -> str:
        """Its run id."""


class Held(NamedTuple):
    """A claim that a run holds."""

    bucket: str
    path: str
    step: str
    owner: claims.Owner
    seconds: float  # as the run asked for
    certain: bool  # the history says that the claim was granted; if False, it may have been
    forced: claims.Forced = claims.NOTHING  # what the step makes stale, if it has begun
    unless_done: tuple[str | None, Sequence[str]] | None = None  # fingerprint and outputs with which it is skipped


def held(run: HasHistory) -> list[Held]:
    """The claims that the run was granted, or may have been granted, and has not given up."""
    taken: list[Held] = []
    ended: Counter[tuple[str, str, str]] = Counter()
    for record in run.history.activities.chosen(recorded_tasks.is_about_marks):
        parsed = _parse(record)
        completed = record.state == transitions.COMPLETED
        match parsed:
            case Listed(bucket, path, owner, whole=True) if owner is not None:
                if not (completed and _is_shared(record)):
                    taken.append(Held(bucket, path, rules.EVERYTHING, owner, DAY, completed))
            case Claimed(bucket, path, step, owner, seconds, unless_done, fingerprint, outputs):
                if not (completed and _result(record)):
                    skips = (fingerprint, outputs) if unless_done else None
                    taken.append(Held(bucket, path, step, owner, seconds, completed, unless_done=skips))
            case Released(bucket, path, step, owner) | Marked(bucket, path, step, owner=owner):
                if completed and owner is not None:
                    ended[bucket, path, step] += 1
    if all(each.step == rules.EVERYTHING for each in taken):
        return taken
    forces = {each.name: tuple(each.forces_patterns) for each in _verdicts(run)}  # as the latest verdict says
    # A run claims a step again only after it has given the step up: so each end is the end of an earlier claim.
    found: dict[tuple[str, str, str], Held] = {}
    for each in taken:
        if ended[each[:3]]:
            ended[each[:3]] -= 1
        else:
            found[each[:3]] = each._replace(forced=claims.Forced(forces.get(each.step, ()), (each.step,)))
    return list(found.values())


def release(runs: Iterable[HasHistory], may_go_on: bool = False) -> None:
    """Give up the claims that these runs hold. Where a store fails, the claims end by their own time-outs.

    ``may_go_on``: the runs that are still open were stopped, and another process may take them up. Their claims die
    but stay, so that the run can tell whether another one has taken its steps: if not, it may mark them.
    """
    for run in runs:
        for each in held(run):
            try:
                store = open_store(each.bucket)
                if may_go_on and run.history.open and each.certain:  # else it claims the step anew
                    claims.abandon(store, each.path, each.step, each.owner)
                    continue
                if each.step != rules.EVERYTHING:
                    _settle_marks(store, each)
                claims.release(store, each.path, [each.step], each.owner)
            except StoreError:
                pass  # how the run ends matters more


def _settle_marks(store: Store, held: Held) -> None:
    """Update marks as the run would have before it gave up this claim, if not interrupted (see ``stale_marks``)."""
    place = store, held.path, held.step, held.owner
    if not claims.is_held(*place):
        return  # it was given up before: marks that were written since are not its own to remove
    if held.forced.patterns and claims.is_announced(*place):
        stale_marks.remove_after_work(store, held.path, held.forced, held.owner)
    if _is_marked(store, held) and not claims.stands(*place):
        store.delete(held.path, [held.step])


def regain(
    run: Run,
    on_wait: Callable[[str], None],
    look: Callable[[], None],
    signal: Callable[[str, str, str, str], None],
) -> None:
    """Take again, in the name of this process, the claims that ``run`` holds; wait for other runs that have them now.

    ``on_wait`` gets a line of text that names the other run; ``look`` is called between two tries, and may end the run
    meanwhile. ``signal`` (of a workflow id, with a name and an input, to a run id) is called if another run has done a
    step whose claim this one has lost. Raises StoreError.
    """
    for each in held(run):
        if each.certain and _regain(run, each, on_wait, look):
            content = {"step": each.step, "number": _number(run, each.step)}
            text = values.encode(content, "input of a signal")
            signal(run.workflow_id, DONE_ELSEWHERE_SIGNAL, text, run.run_id)


def _regain(run: Run, held: Held, on_wait: Callable[[str], None], look: Callable[[], None]) -> bool:
    """Take one claim again. Returns True if that is not needed, since another run has done the step."""
    reported = None
    store = open_store(held.bucket)
    local = is_local(held.bucket)
    lost = not claims.is_held(store, held.path, held.step, held.owner)
    if lost and _is_marked(store, held):
        return False  # writing the mark gave up the claim too, though the history does not hold that yet
    while run.history.open:
        if lost and _is_done(run, store, held):
            return True
        found = claims.regain(store, held.path, held.step, held.owner, held.seconds, local, forced=held.forced)
        if isinstance(found, bool):
            if lost and _is_done(run, store, held):  # since it was looked at
                claims.release(store, held.path, [held.step], held.owner)
                return True
            if not found:
                _remove_stale(run, store, held)
            return False
        if found[:2] != reported:
            reported = found[:2]
            on_wait(f"step {held.step} is run by {with_short_ids(found.text)}; waiting for its end")
        time.sleep(_PAUSE_SECONDS)
        look()
        lost = lost or not claims.is_held(store, held.path, held.step, held.owner)
    return False


def _is_done(run: Run, store: Store, held: Held) -> bool:
    """True if another run has done the step whose claim this run has lost, and the step need not run again."""
    if held.unless_done is None or (body := store.get(held.path, held.step)) is None:
        return False
    fingerprint, outputs = held.unless_done
    found = mark.read(held.step, body)
    if stale_marks.is_by(found, held.owner) or fingerprint not in (None, found.fingerprint):
        return False
    if (latest := _latest(run, held.step)) is not None and latest.outcome is None and not _is_plain(latest):
        return False
    holder = claims.holders(store, held.path).get(held.step)
    if holder is not None and holder.run_id != held.owner.run_id:
        return False  # that run has not looked yet whether its mark may stay
    return not stale_marks.void_marks(store, held.path, [held.step]) and not input_files.missing(outputs)


def _is_plain(verdict: recorded_verdicts.Recorded) -> bool:
    """True if the step ran because it was not done, and for no other reason."""
    return verdict.status == SCHEDULED and not verdict.details.get("forced") and not verdict.details.get("reasons")


def _latest(run: HasHistory, step: str) -> recorded_verdicts.Recorded | None:
    return next((each for each in reversed(_verdicts(run)) if each.name == step), None)


def _number(run: HasHistory, step: str) -> int:
    """The number of the verdict on a step that is carried out or comes next."""
    latest = _latest(run, step)
    if latest is None:
        return 0
    return latest.number if latest.status == SCHEDULED and latest.outcome is None else latest.number + 1


def _is_marked(store: Store, held: Held) -> bool:
    """True if the run that the claim is for has marked the step: marks from before it are removed with the claim."""
    body = store.get(held.path, held.step) if held.step != rules.EVERYTHING else None
    return body is not None and stale_marks.is_by(mark.read(held.step, body), held.owner)


def _remove_stale(run: Run, store: Store, held: Held) -> None:
    """Remove the marks that other runs wrote meanwhile and that are not true: the steps of the claim run again."""
    if held.step != rules.EVERYTHING:
        store.delete(held.path, [held.step])
        if held.forced.patterns:
            stale_marks.remove_after_work(store, held.path, held.forced, held.owner)
        return
    for each in _verdicts(run):
        if each.status == SCHEDULED and each.outcome is None:
            forced = claims.Forced(tuple(each.forces_patterns), (each.name,))
            stale_marks.remove_after_work(store, held.path, forced, held.owner)


def _verdicts(run: HasHistory) -> list[recorded_verdicts.Recorded]:
    markers = [getattr(event.attributes, "details", None) for event in run.history.markers.named(MARKER_NAME)]
    return recorded_verdicts.read(markers)


def _parse(record: Record) -> Parsed | None:
    name = record.type_name
    if name is None or not recorded_tasks.is_about_marks(name):
        return None
    return recorded_tasks.parse(name, record.scheduled.input)


class _Listing(msgspec.Struct):
    """What matters here of a listing: the names of a hundred thousand steps are not decoded for it."""

    shared: bool


_decode_listing = msgspec.json.Decoder(_Listing).decode


def _is_shared(record: Record) -> bool:
    """True if the run has to claim each step by itself, as the listing of the marks says."""
    return _decode_listing(_text(record) or "").shared


def _result(record: Record) -> Any:
    return values.decode(_text(record))


def _text(record: Record) -> str | None:
    return getattr(record.closed.attributes, "result", None) if record.closed is not None else None
