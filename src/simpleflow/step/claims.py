"""Claims: who plays which step, for runs that share their marks.

A claim is an object ``.claims/{path}/{step name}.{ticket}`` in the store of the marks. It belongs to a run, which
removes it when it is done with the step. It is dead once its process is known to be dead, or once its time has passed
and its process is not known to be alive.

Two runs never own conflicting claims at once. Each first writes its claim and then looks at those of the others, and
owns the step only if it sees none that is alive. Whichever of two looked last did so after both had written: it sees
the other's claim, and does not own the step (Dekker's algorithm). Of runs that see each other, the one with the lowest
ticket waits a moment for the others to withdraw, and those do so at once: no two wait for each other. One that renews
its claim waits too, whatever its ticket, since it is likely to be the owner.

A ticket is drawn for each claim and never used again. So whoever removes a claim that it found dead, however late,
removes that one and not a later one. Only its owner ever writes a claim again, to renew it while it is alive; for one
that is dead its owner draws a new ticket.

A claim is revoked, where what its owner does is stale from now on, by an object ``.revoked/{path}/{same name}``: it
goes on excluding others until its owner is done, and tells that one not to mark the step. Whoever revokes writes and
then looks, too, and so does an owner that draws a new ticket for a claim of its own.

Where only time can tell that an owner is gone, this is as good as the clocks of the machines.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, NamedTuple

from simpleflow.constants import HOUR
from simpleflow.step import processes
from simpleflow.step.rules import EVERYTHING
from simpleflow.stores.base import Store, Stored, as_names, clean

PLACE = ".claims"
REVOKED = ".revoked"
UNREADABLE_SECONDS = HOUR  # how long a claim holds that says nothing of itself
_held: dict[tuple[str, str, str, str], str] = {}  # by ``_key``: the objects of claims that this process plays
_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.0)  # seconds between two looks


class Owner(NamedTuple):
    """The run that claims, and the run ids of those above it: parent, parent's parent and so on, in any order.

    A run and those above it do not exclude each other: the one waits for the other.
    """

    workflow_id: str
    run_id: str
    above: tuple[str, ...] = ()

    def is_kin(self, other: Owner) -> bool:
        """Whether the two are one, or one is above the other."""
        return self.run_id == other.run_id or self.run_id in other.above or other.run_id in self.above


class Holder(NamedTuple):
    """Who holds a claim, from when until when (seconds since 1970).

    ``where`` is ``process 123 on host``, or ``""`` if that is not known. A claim that cannot be read has empty ids.
    """

    workflow_id: str
    run_id: str
    since: float
    until: float
    where: str


class _Claim(NamedTuple):
    object: str
    name: str
    ticket: str
    owner: Owner
    holder: Holder
    dead: bool


def claim(
    store: Store,
    path: str,
    name: str,
    owner: Owner,
    seconds: float,
    local: bool,
    clock: Callable[[], float] = time.time,
) -> Holder | None:
    """Claim the step ``name``, or every step with ``*``, below the prefix ``path`` of the marks.

    Returns None if it is the owner's now, for ``seconds`` from now; also if it was before: then it is renewed. Else it
    returns who holds it, and the owner has no claim on ``name``. Two claims conflict if their names are equal or one of
    them is ``*``, unless their owners are kin. ``*`` is about this very ``path``, and what is below it at that moment.

    ``local``: the store is on this machine, and this process plays the step: the claim stands as long as the process
    lives, however long that is, and no longer. Raises StoreError.
    """
    now = clock()
    found = _conflicting(store, path, name, clock)
    rivals, own = _alive(found, owner), _own(found, name, owner)
    if rivals and not own:
        return rivals[0].holder
    body = _encode(owner, now, now + seconds, processes.describe() if local else None)
    ticket = own[0].ticket if own else _write(store, path, name, body)
    if own:
        store.put(_prefix(path), own[0].object, body)
    for pause in _PAUSES:
        found = _conflicting(store, path, name, clock, _object(name, ticket))
        rivals = _alive(found, owner)
        if not rivals:
            others = [each for each in found if each.holder.run_id != owner.run_id]
            if dead := [each.object for each in others if each.dead]:
                _delete(store, path, dead)
            if local and len(others) == len(found):  # else there is an older one of ours, which has to be found, too
                _held[_key(store, path, name, owner)] = _object(name, ticket)
            return None
        if not own and any(rival.ticket < ticket for rival in rivals):
            break
        time.sleep(pause)
    release(store, path, [name], owner)
    return rivals[0].holder


def regain(
    store: Store,
    path: str,
    name: str,
    owner: Owner,
    seconds: float,
    local: bool,
    clock: Callable[[], float] = time.time,
) -> Holder | bool:
    """``claim`` for a run that goes on after its process has died, and may have lost its claim meanwhile.

    Returns who holds it, or whether it was kept: one that was lost is the owner's again, and revoked. Raises
    StoreError.
    """
    before = list(_read(store, path, lambda each: each == name, owner))
    kept = bool(before) and not _are_revoked(store, path, before)
    holder = claim(store, path, name, owner, seconds, local, clock)
    if holder is not None:
        return holder
    kept = kept and not _are_revoked(store, path, before)  # again: whoever revokes has looked before we wrote, or after
    now = list(_read(store, path, lambda each: each == name, owner))
    if not kept:
        _revoke(store, path, now)
    if old := [each for each in before if _is_old(store, path, each, clock)]:
        _delete(store, path, old)
    return kept


def release(store: Store, path: str, names: Iterable[str], owner: Owner) -> None:
    """Give up the owner's claims on these names, where there are any. Raises StoreError."""
    held = {name: _held.pop(_key(store, path, name, owner), None) for name in as_names(names)}
    others = {name for name, each in held.items() if each is None}
    found = [each for each in held.values() if each is not None]
    if others:
        found += _read(store, path, lambda name: name in others, owner)
    if found:
        _delete(store, path, found)


