"""The activities that read and write done marks. A mark is an object ``{path}/{step name}``.

Each takes the bucket string (see ``stores.open_store``) and the prefix of the marks, with or without a slash at its
end, and raises StoreError. All may be done again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from simpleflow import activity, stores
from simpleflow.constants import DAY
from simpleflow.step import claims, mark, rules

_LAST_SECOND = 253_402_300_799  # of the year 9999: a claim may say anything


class _MarksTask:
    """An activity about the marks below ``path`` in ``bucket``."""

    context: dict[str, Any] | None = None
    """What the worker says of the execution that the task belongs to."""

    def __init__(self, bucket: str, path: str) -> None:
        self.bucket = bucket
        self.path = path
        self._store: stores.Store | None = None

    @staticmethod
    def is_quick(bucket: str, *_: Any) -> bool:
        """Marks in a folder or in memory take but a moment, and may be written again: do it here and now."""
        return stores.is_local(bucket)

    @property
    def store(self) -> stores.Store:
        """Where the marks are; a dry run sets another store."""
        return self._store if self._store is not None else stores.open_store(self.bucket)

    @store.setter
    def store(self, store: stores.Store) -> None:
        self._store = store

    def claim(self, name: str, owner: claims.Owner, seconds: float) -> claims.Holder | None:
        """Claim a step, or ``*``; returns who else has it."""
        # The embedded engine does this in the process that drives the execution: while that lives, so does the claim.
        embedded = (self.context or {}).get("domain_name") is None
        local = embedded and stores.is_local(self.bucket)
        return claims.claim(self.store, self.path, name, owner, seconds, local)

    @contextmanager
    def given_up_on_failure(self, name: str, owner: claims.Owner) -> Iterator[None]:
        """Whoever claims and then fails tells nobody that there is a claim."""
        try:
            yield
        except BaseException:
            claims.release(self.store, self.path, [name], owner)
            raise


class GetStepsDoneTask(_MarksTask):
    """The names of the steps that are done, sorted.

    Args:
        owner: who is going to play steps where others may, too (see ``owner_of``). The result is then
            ``{"names": [...], "shared": ...}``: whether each step is to be claimed before it is played.
        whole: claim all of them at once, now; ``shared`` is true only if others have some of them.
    """

    def __init__(self, bucket: str, path: str, owner: Sequence[str] | None = None, whole: bool = False) -> None:
        super().__init__(bucket, path)
        self.owner = owner
        self.whole = whole

    def execute(self) -> list[str] | dict[str, Any]:
        if self.owner is None:
            return self._names()
        owner = owner_of(self.owner)
        if not self.whole or self.claim(rules.EVERYTHING, owner, DAY) is not None:
            return {"names": self._names(), "shared": True}
        with self.given_up_on_failure(rules.EVERYTHING, owner):
            return {"names": self._names(), "shared": False}

    def _names(self) -> list[str]:
        return [name for name in self.store.names(self.path) if not claims.is_claim(name)]


class GetStepMarkTask(_MarksTask):
    """What the mark of a step says: ``{"fingerprint", "run_id", "kept", "result", "why"}``; None if there is no mark.

    ``why``: why there is no ``result``, where ``kept`` is false.
    """

    def __init__(self, bucket: str, path: str, step_name: str) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name

    def execute(self) -> dict[str, Any] | None:
        body = self.store.get(self.path, self.step_name)
        if body is None:
            return None
        found = mark.read(self.step_name, body)
        why = found.problem or found.not_kept or ("it was marked by hand" if found.by_hand else None)
        return {
            "fingerprint": found.fingerprint,
            "run_id": found.run_id,
            "kept": found.kept,
            "result": found.result,
            "why": None if found.kept else why,
        }


class ClaimStepTask(_MarksTask):
    """Claim a step before it is played, and take back its mark; ``{}`` if that is done.

    Else ``{"held": who, "seconds": at most}`` if another run has it, ``{"done": true}`` if it need not be played.

    Args:
        owner: see ``owner_of``.
        seconds: how long at most, where nobody can tell whether the owner lives.
        unless_done: not if it has been marked as done by now, with this ``fingerprint`` unless that is None.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_name: str,
        owner: Sequence[str],
        seconds: float,
        unless_done: bool = False,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.owner = owner_of(owner)
        self.seconds = seconds
        self.unless_done = unless_done
        self.fingerprint = fingerprint

    def execute(self) -> dict[str, Any]:
        holder = self.claim(self.step_name, self.owner, self.seconds)
        if holder is not None:
            left = None if holder.where else max(0, math.ceil(holder.until - time.time()))
            return {"held": told(holder), "seconds": left}
        with self.given_up_on_failure(self.step_name, self.owner):
            if self.unless_done and self._is_done():  # whoever had it before has played it
                claims.release(self.store, self.path, [self.step_name], self.owner)
                return {"done": True}
            # It may be one that the run does not know of: what is going to be played is not done until it has been.
            self.store.delete(self.path, [self.step_name])
        return {}

    def _is_done(self) -> bool:
        body = self.store.get(self.path, self.step_name)
        if body is None or self.fingerprint is None:
            return body is not None
        return mark.read(self.step_name, body).fingerprint == self.fingerprint


