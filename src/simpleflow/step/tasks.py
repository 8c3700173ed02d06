"""The activities that read and write done marks. A mark is an object ``{path}/{step name}``.

Each takes the bucket string (see ``stores.open_store``) and the prefix of the marks, with or without a slash at its
end, and raises StoreError. All of them may be executed again.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simpleflow import activity, stores
from simpleflow.constants import DAY
from simpleflow.exceptions import InputError
from simpleflow.step import claims, input_files, listed_marks, mark, origins, rules, stale_marks
from simpleflow.step.marks_task import MarksTask, owner_of
from simpleflow.step.reading_tasks import ReadMarksTask, ReadStepsTask, content_of
from simpleflow.step.stale_marks import Forced


class GetStepsDoneTask(MarksTask):
    """List the names of the steps that are done, sorted.

    Args:
        owner: the run that claims the steps it runs, where others may run them too (see ``owner_of``). The result is
            then ``{"names": [...], "shared": ...}``; ``shared`` is true if each step has to be claimed before it runs.
        whole: claim all steps at once, now. Then ``shared`` is true only if other runs hold some of them.
        made_with: also read the marks. The result then has the key ``made_with``, see ``listed_marks.pack``.
        required: raise InputError if that is too long, instead of None.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        owner: Sequence[str] | None = None,
        whole: bool = False,
        made_with: bool = False,
        required: bool = False,
    ) -> None:
        super().__init__(bucket, path)
        self.owner = owner
        self.whole = whole
        self.made_with = made_with
        self.required = required

    def execute(self) -> list[str] | dict[str, Any]:
        if self.owner is None:
            found = self._found()
            return found | {"shared": False} if self.made_with else found["names"]
        owner = owner_of(self.owner)
        if not self.whole or self.claim(rules.EVERYTHING, owner, DAY) is not None:
            return self._found(removes_void=True) | {"shared": True}
        with self.given_up_on_failure(rules.EVERYTHING, owner):
            return self._found() | {"shared": False}

    def _found(self, removes_void: bool = False) -> dict[str, Any]:
        """The names of the done steps, and what their marks say if that is wanted.

        With ``removes_void``, the marks of runs that were killed before they looked at their claims again are left out
        and removed, as far as they are void.
        """
        bodies = self.store.contents(self.path) if self.made_with else {}
        names = [
            name for name in (bodies if self.made_with else self.store.names(self.path)) if not claims.is_claim(name)
        ]
        if removes_void and (void := stale_marks.void_marks(self.store, self.path, names)):
            self.store.delete(self.path, void)
            names = [name for name in names if name not in void]
        if not self.made_with:
            return {"names": names}
        marks = [bodies[name] for name in names]
        made_with = listed_marks.pack(marks, self.room(names), self.most(names))
        if made_with is None and self.required:
            raise InputError(
                f"{listed_marks.TOO_LONG}, so changed ones cannot run: set SIMPLEFLOW_JUMBO_FIELDS_BUCKET, or leave "
                "out --changed"
            )
        return {"names": names, "made_with": made_with}


class GetStepMarkTask(MarksTask):
    """Read the mark of a step. Returns ``{"fingerprint", "run_id", "kept", "result", "why", "made_with"}``, or None if
    there is no mark.

    ``kept`` is true if ``result`` is what the work returned. Otherwise ``why`` says why the mark holds no result.
    """

    def __init__(self, bucket: str, path: str, step_name: str) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name

    def execute(self) -> dict[str, Any] | None:
        body = self.store.get(self.path, self.step_name)
        return None if body is None else content_of(self.step_name, body)


