"""Keeps marks true where runs that share them know different dependencies between steps.

Theory of operation
-------------------
A run of a step (the *origin*) makes its *dependents* stale. One workflow run knows that: the one that runs the origin.
Another workflow run may run a dependent and know nothing of the origin. The rule that both keep together: **a mark is
true if the work that it stands for began after the work of every origin had ended.** A store offers no transactions, so
the rule is kept by single writes and reads, as the exclusion of runs is (``claims``).

*The run of an origin*, which has claimed the origin, does this in order:

1. announce what it forces: the object ``.forcing/{path}/{origin}.{ticket}``, with the ticket of its claim;
2. revoke the claims on dependents, then remove their marks;
3. work;
4. do 2 again, except for what runs inside the work itself (its kin);
5. mark the origin, or leave it unmarked if the work failed; remove the announcement and the claim.

*The run of a dependent* claims it and works. It writes its mark, and then reads, in this order, whether somebody has
announced to force this step (the step is *barred*) and whether its claim is revoked. In both cases it removes its mark
again. It gives up its claim last.

**No stale mark.** Say an origin works at a time after the work of a dependent has begun. When the dependent checks:

- The announcement is not written yet. Then 2 comes later still, and removes the mark.
- The announcement is there. Then the dependent sees it.
- The announcement was removed. Then 4 has revoked the claim before that, and the dependent, which reads the revocations
  last, sees this. If the check is over before 4, then 4 removes the mark.

**Crashes.** A run can die at any point.

- The run of the origin dies between 1 and 5. The announcement stays, and the origin is not marked: the run that goes on
  or the next run works again. A dependent whose work had begun sees the announcement and is not marked. A dependent
  that is claimed after the death is not stale. So a claim remembers the announcements of dead runs that were there
  before it (``Claim.past``), and these do not count. A run that goes on announces again, with a new ticket.
- The run of a dependent dies between its mark and its check. The claim is still there then. So a mark counts only if no
  claim of its writer says that it is *void*: revoked or barred. A run that lists the marks removes void ones. So does a
  run that removes a dead claim, and the run of the dependent if it goes on.
- A dead claim is removed by another run that claims the same step, which may not know what the dead run forced. So it
  first revokes the claims that the announcement bars (``bury``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from simpleflow.named_tuple import NamedTuple
from simpleflow.step import claim_objects as objects
from simpleflow.step import mark, rules
from simpleflow.step.claim_objects import FORCING, Claim, Owner
from simpleflow.step.mark import Mark
from simpleflow.stores.base import Store, Stored


class Forced(NamedTuple):
    """The names that a run of a step makes stale."""

    patterns: tuple[str, ...] = ()
    but: tuple[str, ...] = ()  # names that it does not make stale, although a pattern covers them

    def covers(self, name: str) -> bool:
        """True if this step becomes stale."""
        covered = name not in self.but and any(rules.covers(pattern, name) for pattern in self.patterns)
        return covered and name != rules.EVERYTHING and not objects.is_claim(name)


NOTHING = Forced()
"""A step that makes nothing stale."""


class _Announced(NamedTuple):
    """The steps that a run with a claim on an origin forces."""

    object: str  # the name of the claim's object, too
    owner: Owner
    forced: Forced


def announce(store: Store, path: str, claimed: Iterable[str], owner: Owner, forced: Forced) -> None:
    """Say that the owner of these claims (objects, on one step) is about to make steps stale. Raises StoreError."""
    body = {"workflow_id": owner.workflow_id, "run_id": owner.run_id, "above": list(owner.above)}
    text = json.dumps(body | {"forces": list(forced.patterns), "but": list(forced.but)})
    for each in claimed:
        store.create(objects.prefix(path, FORCING), each, text.encode())


def dead_announcements(store: Store, path: str, name: str, clock: Callable[[], float]) -> tuple[str, ...]:
    """The announcements that cover the step ``name`` and whose runs are dead. Raises StoreError."""
    found = [each.object for each in _announced(store, path) if each.forced.covers(name)]
    claims = store.read(objects.prefix(path), found) if found else {}
    return tuple(each for each in found if each not in claims or objects.parse(each, claims[each], clock).dead)


def is_void(store: Store, path: str, claims: Iterable[Claim]) -> bool:
    """True if one of these claims (of one run, on one step) is barred or revoked: the step must not be marked.

    Raises StoreError.
    """
    claims = list(claims)
    # In this order: see "No stale mark".
    announced = _announced(store, path) if claims else []
    return any(_is_barred(each, announced) for each in claims) or objects.are_revoked(
        store, path, [each.object for each in claims]
    )


def revoke(store: Store, path: str, is_wanted: Callable[[str], bool], owner: Owner) -> None:
    """Revoke the claims of other runs, except kin, on the names for which ``is_wanted`` is true. Raises StoreError.

    The work of these runs there is stale from now on, and ``claims.stands`` tells them so. Until they have ended no
    other run can claim the steps.
    """
    revoked: set[str] = set()
    while True:
        found = objects.read_all(store, path, is_wanted)
        others = [each for each, stored in found.items() if not owner.is_kin(objects.owner_of(stored))]
        new = [each for each in others if each not in revoked]
        if not new:
            return
        objects.revoke(store, path, new)
        revoked.update(new)


def remove_before_work(store: Store, path: str, names: Iterable[str], forced: Forced, owner: Owner) -> None:
    """Before the work of an origin: revoke the claims on its dependents; remove their marks, and those of ``names``.

    Raises StoreError.
    """
    revoke(store, path, forced.covers, owner)
    store.delete(path, [*names, *filter(forced.covers, store.names(path))])


def remove_after_work(store: Store, path: str, forced: Forced, owner: Owner, claimed: bool = True) -> None:
    """After the work of an origin, before its mark: the same for dependents that began meanwhile. Raises StoreError.

    Marks that the owner or its kin wrote stay, for those steps ran inside the work; so do marks written by hand.
    ``claimed`` is False if runs do not claim steps there.
    """
    if claimed:
        revoke(store, path, forced.covers, owner)
    names = [name for name in store.names(path) if forced.covers(name)]
    found = _marks(store, path, names)
    stale = [name for name, each in found.items() if not (each.by_hand or owner.is_kin(_writer(each)))]
    if stale:
        store.delete(path, stale)


def void_marks(store: Store, path: str, names: Iterable[str]) -> list[str]:
    """Those of the marked names whose marks are void: these steps are not done. Raises StoreError."""
    return _void(store, path, _claims(store, path, frozenset(names).__contains__))


def bury(store: Store, path: str, dead: Sequence[Claim]) -> None:
    """Delete the void marks and revoke the barred claims, before dead claims are removed. Raises StoreError."""
    if void := _void(store, path, dead):
        store.delete(path, void)
    removed = {each.object for each in dead}
    for announced in _announced(store, path):
        if announced.object in removed:
            claims = _claims(store, path, announced.forced.covers)
            barred = [each.object for each in claims if each.object not in removed and _is_barred(each, [announced])]
            objects.revoke(store, path, barred)


def is_by(found: Mark, owner: Owner) -> bool:
    """True if the run that is the owner of claims wrote this mark."""
    return bool(owner.run_id) and _writer(found).run_id == owner.run_id


def _void(store: Store, path: str, claims: Sequence[Claim]) -> list[str]:
    """The names of those of the claimed steps whose marks were written under one of these claims, and are void."""
    marks = _marks(store, path, {each.name for each in claims}) if claims else {}
    written = [each for each in claims if each.name in marks and is_by(marks[each.name], each.owner)]
    return sorted({each.name for each in written if is_void(store, path, [each])})


def _is_barred(claim: Claim, announced: Iterable[_Announced]) -> bool:
    return any(
        each.forced.covers(claim.name) and each.object not in claim.past and not each.owner.is_kin(claim.owner)
        for each in announced
    )


def _claims(store: Store, path: str, is_wanted: Callable[[str], bool]) -> list[Claim]:
    found = objects.read_all(store, path, is_wanted)
    return [objects.parse(each, stored) for each, stored in found.items()]


def _announced(store: Store, path: str) -> list[_Announced]:
    names = store.names(objects.prefix(path, FORCING))
    found = store.read(objects.prefix(path, FORCING), names) if names else {}
    return [_decode(each, stored) for each, stored in found.items()]


def _decode(object: str, stored: Stored) -> _Announced:
    try:
        body = json.loads(stored.body)
        owner = Owner(str(body["workflow_id"]), str(body["run_id"]), _texts(body.get("above")))
        return _Announced(object, owner, Forced(_texts(body.get("forces")), _texts(body.get("but"))))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return _Announced(object, Owner("", ""), Forced())  # somebody else put it there


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _marks(store: Store, path: str, names: Collection[str]) -> Mapping[str, Mark]:
    found = store.read(path, sorted(names)) if names else {}
    return {name: mark.read(name, stored.body) for name, stored in found.items()}


def _writer(found: Mark) -> Owner:
    """The owner of the claim under which the mark was written."""
    run_id, *above = found.owner or (found.run_id or "",)
    return Owner(found.workflow_id or "", run_id, tuple(above))