class ReleaseStepTask(_MarksTask):
    """Give up the claim on a step that is not going to be marked."""

    def __init__(self, bucket: str, path: str, step_name: str, owner: Sequence[str]) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.owner = owner

    def execute(self) -> None:
        claims.release(self.store, self.path, [self.step_name], owner_of(self.owner))


class MarkStepDoneTask(_MarksTask):
    """Mark a step as done, and give up the claim on it; returns None, or ``"stale"`` if it was not marked.

    Args:
        details: what the mark says beyond who wrote it and when, see ``step.mark``.
        owner: who has claimed the step, if somebody has. If the claim was revoked, what was done is stale by now, and
            it is not marked.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_name: str,
        details: Mapping[str, Any] = {},
        owner: Sequence[str] | None = None,
    ) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.details = details
        self.owner = owner

    def execute(self) -> str | None:
        if self.owner is None:
            self._mark()
            return None
        owner = owner_of(self.owner)
        stands = claims.stands(self.store, self.path, self.step_name, owner)
        if not stands and self._is_marked():
            return None  # by an earlier try, whose answer was lost
        if stands:
            self._mark()
            # Whoever revokes the claim removes the mark after that: one that was written in between is ours to remove.
            stands = claims.stands(self.store, self.path, self.step_name, owner)
            if not stands:
                self.store.delete(self.path, [self.step_name])
        claims.release(self.store, self.path, [self.step_name], owner)
        return None if stands else "stale"

    def _mark(self) -> None:
        body = mark.encode(self.context or {}, time.time(), self.details)
        self.store.put(self.path, self.step_name, body)

    def _is_marked(self) -> bool:
        body = mark.encode(self.context or {}, 0, self.details)
        return mark.are_alike(self.store.get(self.path, self.step_name), body)


class UnmarkStepsDoneTask(_MarksTask):
    """Take back the marks of steps that are about to become stale; those that are not there are fine.

    Args:
        step_names: the marks that the run knows of.
        owner: where other runs share the marks, in whose name this is done. Then marks that they have written since are
            taken back too, where one of ``patterns`` covers them, and their claims on such steps, so that what they
            are doing there is not marked either.
        patterns: what is about to become stale.
        but: names that are not, though a pattern covers them.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_names: Sequence[str],
        owner: Sequence[str] | None = None,
        patterns: Sequence[str] = (),
        but: Sequence[str] = (),
    ) -> None:
        super().__init__(bucket, path)
        self.step_names = step_names
        self.owner = owner
        self.patterns = patterns
        self.but = but

    def execute(self) -> None:
        names = list(self.step_names)
        if self.owner is not None and self.patterns:
            claims.revoke(self.store, self.path, self._is_stale, owner_of(self.owner))
            names += filter(self._is_stale, self.store.names(self.path))
        self.store.delete(self.path, names)

    def _is_stale(self, name: str) -> bool:
        stale = name not in self.but and any(rules.covers(pattern, name) for pattern in self.patterns)
        return stale and not claims.is_claim(name)


def owner_of(given: Sequence[str]) -> claims.Owner:
    """Who claims, as activities are told: workflow id, run id, and the run ids above it."""
    workflow_id, run_id, *above = given
    return claims.Owner(workflow_id, run_id, tuple(above))


def told(holder: claims.Holder) -> str:
    """Who holds a claim, in words: with its process, or, where that is not known, with the time at which it is void."""
    until = time.gmtime(min(max(holder.until, 0), _LAST_SECOND))
    where = holder.where or f"until {time.strftime('%Y-%m-%d %H:%M:%S', until)} UTC at the latest"
    return f"workflow {holder.workflow_id or 'unknown'}, run {holder.run_id or 'unknown'} ({where})"


TASKS = (GetStepsDoneTask, GetStepMarkTask, ClaimStepTask, ReleaseStepTask, MarkStepDoneTask, UnmarkStepsDoneTask)

for _task in TASKS:
    activity.with_attributes()(_task)
