"""Claims: which run may run which step, where several runs share their marks.

Theory of operation
-------------------
A run claims a step before it runs it, and removes the claim when the step has ended. Claims are objects in the store of
the marks (``claim_objects``). No server arbitrates, and a store offers no transaction over several objects, so the
protocol is made of single writes and reads.

**Exclusion.** A run first *writes* its claim and then *reads* the claims of the others. It owns the step only if it
sees no other claim that is alive. Of two runs that claim the same step, the one that reads last does so after both have
written: it sees the other's claim and does not own the step. So two runs never own a step at once (Dekker's algorithm).

**Progress.** If two runs see each other, both might withdraw for ever. So the run with the lowest ticket waits a moment
for the others to withdraw, and the others withdraw at once. No two runs wait for each other. A run that renews a claim
waits with any ticket, since it is likely to be the owner.

**Dead claims.** A claim is dead if its process is known to be dead, or if its time has passed and its process is not
known to be alive. Any run may remove a dead claim. A ticket is drawn at random for each claim and never used again: a
run that removes a claim it found dead removes that one however late it does so, never a later claim on the same step.
For the same reason only the owner writes a claim again, and only while it is alive, to renew it; in place of a dead
claim the owner draws a new ticket.

**Revoking.** If a run makes stale what another run is just doing, it revokes the claim of that run. A revoked claim
goes on excluding others until its owner has ended with the step, but the owner sees that it is revoked and does not
mark the step. Here, too, both write before they read: the run that revokes looks for new claims after it has written,
and an owner that draws a new ticket for a claim that it had looks for revocations after it has written. How this keeps
marks true is described in ``stale_marks``.

Where only time can tell that an owner is gone, all this is as good as the clocks of the machines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from simpleflow.step import claim_objects as objects
from simpleflow.step import processes, stale_marks
from simpleflow.step.claim_objects import UNREADABLE_SECONDS, Claim, Holder, Owner, is_claim
from simpleflow.step.rules import EVERYTHING
from simpleflow.step.stale_marks import NOTHING, Forced, revoke
from simpleflow.stores.base import Store, Stored, as_names, clean

__all__ = [
    "NOTHING",
    "UNREADABLE_SECONDS",
    "Forced",
    "Holder",
    "Owner",
    "abandon",
    "announce",
    "claim",
    "holders",
    "is_claim",
    "is_held",
    "regain",
    "release",
    "revoke",
    "stands",
]

_held: dict[tuple[str, str, str, str], str] = {}  # by ``_key``: the objects of claims that live as long as this process
_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.0)  # seconds between two reads


def claim(
    store: Store,
    path: str,
    name: str,
    owner: Owner,
    seconds: float,
    local: bool,
    clock: Callable[[], float] = time.time,
    past: tuple[str, ...] | None = None,
) -> Holder | None:
    """Claim the step ``name``, or every step with ``*``, below the prefix ``path`` of the marks.

    Two claims conflict if their names are equal or one of them is ``*``, unless their owners are kin. ``*`` covers this
    very ``path``, and the claims that are below it at that moment.

    Args:
        owner: the run that claims. If it owns the step already, its claim is renewed.
        seconds: how long the claim holds, from now.
        local: the store is on this machine and the step runs in this process: the claim holds exactly as long as the
            process lives. Otherwise it holds so long where the process that drives the run can be seen.
        clock: gives epoch seconds.
        past: the announcements that do not count for a new claim (see ``stale_marks``); None: those of runs that are
            dead now.

    Returns None if the claim is granted; else who holds the step, and ``owner`` has no claim on ``name`` then.
    Raises StoreError.
    """
    now = clock()
    found = _conflicting(store, path, name, clock)
    rivals, own = _alive(found, owner), _own(found, name, owner)
    if rivals and not own:
        return rivals[0].holder
    if own:
        past = own[0].past
    elif past is None:
        past = stale_marks.dead_announcements(store, path, name, clock)
    body = objects.encode(owner, now, now + seconds, processes.describe() if local else processes.driver(), past)
    ticket = own[0].ticket if own else objects.create(store, path, name, body)
    if own:
        store.put(objects.prefix(path), own[0].object, body)
    for pause in _PAUSES:
        found = _conflicting(store, path, name, clock, objects.object_name(name, ticket))
        rivals = _alive(found, owner)
        if not rivals:
            others = [each for each in found if each.holder.run_id != owner.run_id]
            if dead := [each for each in others if each.dead]:
                stale_marks.bury(store, path, dead)
                objects.delete(store, path, [each.object for each in dead])
            if local and len(others) == len(found):  # else an older claim of this owner exists, and has to be found too
                _held[_key(store, path, name, owner)] = objects.object_name(name, ticket)
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
    forced: Forced = NOTHING,
) -> Holder | bool:
    """``claim`` for a run that goes on after its process has died, and may have lost its claim meanwhile.

    ``forced``: the steps that the run makes stale there, if it has begun; they are announced again.

    Returns the holder of the step, if it is another run. Else the step is the owner's again: True if it was all the
    time, False if the claim was lost. Then the new claim is revoked from the start. Raises StoreError.
    """
    found = objects.read(store, path, [name], owner)
    before = list(found)
    kept = bool(before) and not objects.are_revoked(store, path, before)
    # What the step does began with the earlier claim: no run that has died since then counts as dead before it.
    pasts = [frozenset(objects.parse(each, stored, clock).past) for each, stored in found.items()]
    past = tuple(sorted(frozenset.intersection(*pasts))) if pasts else None
    holder = claim(store, path, name, owner, seconds, local, clock, past)
    if holder is not None:
        return holder
    if forced.patterns:
        announce(store, path, name, owner, forced)
    # Read again: a run that revokes has read the claims either before the new one was written, or after.
    kept = kept and not objects.are_revoked(store, path, before)
    now = list(objects.read(store, path, [name], owner))
    if not kept:
        objects.revoke(store, path, now)
    if old := [each for each in before if objects.is_dead(store, path, each, clock)]:
        objects.delete(store, path, old)
    return kept


def release(store: Store, path: str, names: Iterable[str], owner: Owner) -> None:
    """Give up the owner's claims on these names, if there are any. Raises StoreError."""
    held = {name: _held.pop(_key(store, path, name, owner), None) for name in as_names(names)}
    others = {name for name, each in held.items() if each is None}
    found = [each for each in held.values() if each is not None]
    if others:
        found += objects.read(store, path, others, owner)
    if found:
        objects.delete(store, path, found)