def stands(store: Store, path: str, name: str, owner: Owner) -> bool:
    """Whether the owner's claim on ``name`` is there: nobody has revoked it or taken it over. Raises StoreError."""
    held = _held.get(_key(store, path, name, owner))
    if held is not None and store.read(_prefix(path), [held]):
        return not _are_revoked(store, path, [held])
    found = list(_read(store, path, lambda each: each == name, owner, starts=(f"{name}.",)))
    return bool(found) and not _are_revoked(store, path, found)


def revoke(store: Store, path: str, is_wanted: Callable[[str], bool], owner: Owner) -> None:
    """Revoke the claims of others, kin aside, on the names that are wanted. Raises StoreError.

    What they do there is stale from now on, and ``stands`` tells them so; until they are done nobody else does it.
    """
    revoked: set[str] = set()
    while True:
        found = _read(store, path, is_wanted)
        others = [each for each, stored in found.items() if not owner.is_kin(_decode(stored).owner)]
        if new := [each for each in others if each not in revoked]:
            _revoke(store, path, new)
            revoked.update(new)
        else:
            return


def holders(store: Store, path: str, clock: Callable[[], float] = time.time) -> dict[str, Holder]:
    """Who holds which step, or ``*``, below ``path``, by name. Raises StoreError."""
    claims = [_parse(each, stored, clock) for each, stored in sorted(_read(store, path, lambda name: True).items())]
    return {each.name: each.holder for each in claims if not each.dead}


def is_claim(name: str) -> bool:
    """Whether a name that the listing of a whole store gave is a claim's and not a mark's."""
    return name.startswith((f"{PLACE}/", f"{REVOKED}/"))


def _prefix(path: str, place: str = PLACE) -> str:
    return f"{place}/{clean(path)}" if clean(path) else place


def _object(name: str, ticket: str) -> str:
    return f"{name}.{ticket}"


def _key(store: Store, path: str, name: str, owner: Owner) -> tuple[str, str, str, str]:
    """Of a claim that is found again without a listing: that of a run for which this process alone acts."""
    return store.url, clean(path), name, owner.run_id


def _step(object: str) -> str:
    """The name of the step; empty for an object that is no claim."""
    return object.rpartition(".")[0]


def _write(store: Store, path: str, name: str, body: bytes) -> str:
    """Write a new claim; returns its ticket."""
    while True:
        ticket = os.urandom(4).hex()
        if store.create(_prefix(path), _object(name, ticket), body):
            return ticket


