"""Claims at rest: the objects in the store that say which run has claimed which step.

A claim is the object ``.claims/{path}/{step name}.{ticket}``. Its content is JSON: the owner, since when and until when
the claim holds, and the process that it lives as long as, if there is one. The object ``.revoked/{path}/{step
name}.{ticket}`` revokes it, and ``.forcing/{path}/{step name}.{ticket}`` says what its owner makes stale. See
``claims`` and ``stale_marks`` for the protocol.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any

from simpleflow.constants import HOUR
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import processes
from simpleflow.stores.base import CLAIMS, Store, Stored, as_names, clean, stem_of, variants

REVOKED = ".revoked"
FORCING = ".forcing"
UNREADABLE_SECONDS = HOUR  # how long a claim holds whose content cannot be read


_LAST_SECOND = 253_402_300_799  # of the year 9999; the time in a claim may be any number


class Owner(NamedTuple):
    """The run that claims, and the run ids above it: its parent, the parent's parent and so on, in any order.

    A run and those above it do not exclude each other, since the one waits for the other.
    """

    workflow_id: str
    run_id: str
    above: tuple[str, ...] = ()

    def is_kin(self, other: Owner) -> bool:
        """True if the two are the same run, or one is above the other."""
        return self.run_id == other.run_id or self.run_id in other.above or other.run_id in self.above


class Holder(NamedTuple):
    """The run that holds a claim. A claim that cannot be read has empty ids."""

    workflow_id: str
    run_id: str
    since: float  # epoch seconds, as ``until``
    until: float
    where: str  # "process 123 on host"; "" if that is not known

    @property
    def text(self) -> str:
        """The holder in words: with its process or, if that is not known, the time at which the claim ends."""
        until = time.gmtime(min(max(self.until, 0), _LAST_SECOND))
        where = self.where or f"until {time.strftime('%Y-%m-%d %H:%M:%S', until)} UTC at the latest"
        return f"workflow {self.workflow_id or 'unknown'}, run {self.run_id or 'unknown'} ({where})"


class Claim(NamedTuple):
    """A claim, as read from its object."""

    object: str
    name: str  # of the step
    ticket: str
    owner: Owner
    holder: Holder
    dead: bool
    past: tuple[str, ...] = ()  # the announcements of dead runs that were there before it, see ``stale_marks``


def is_claim(name: str) -> bool:
    """True if a name from the listing of a whole store belongs to a claim, and not to a mark."""
    return name.startswith(_OF_CLAIMS)


_OF_CLAIMS = (f"{CLAIMS}/", f"{REVOKED}/", f"{FORCING}/")


def prefix(path: str, folder: str = CLAIMS) -> str:
    """The prefix of the claims on steps whose marks have the prefix ``path``."""
    return f"{folder}/{clean(path)}" if clean(path) else folder


def object_name(name: str, ticket: str) -> str:
    """The name of a claim's object, below ``prefix``."""
    return f"{name}.{ticket}"


def create(store: Store, path: str, name: str, body: bytes) -> str:
    """Write a new claim. Returns its ticket."""
    while True:
        ticket = os.urandom(4).hex()
        if store.create(prefix(path), object_name(name, ticket), body):
            return ticket


def read(store: Store, path: str, names: Iterable[str], owner: Owner | None = None, but: str = "") -> dict[str, Stored]:
    """The claims on the steps of these names, by object.

    Args:
        owner: only the claims of this run.
        but: an object to leave out.
    """
    return _read(store, path, variants(store, prefix(path), as_names(names)), owner, but)


def read_all(
    store: Store, path: str, is_wanted: Callable[[str], bool], owner: Owner | None = None, but: str = ""
) -> dict[str, Stored]:
    """The claims on the steps for whose names ``is_wanted`` is true, by object. This lists all claims."""
    every = [each for each in store.names(prefix(path)) if (step := stem_of(each)) and is_wanted(step)]
    return _read(store, path, every, owner, but)