def abandon(store: Store, path: str, name: str, owner: Owner, clock: Callable[[], float] = time.time) -> None:
    """Let the owner's claim on ``name`` die now, since its run stops and may go on later. Raises StoreError.

    The claim stays, so that the run finds that no other run has taken it meanwhile (see ``regain``).
    """
    held = _held.pop(_key(store, path, name, owner), None)
    found = objects.read(store, path, [name], owner)
    for each, stored in found.items():
        store.put(objects.prefix(path), each, objects.ended(stored, clock()))
    if held is not None and held not in found:
        objects.delete(store, path, [held])


def announce(store: Store, path: str, name: str, owner: Owner, forced: Forced) -> None:
    """Say that the owner's run of ``name``, which it has claimed, makes steps stale. Raises StoreError."""
    stale_marks.announce(store, path, _objects(store, path, name, owner), owner, forced)


def is_announced(store: Store, path: str, name: str, owner: Owner) -> bool:
    """True if the owner has said that its run of ``name`` makes steps stale: the run has begun. Raises StoreError."""
    return bool(store.read(objects.prefix(path, objects.FORCING), list(_objects(store, path, name, owner))))


def is_held(store: Store, path: str, name: str, owner: Owner) -> bool:
    """True if the owner's claim on ``name`` is there, revoked or not. Raises StoreError."""
    return bool(_objects(store, path, name, owner))


def stands(store: Store, path: str, name: str, owner: Owner) -> bool:
    """True if the owner's claim on ``name`` is there and the step may be marked. Raises StoreError.

    False if the claim was revoked or taken over, or if another run makes the step stale now.
    """
    found = _objects(store, path, name, owner)
    claims = [objects.parse(each, stored) for each, stored in found.items()]
    if not claims or stale_marks.is_void(store, path, claims):
        return False
    # A run that takes a claim over removes it before it removes what revoked it.
    return bool(store.read(objects.prefix(path), list(found)))


def holders(store: Store, path: str, clock: Callable[[], float] = time.time) -> dict[str, Holder]:
    """The holder of each claimed step (or ``*``) below ``path``, by name. Raises StoreError."""
    found = objects.read_all(store, path, lambda name: True)
    claims = [objects.parse(each, stored, clock) for each, stored in sorted(found.items())]
    return {each.name: each.holder for each in claims if not each.dead}


def _objects(store: Store, path: str, name: str, owner: Owner) -> dict[str, Stored]:
    """The owner's claims on ``name``, dead ones too, by object."""
    held = _held.get(_key(store, path, name, owner))
    if held is not None and (found := store.read(objects.prefix(path), [held])):
        return found
    return objects.read(store, path, [name], owner)


def _key(store: Store, path: str, name: str, owner: Owner) -> tuple[str, str, str, str]:
    """Key of a claim that can be found again without a listing: only this process acts for its run."""
    return store.url, clean(path), name, owner.run_id


def _conflicting(store: Store, path: str, name: str, clock: Callable[[], float], but: str = "") -> list[Claim]:
    """The claims on ``name`` and those that conflict with one, of all runs, dead ones too, sorted by ticket."""
    if name == EVERYTHING:
        found = objects.read_all(store, path, lambda step: True, but=but)
    else:
        found = objects.read(store, path, [name, EVERYTHING], but=but)
    claims = [objects.parse(each, stored, clock) for each, stored in found.items()]
    return sorted(claims, key=lambda each: each.ticket)


def _alive(claims: Iterable[Claim], owner: Owner) -> list[Claim]:
    """The claims of other runs that are alive, except those of kin."""
    return [each for each in claims if not each.dead and not owner.is_kin(each.owner)]


def _own(claims: Iterable[Claim], name: str, owner: Owner) -> list[Claim]:
    """The owner's claims on ``name`` that are alive."""
    return [each for each in claims if not each.dead and each.holder.run_id == owner.run_id and each.name == name]
