"""Claims: who plays which step, for runs that share their marks.

A claim is an object ``.claims/{path}/{step name}.{ticket}`` in the store of the marks. It belongs to a run, which
removes it when it is done with the step. It is dead once its process is known to be dead, or once its time has passed
and its process is not known to be alive.

Two runs never own conflicting claims at once. Each first writes its claim and then looks at those of the others, and
owns the step only if it sees none that is alive. Whichever of two looked last did so after both had written: it sees
the other's claim, and does not own the step (Dekker's algorithm). Nothing but the consistency of the store is needed
for this, neither locks nor conditional writes. Of runs that see each other, the one with the lowest ticket waits a
moment for the others to withdraw, and those do so at once: no two wait for each other. One that renews its claim waits
too, whatever its ticket, since it is likely to be the owner.

A ticket is drawn for each claim and never used again. So whoever removes a claim that it found dead, however late,
removes that one and not a later one. Only its owner ever writes a claim again, to renew it while it is alive; for one
that is dead its owner draws a new ticket.

Where only time can tell that an owner is gone, this is as good as the clocks of the machines.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from simpleflow.constants import HOUR
from simpleflow.step import processes
from simpleflow.step.rules import EVERYTHING
from simpleflow.stores.base import Store, Stored, as_names, clean

PLACE = ".claims"
UNREADABLE_SECONDS = HOUR  # how long a claim holds that says nothing of itself
_PAUSES = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.0)  # seconds between two looks


class Owner(NamedTuple):
    """The run that claims."""

    workflow_id: str
    run_id: str


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
    them is ``*``, and their run ids differ. ``*`` is about this very ``path``, and what is below it at that moment.

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
            if dead := [each.object for each in found if each.dead]:
                store.delete(_prefix(path), dead, durable=False)
            return None
        if not own and any(rival.ticket < ticket for rival in rivals):
            break
        time.sleep(pause)
    release(store, path, [name], owner)
    return rivals[0].holder


def release(store: Store, path: str, names: Iterable[str], owner: Owner) -> None:
    """Give up the owner's claims on these names, where there are any. Raises StoreError."""
    wanted = frozenset(as_names(names))
    _remove(store, path, lambda name: name in wanted, lambda run_id: run_id == owner.run_id)


def stands(store: Store, path: str, name: str, owner: Owner) -> bool:
    """Whether the owner's claim on ``name`` is there: nobody has revoked it or taken it over. Raises StoreError."""
    found = _read(store, path, lambda each: each == name)
    return any(_decode(stored).run_id == owner.run_id for stored in found.values())


def revoke(store: Store, path: str, is_wanted: Callable[[str], bool], owner: Owner) -> None:
    """Remove the claims that other runs hold on the names that are wanted. Raises StoreError.

    What they do there is stale from now on, and ``stands`` tells them so.
    """
    _remove(store, path, is_wanted, lambda run_id: run_id != owner.run_id)


def is_claim(name: str) -> bool:
    """Whether a name that the listing of a whole store gave is a claim's and not a mark's."""
    return name.startswith(f"{PLACE}/")


def _prefix(path: str) -> str:
    return f"{PLACE}/{clean(path)}" if clean(path) else PLACE


def _object(name: str, ticket: str) -> str:
    return f"{name}.{ticket}"


def _step(object: str) -> str:
    """The name of the step; empty for an object that is no claim."""
    return object.rpartition(".")[0]


def _write(store: Store, path: str, name: str, body: bytes) -> str:
    """Write a new claim; returns its ticket."""
    while True:
        ticket = os.urandom(4).hex()
        if store.create(_prefix(path), _object(name, ticket), body):
            return ticket


def _read(store: Store, path: str, is_wanted: Callable[[str], bool], but: str = "") -> dict[str, Stored]:
    """The claims on the steps that are wanted, except the object ``but``."""
    objects = [each for each in store.names(_prefix(path)) if each != but and (step := _step(each)) and is_wanted(step)]
    return store.read(_prefix(path), objects) if objects else {}


def _remove(store: Store, path: str, is_wanted: Callable[[str], bool], is_whose: Callable[[str], bool]) -> None:
    found = _read(store, path, is_wanted)
    if removed := [each for each, stored in found.items() if is_whose(_decode(stored).run_id)]:
        store.delete(_prefix(path), removed, durable=False)


def _conflicting(store: Store, path: str, name: str, clock: Callable[[], float], but: str = "") -> list[_Claim]:
    """The claims on ``name`` and those that conflict with one, of all runs, dead ones too; in the order of tickets."""

    def conflicts(step: str) -> bool:
        return step == name or EVERYTHING in (step, name)

    claims = [_parse(each, stored, clock) for each, stored in _read(store, path, conflicts, but).items()]
    return sorted(claims, key=lambda each: each.ticket)


def _alive(claims: Iterable[_Claim], owner: Owner) -> list[_Claim]:
    """The others' that are alive."""
    return [each for each in claims if not each.dead and each.holder.run_id != owner.run_id]


def _own(claims: Iterable[_Claim], name: str, owner: Owner) -> list[_Claim]:
    """The owner's on ``name`` that are alive."""
    return [each for each in claims if not each.dead and each.holder.run_id == owner.run_id and each.name == name]


def _encode(owner: Owner, since: float, until: float, process: dict[str, Any] | None) -> bytes:
    body = {"workflow_id": owner.workflow_id, "run_id": owner.run_id, "since": since, "until": until}
    return json.dumps(body if process is None else body | {"process": process}).encode()


class _Body(NamedTuple):
    workflow_id: str
    run_id: str
    since: float
    until: float
    process: dict[str, Any]


def _decode(stored: Stored) -> _Body:
    try:
        body = json.loads(stored.body)
        return _Body(
            str(body["workflow_id"]),
            str(body["run_id"]),
            float(body["since"]),
            float(body["until"]),
            dict(body.get("process") or {}),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return _Body("", "", stored.modified, stored.modified + UNREADABLE_SECONDS, {})


def _parse(object: str, stored: Stored, clock: Callable[[], float]) -> _Claim:
    name, _, ticket = object.rpartition(".")
    workflow_id, run_id, since, until, process = _decode(stored)
    alive = processes.is_alive(process) if process else None
    where = f"process {process.get('pid')} on {process.get('host')}" if process else ""
    dead = alive is False or (alive is None and until <= clock())
    return _Claim(object, name, ticket, Holder(workflow_id, run_id, since, until, where), dead)