def _read(store: Store, path: str, objects: list[str], owner: Owner | None, but: str) -> dict[str, Stored]:
    wanted = [each for each in objects if each != but]
    found = store.read(prefix(path), wanted) if wanted else {}
    if owner is None:
        return found
    return {each: stored for each, stored in found.items() if owner_of(stored).run_id == owner.run_id}


def delete(store: Store, path: str, objects: list[str]) -> None:
    """Remove claims: first what they announce, at last the objects that revoke claims that are gone."""
    store.delete(prefix(path, FORCING), objects, durable=False)
    store.delete(prefix(path), objects, durable=False)
    # A claim that is written later has another ticket. A claim may go just before another run revokes it: so there may
    # be more of these objects than those of the claims that were just removed.
    if (revoked := store.names(prefix(path, REVOKED))) and (gone := set(revoked) - set(store.names(prefix(path)))):
        store.delete(prefix(path, REVOKED), sorted(gone), durable=False)


def revoke(store: Store, path: str, objects: Iterable[str]) -> None:
    """Revoke claims."""
    for each in objects:
        store.put(prefix(path, REVOKED), each, b"{}")


def are_revoked(store: Store, path: str, objects: Iterable[str]) -> bool:
    """True if one of these claims is revoked."""
    return not set(store.names(prefix(path, REVOKED))).isdisjoint(objects)


def is_dead(store: Store, path: str, object: str, clock: Callable[[], float]) -> bool:
    """True if the claim is there and dead."""
    stored = store.read(prefix(path), [object]).get(object)
    return stored is not None and parse(object, stored, clock).dead


def encode(
    owner: Owner, since: float, until: float, process: dict[str, Any] | None, past: tuple[str, ...] = ()
) -> bytes:
    """The content of a claim."""
    body: dict[str, Any] = {"workflow_id": owner.workflow_id, "run_id": owner.run_id}
    if owner.above:
        body["above"] = list(owner.above)
    body |= {"since": since, "until": until}
    if past:
        body["past"] = list(past)
    return json.dumps(body if process is None else body | {"process": process}).encode()


def ended(stored: Stored, now: float) -> bytes:
    """The content of a claim that is dead from ``now`` (epoch seconds) on."""
    found = _decode(stored)
    return encode(found.owner, found.since, min(now, found.until), None, found.past)


def parse(object: str, stored: Stored, clock: Callable[[], float] = time.time) -> Claim:
    """The claim in an object; ``clock`` gives epoch seconds."""
    name, _, ticket = object.rpartition(".")
    owner, since, until, process, past = _decode(stored)
    alive = processes.is_alive(process) if process else None
    where = f"process {process.get('pid')} on {process.get('host')}" if process else ""
    dead = alive is False or (alive is None and until <= clock())
    holder = Holder(owner.workflow_id, owner.run_id, since, until, where)
    return Claim(object, name, ticket, owner, holder, dead, past)


def owner_of(stored: Stored) -> Owner:
    """The owner of the claim in an object."""
    return _decode(stored).owner


class _Content(NamedTuple):
    owner: Owner
    since: float
    until: float
    process: dict[str, Any]
    past: tuple[str, ...] = ()


def _decode(stored: Stored) -> _Content:
    try:
        body = json.loads(stored.body)
        above = body.get("above") or ()
        past = body.get("past") or []
        if not (isinstance(above, list | tuple) and isinstance(past, list)):
            raise TypeError
        owner = Owner(str(body["workflow_id"]), str(body["run_id"]), tuple(map(str, above)))
        since, until = float(body["since"]), float(body["until"])
        if not (isfinite(since) and isfinite(until)):
            raise ValueError
        return _Content(owner, since, until, dict(body.get("process") or {}), tuple(map(str, past)))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return _Content(Owner("", ""), stored.modified, stored.modified + UNREADABLE_SECONDS, {})