def _read(
    store: Store,
    path: str,
    is_wanted: Callable[[str], bool],
    owner: Owner | None = None,
    but: str = "",
    starts: tuple[str, ...] = ("",),
) -> dict[str, Stored]:
    """The claims on the steps that are wanted, of all runs or of one, except the object ``but``.

    ``starts``: what the objects of those may begin with, to pass over the others quickly.
    """
    every = [each for each in store.names(_prefix(path)) if each.startswith(starts)]
    objects = [each for each in every if each != but and (step := _step(each)) and is_wanted(step)]
    found = store.read(_prefix(path), objects) if objects else {}
    if owner is None:
        return found
    return {each: stored for each, stored in found.items() if _decode(stored).owner.run_id == owner.run_id}


def _delete(store: Store, path: str, objects: list[str]) -> None:
    """Remove claims, and then what revoked them."""
    store.delete(_prefix(path), objects, durable=False)
    if revoked := set(objects) & set(store.names(_prefix(path, REVOKED))):
        store.delete(_prefix(path, REVOKED), sorted(revoked), durable=False)


def _revoke(store: Store, path: str, objects: Iterable[str]) -> None:
    for each in objects:
        store.put(_prefix(path, REVOKED), each, b"{}")


def _are_revoked(store: Store, path: str, objects: Iterable[str]) -> bool:
    """Whether one of these claims is revoked."""
    return not set(store.names(_prefix(path, REVOKED))).isdisjoint(objects)


def _is_old(store: Store, path: str, object: str, clock: Callable[[], float]) -> bool:
    stored = store.read(_prefix(path), [object]).get(object)
    return stored is not None and _parse(object, stored, clock).dead


def _conflicting(store: Store, path: str, name: str, clock: Callable[[], float], but: str = "") -> list[_Claim]:
    """The claims on ``name`` and those that conflict with one, of all runs, dead ones too; in the order of tickets."""

    def conflicts(step: str) -> bool:
        return step == name or EVERYTHING in (step, name)

    starts = ("",) if name == EVERYTHING else (f"{name}.", f"{EVERYTHING}.")
    found = _read(store, path, conflicts, but=but, starts=starts)
    claims = [_parse(each, stored, clock) for each, stored in found.items()]
    return sorted(claims, key=lambda each: each.ticket)


def _alive(claims: Iterable[_Claim], owner: Owner) -> list[_Claim]:
    """The others' that are alive, those of kin aside."""
    return [each for each in claims if not each.dead and not owner.is_kin(each.owner)]


def _own(claims: Iterable[_Claim], name: str, owner: Owner) -> list[_Claim]:
    """The owner's on ``name`` that are alive."""
    return [each for each in claims if not each.dead and each.holder.run_id == owner.run_id and each.name == name]


def _encode(owner: Owner, since: float, until: float, process: dict[str, Any] | None) -> bytes:
    body: dict[str, Any] = {"workflow_id": owner.workflow_id, "run_id": owner.run_id}
    if owner.above:
        body["above"] = list(owner.above)
    body |= {"since": since, "until": until}
    return json.dumps(body if process is None else body | {"process": process}).encode()


class _Body(NamedTuple):
    owner: Owner
    since: float
    until: float
    process: dict[str, Any]


def _decode(stored: Stored) -> _Body:
    try:
        body = json.loads(stored.body)
        above = body.get("above") or ()
        if not isinstance(above, list | tuple):
            raise TypeError
        owner = Owner(str(body["workflow_id"]), str(body["run_id"]), tuple(map(str, above)))
        since, until = float(body["since"]), float(body["until"])
        if not (isfinite(since) and isfinite(until)):
            raise ValueError
        return _Body(owner, since, until, dict(body.get("process") or {}))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return _Body(Owner("", ""), stored.modified, stored.modified + UNREADABLE_SECONDS, {})


def _parse(object: str, stored: Stored, clock: Callable[[], float]) -> _Claim:
    name, _, ticket = object.rpartition(".")
    owner, since, until, process = _decode(stored)
    alive = processes.is_alive(process) if process else None
    where = f"process {process.get('pid')} on {process.get('host')}" if process else ""
    dead = alive is False or (alive is None and until <= clock())
    return _Claim(object, name, ticket, owner, Holder(owner.workflow_id, owner.run_id, since, until, where), dead)