class CompareOriginsTask(MarksTask):
    """Compare the marks of origins with those that steps were made with: ``{"versions": {...}, "stale": [...]}``.

    ``versions`` has the version of each origin, by key; ``stale`` the keys of those that the step has not seen. A step
    without a mark is not stale.

    Args:
        origins: for each key the marks of the origin, see ``origins.Marks``.
        children: the steps of children inside the step, see ``parts_in_children``. The result then has the key
            ``inside``: for those that are not done, or stale, ``[name, key of the origin]``, with the key "" where the
            mark is gone.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_name: str,
        origins: Mapping[str, origins.Marks],
        children: Sequence[Sequence[Any]] = (),
    ) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.origins = origins
        self.children = children
        self.open: Callable[[str], stores.Store] = stores.open_store  # a dry run sets another function

    @staticmethod
    def is_quick(bucket: str, *rest: Any) -> bool:
        origins = rest[2] if len(rest) > 2 else {}
        children = rest[3] if len(rest) > 3 else ()
        every = [*origins.values(), *(marks for group in children for of in group[2].values() for marks in of.values())]
        buckets = [bucket, *(group[0] for group in children), *(marks[0] for each in every for marks in each)]
        return all(map(stores.is_local, buckets))

    def execute(self) -> dict[str, Any]:
        versions, stale = self._compare(self.store, self.path, self.step_name, self.origins)
        if not self.children:
            return {"versions": versions, "stale": stale or []}
        inside = []
        for bucket, path, steps in self.children:
            store = self.open(bucket)
            for name, wanted in steps.items():
                found = self._compare(store, path, name, wanted)[1]
                inside += [[name, ""]] if found is None else [[name, key] for key in found]
        return {"versions": versions, "stale": stale or [], "inside": inside}

    def _compare(
        self, store: stores.Store, path: str, name: str, wanted: Mapping[str, Sequence[Sequence[Any]]]
    ) -> tuple[dict[str, str], list[str] | None]:
        """The versions of origins, and the keys of those that the step has not seen; None if it has no mark."""
        body = store.get(path, name)
        own = None if body is None else mark.read(name, body)
        versions: dict[str, str] = {}
        stale = []
        for key, every in wanted.items():
            found: dict[str, stores.base.Stored] = {}
            for bucket, place, names, *but in every:
                marked = origins.read_marks(self.open(bucket), place, names, name)
                found |= {f"{place}/{each}": stored for each, stored in marked.items() if not but or each not in but[0]}
            versions[key] = origins.version(found)
            marks = [mark.read(origin, *stored) for origin, stored in found.items()]
            if own is not None and origins.is_stale(own, key, versions[key], marks):
                stale.append(key)
        return versions, None if own is None else stale


class ClaimStepTask(MarksTask):
    """Claim a step before it runs, and remove its mark.

    Returns ``{}`` if the claim is granted. Returns ``{"held": run, "seconds": n}`` if another run holds the step, for
    that many seconds at most (None: as long as its process lives), and ``{"done": true, "made_with": ...}`` if the step
    need not run.

    Args:
        owner: see ``owner_of``.
        seconds: how long the claim holds where nothing tells whether the owner's process is alive.
        unless_done: do not claim a step that is marked as done by now.
        fingerprint: with ``unless_done``: the mark must bear this fingerprint; None: any mark counts.
        outputs: with ``unless_done``: these have to exist, see ``submittable.Step``.
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
        outputs: Sequence[str] = (),
    ) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.owner = owner_of(owner)
        self.seconds = seconds
        self.unless_done = unless_done
        self.fingerprint = fingerprint
        self.outputs = outputs

    @staticmethod
    def is_quick(bucket: str, *rest: Any) -> bool:
        return stores.is_local(bucket) and not (len(rest) > 6 and input_files.are_remote(rest[6]))

    def execute(self) -> dict[str, Any]:
        holder = self.claim(self.step_name, self.owner, self.seconds)
        if holder is not None:
            left = None if holder.where else max(0, math.ceil(holder.until - time.time()))
            return {"held": holder.text, "seconds": left}
        with self.given_up_on_failure(self.step_name, self.owner):
            done = self._done() if self.unless_done else None
            if done is not None:  # another run held the step before and has run it
                claims.release(self.store, self.path, [self.step_name], self.owner)
                return {"done": True} | ({} if done.made_with is None else {"made_with": done.made_with.to_json()})
            # The run may not know of this mark. A step that is going to run is not done until it has run.
            self.store.delete(self.path, [self.step_name])
        return {}

    def _done(self) -> mark.Mark | None:
        """The mark of the step; None if there is none that counts."""
        body = self.store.get(self.path, self.step_name)
        if body is None:
            return None
        found = mark.read(self.step_name, body)
        counts = self.fingerprint in (None, found.fingerprint) and not input_files.missing(self.outputs)
        return found if counts else None


class ReleaseStepTask(MarksTask):
    """Give up the claim on a step that will not be marked.

    Args:
        patterns: if the step has begun: names that it makes stale, with all names below them. Those that began before
            this are made stale again, see ``stale_marks``.
        but: names that it does not make stale, although a pattern covers them.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_name: str,
        owner: Sequence[str],
        patterns: Sequence[str] = (),
        but: Sequence[str] = (),
    ) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.owner = owner
        self.forced = Forced(tuple(patterns), tuple(but))

    def execute(self) -> None:
        owner = owner_of(self.owner)
        if self.forced.patterns:
            stale_marks.remove_after_work(self.store, self.path, self.forced, owner)
        claims.release(self.store, self.path, [self.step_name], owner)


class MarkStepDoneTask(MarksTask):
    """Mark a step as done, and give up the claim on it.

    Returns None; ``"stale"`` if the step was not marked since its work is stale; ``{"missing": [...], "folder": ...}``
    if it was not marked since outputs do not exist, with the working folder.

    Args:
        details: the content of the mark beyond its writer and time, see ``step.mark``.
        owner: the run that has claimed the step; None if it is not claimed. If the claim was revoked, or another run
            makes the step stale now, the work is stale, and the step is not marked.
        patterns: where other runs share the marks: names that the step has made stale, with all names below them. Those
            that began before its work had ended are made stale again, see ``stale_marks``.
        but: names that it does not make stale, although a pattern covers them.
        outputs: the files and objects that the work has to have made, see ``submittable.Step``.
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_name: str,
        details: Mapping[str, Any] = {},
        owner: Sequence[str] | None = None,
        patterns: Sequence[str] = (),
        but: Sequence[str] = (),
        outputs: Sequence[str] = (),
    ) -> None:
        super().__init__(bucket, path)
        self.step_name = step_name
        self.details = details
        self.owner = None if owner is None else owner_of(owner)
        self.forced = Forced(tuple(patterns), tuple(but))
        self.outputs = outputs

    @staticmethod
    def is_quick(bucket: str, *rest: Any) -> bool:
        return stores.is_local(bucket) and not (len(rest) > 6 and input_files.are_remote(rest[6]))

    def execute(self) -> str | dict[str, Any] | None:
        owner = self.owner
        missing = input_files.missing(self.outputs)
        unmade = {"missing": missing, "folder": os.getcwd()} if missing else None
        if owner is None:
            self._remove_stale(self._writer, claimed=False)
            if unmade is None:
                self._mark()
            return unmade
        if not claims.is_held(self.store, self.path, self.step_name, owner) and self._is_marked():
            return None  # an earlier try of this task wrote the mark, and its answer was lost
        self._remove_stale(owner)
        stands = claims.stands(self.store, self.path, self.step_name, owner)
        if stands and unmade is None:
            self._mark()
            # A run that revokes the claim removes the mark after that. A mark written in between is removed here.
            stands = claims.stands(self.store, self.path, self.step_name, owner)
        if not stands and self._is_marked():  # by this try, or by an earlier one that was killed before it looked again
            self.store.delete(self.path, [self.step_name])
        claims.release(self.store, self.path, [self.step_name], owner)
        return unmade if stands else "stale"

    @property
    def _writer(self) -> claims.Owner:
        context = self.context or {}
        return claims.Owner(str(context.get("workflow_id")), str(context.get("run_id")))

    def _remove_stale(self, owner: claims.Owner, claimed: bool = True) -> None:
        if self.forced.patterns:
            stale_marks.remove_after_work(self.store, self.path, self.forced, owner, claimed)

    def _body(self, time: float) -> bytes:
        details = dict(self.details)
        if self.owner is not None and (above := [self.owner.run_id, *self.owner.above]) != [self._writer.run_id]:
            details["owner"] = above
        return mark.encode(self.context or {}, time, details)

    def _mark(self) -> None:
        self.store.put(self.path, self.step_name, self._body(time.time()))

    def _is_marked(self) -> bool:
        return mark.are_alike(self.store.get(self.path, self.step_name), self._body(0))


class UnmarkStepsDoneTask(MarksTask):
    """Remove the marks of steps that are about to become stale, as far as there are any.

    Args:
        step_names: the marks that the run knows of.
        owner: the run that does this, where other runs share the marks. Then the marks that they have written since on
            names that ``patterns`` cover are removed too. Their claims on such names are revoked, so that their present
            work is not marked either.
        patterns: names that become stale, with all names below them.
        but: names that do not, although a pattern covers them.
        origin: the step that makes them stale, which ``owner`` has claimed: this is announced (see ``stale_marks``).
    """

    def __init__(
        self,
        bucket: str,
        path: str,
        step_names: Sequence[str],
        owner: Sequence[str] | None = None,
        patterns: Sequence[str] = (),
        but: Sequence[str] = (),
        origin: str | None = None,
    ) -> None:
        super().__init__(bucket, path)
        self.step_names = step_names
        self.owner = owner
        self.forced = Forced(tuple(patterns), tuple(but))
        self.origin = origin

    def execute(self) -> None:
        if self.owner is None or not self.forced.patterns:
            self.store.delete(self.path, self.step_names)
            return
        owner = owner_of(self.owner)
        if self.origin is not None:
            claims.announce(self.store, self.path, self.origin, owner, self.forced)
        stale_marks.remove_before_work(self.store, self.path, self.step_names, self.forced, owner)


TASKS = (
    GetStepsDoneTask,
    GetStepMarkTask,
    CompareOriginsTask,
    ClaimStepTask,
    ReleaseStepTask,
    MarkStepDoneTask,
    UnmarkStepsDoneTask,
    ReadStepsTask,
    ReadMarksTask,
)

for _task in TASKS:
    activity.with_attributes()(_task)
