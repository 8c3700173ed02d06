"""The activities with which a run reads and writes the marks of its steps, and claims the steps that it runs.

Theory of operation
-------------------
A verdict must be a function of the history. So a run never reads a mark directly: it submits an activity, and what the
activity returned is in the history.

Most of these activities are distinguished by the scope in which they are submitted, not by their arguments
(``idempotent=False``). The same step may be claimed, run and marked several times in one run, with the same arguments,
and each time must be a separate task. The scope depends on the step's name and on the number of the verdict alone
(``host.scope_label``), so that every evaluation finds the same task again.

The done names are listed once in a run, before its first verdict. The same activity decides how the run claims steps:

- Runs whose workflow id has the marks for itself claim all steps at once, with the listing. The claim costs nothing
  more, since there is one run of a workflow id at a time.
- Runs that share their marks with others, or find somebody there, claim each step before it runs (``claims`` is true).
- Runs that do not share marks (the setting SIMPLEFLOW_STEP_CLAIMS, or a bucket that is not a folder) claim nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simpleflow import settings, stores, values
from simpleflow.activity import Activity
from simpleflow.constants import NOTICE_MARKER, RESERVED, WORKER_STOPPED
from simpleflow.exceptions import InputError, TaskFailed, TimeoutError
from simpleflow.futures import Promise
from simpleflow.scopes import Scope
from simpleflow.step import changes, tasks
from simpleflow.step.constants import STEP_ACTIVITY_PARAMS_DEFAULT
from simpleflow.step.host import Host, submit
from simpleflow.step.listed_marks import TOO_LONG, ListedMarks
from simpleflow.step.marks_task import MarksTask
from simpleflow.step.projection import prefix_of
from simpleflow.step.reading_tasks import ReadMarksTask, ReadStepsTask, Wanted
from simpleflow.step.stale_marks import NOTHING, Forced
from simpleflow.stores.base import clean
from simpleflow.task import ActivityTask

CLAIMS = RESERVED + "claims"
"""Key of an execution's input: the owner of the claims that it takes, and the run ids above that owner."""


class MarkActivities:
    """Makes these activities. The workflow says which bucket, prefix and parameters they use.

    Args:
        on_listed: called once, with the names of the done steps.
        runs_changed: the run was asked to run the steps that have changed.

    Raises InputError if the workflow's ``step_changes`` is not valid.
    """

    def __init__(self, host: Host, on_listed: Callable[[list[str]], None], runs_changed: bool) -> None:
        self._host = host
        self._on_listed = on_listed
        wanted = host.step_changes if host.step_changes is not None else settings.SIMPLEFLOW_STEP_CHANGES
        if wanted is not None:
            changes.check_mode(wanted)
        self._wanted_changes = changes.RUN if runs_changed else wanted
        self.changes = self._wanted_changes or changes.TELL
        """The treatment of a done step that has changed: ``changes.TELL``, RUN or IGNORE."""
        self.listed = ListedMarks((), None)
        """The inputs that the done steps were made with, as their marks said when they were listed."""
        self._activities: dict[tuple[type, bool | None], Activity] = {}
        self._listing: Promise | None = None
        self._told_unclaimed = False
        self._owner: list[str] | None = None  # the owner of the claims, where each step is claimed before it runs
        self.claims = False
        """True if each step has to be claimed before it runs. Known once the marks have been listed."""
        self.is_listed = False
        """True once the marks have been listed."""
        self.in_history = False
        """True if the engine writes the marks with the markers of steps, see ``projection``: no activity is needed.
        Known once the marks have been listed."""

    @property
    def location(self) -> tuple[str, str]:
        """Bucket and prefix of the marks, see ``WorkflowStepMixin.marks_location``."""
        return self._host.marks_location

    # Listing

    def listing(self) -> Promise:
        """The promise of the listing, which is submitted once in a run."""
        if self._listing is None:
            exclusive: list[Any] = [self._claims_owner(), self._is_own_location()] if self._is_exclusive() else []
            if self.reads_all:
                exclusive = [*(exclusive or [None, False]), True, *([True] if self.changes == changes.RUN else [])]
            # Found again by its scope, not by its arguments: a setting that has changed since does not list again.
            listing = self._make(tasks.GetStepsDoneTask, *exclusive, idempotent=False)
            self._listing = submit(self._host, listing, Scope("steps"))
            self._listing.when_done(self._listed)
        return self._listing

    def _listed(self, listing: Promise) -> None:
        found = listing.result
        if isinstance(found, dict) and found["shared"]:
            self._owner, self.claims = self._claims_owner(), True
        else:
            self.in_history = self._is_own_location()
        names = self.names(found)
        made_with = found.get("made_with") if isinstance(found, dict) else None
        self.listed = ListedMarks(names, made_with)
        if made_with is None and isinstance(found, dict) and "made_with" in found and self.changes != changes.IGNORE:
            text = f"{TOO_LONG}, so nothing tells which have changed: set SIMPLEFLOW_JUMBO_FIELDS_BUCKET"
            self._host.executor.report(NOTICE_MARKER, {"text": text})
        self._on_listed(names)
        self.is_listed = listing.failure is None

    @staticmethod
    def names(found: Any) -> list[str]:
        """The names in the result of the listing."""
        return list(found["names"] if isinstance(found, dict) else found or ())

    @functools.cached_property
    def reads_all(self) -> bool:
        """True if marks are read when listed: always where that is cheap, else if changes of done steps count."""
        return self._wanted_changes not in (None, changes.IGNORE) or stores.is_local(self.location[0])

    def get_steps_done(self) -> ActivityTask:
        """The activity that lists the names of the done steps."""
        return self._make(tasks.GetStepsDoneTask)

    # Marks and claims of one step

    def get_mark(self, name: str) -> ActivityTask:
        """The activity that reads the mark of a step."""
        return self._make(tasks.GetStepMarkTask, name, idempotent=False)

    def read(self, wanted: Mapping[str, Wanted]) -> ActivityTask:
        """The activity that reads what the verdicts on several steps depend on, see ``readings``."""
        return self._make(ReadStepsTask, wanted, idempotent=False)

    def read_marks(self, names: Sequence[str], ahead: Sequence[str] = ()) -> ActivityTask:
        """The activity that reads the marks of several steps, see ``marks_ahead``."""
        return self._make(ReadMarksTask, names, ahead, idempotent=False)

    def compare_origins(self, name: str, origins: Mapping[str, Any], children: Sequence[Any] = ()) -> ActivityTask:
        """The activity that compares the marks of the origins of a step with those that the step was made with.

        ``children``: steps of children inside, which are compared with their own origins.
        """
        return self._make(tasks.CompareOriginsTask, name, origins, *([children] if children else []), idempotent=False)

    def claim(
        self,
        name: str,
        seconds: float = 0,
        unless_done: bool = False,
        fingerprint: str | None = None,
        outputs: Sequence[str] = (),
    ) -> ActivityTask:
        """The activity that claims a step before it runs."""
        args = [self._owner, seconds, unless_done, fingerprint, *([outputs] if outputs else [])]
        return self._make(tasks.ClaimStepTask, name, *args, idempotent=False)

    def release(self, name: str, forced: Forced = NOTHING) -> ActivityTask:
        """The activity that gives up the claim on a step; ``forced``: steps that it makes stale, if it has begun."""
        stale = [forced.patterns, forced.but] if forced.patterns else []
        return self._make(tasks.ReleaseStepTask, name, self._owner, *stale, idempotent=False, raises_on_failure=False)

    def mark(
        self,
        name: str,
        details: dict[str, Any] | None = None,
        claimed: bool = False,
        forced: Forced = NOTHING,
        outputs: Sequence[str] = (),
    ) -> ActivityTask:
        """The activity that marks a step as done, and gives up the claim on it if it is ``claimed``.

        Where other runs share the marks, it first makes stale what is ``forced`` and began before the work had ended.
        It does not mark a step without its ``outputs``.
        """
        owner = self._owner if claimed else None
        stale = [forced.patterns, forced.but] if forced.patterns and self._is_shared() else []
        args: list[Any] = [owner, *stale] if owner is not None or stale else []
        if outputs:
            args = [owner, *(stale or ((), ())), outputs]
        return self._make(tasks.MarkStepDoneTask, name, details or {}, *args, idempotent=False)

    def unmark(self, origin: str, names: list[str], forced: Forced) -> ActivityTask:
        """The activity that removes the marks of ``names`` before the work of ``origin``.

        Where other runs share the marks, it also removes those that they have written since on the ``forced`` names,
        and revokes their claims on such names.
        """
        shared = [] if self._owner is None else [self._owner, forced.patterns, forced.but]
        if shared and forced.patterns:
            shared.append(origin)
        return self._make(tasks.UnmarkStepsDoneTask, names, *shared, idempotent=False)

    # Owners

    def _is_exclusive(self) -> bool:
        """True if no other run may run a step of this prefix at the same time."""
        wanted = settings.SIMPLEFLOW_STEP_CLAIMS
        return stores.is_folder(self.location[0]) if wanted is None else wanted

    def _is_own_location(self) -> bool:
        """True if the marks are where runs of this workflow id alone keep theirs, by default."""
        return self.location[0] == self._host.executor.default_bucket and self._is_own_prefix()

    def _is_own_prefix(self) -> bool:
        own = prefix_of(str(self._host.get_run_context().get("workflow_id")))
        return clean(self.location[1]) == own

    def _is_shared(self) -> bool:
        """True if runs of other workflow ids may keep their marks at the same location."""
        return self._owner is not None or not self._is_own_prefix()

    def tell_unclaimed(self, step: str) -> None:
        """Tell once that marks may be shared without claims; ``step`` depends on others, or others on it, and begins.

        Nobody is told who has set SIMPLEFLOW_STEP_CLAIMS, or whose marks are in memory.
        """
        if self._told_unclaimed or settings.SIMPLEFLOW_STEP_CLAIMS is not None:
            return
        self._told_unclaimed = True
        bucket, path = self.location
        if not (self._is_own_prefix() or stores.is_local(bucket)):
            text = (
                f"other runs may use the marks below {path!r} in {stores.label(bucket)}, and no run claims its steps "
                f"there: if one of them runs at the same time, a step that depends on another one, such as {step!r}, "
                "may stay done with old data; SIMPLEFLOW_STEP_CLAIMS=yes prevents that, and =no says that runs never "
                "meet there"
            )
            self._host.executor.report(NOTICE_MARKER, {"text": text})

    def hand_down_claims(self) -> None:
        """Let children know that their claims are those of a part of this run."""
        if self._is_exclusive():
            self._claims_owner()

    def _claims_owner(self) -> list[str]:
        """The owner of the claims: workflow id and run id, then the run ids above that.

        A run that continues another one claims as that one does.
        """
        executor = self._host.executor
        context = self._host.get_run_context()
        given = executor.reserved.get(CLAIMS, {})
        own = [context["workflow_id"], context["run_id"]]
        owner, above = (given.get("owner", own), given.get("above", [])) if isinstance(given, dict) else ([], [])
        if not (_are_texts(owner) and _are_texts(above) and len(owner) == 2):
            raise InputError(f"{CLAIMS} of the input is {given!r}; expected an object with owner and above")
        executor.handed_down[CLAIMS] = {"above": [owner[1], *above]}
        executor.carried[CLAIMS] = {"owner": owner, "above": above}
        return [*owner, *above]

    def _outlasts(self, task: type[MarksTask]) -> bool:
        """True if the task is tried until the store works. A run that begins with a store that does not work fails."""
        begins = task is tasks.GetStepsDoneTask and self._host.get_run_context().get("parent_workflow_id") is None
        return not begins and settings.SIMPLEFLOW_STEP_RETRY_SECONDS > 0

    def _make(self, task: type[MarksTask], *args: Any, **overrides: Any) -> ActivityTask:
        key = (task, overrides.get("idempotent"))
        activity = self._activities.get(key)
        if activity is None:
            params = {"task_list": self._host.task_list} | STEP_ACTIVITY_PARAMS_DEFAULT | task.params
            own = self._host.get_step_activity_params()
            activity = self._activities[key] = Activity(task, **(params | own | overrides))
            activity.takes_retries = False
            activity.waits_for_ever = _WAITING.isdisjoint(own)
            if self._outlasts(task):
                activity.outlasts = _passes
        made = ActivityTask(activity, *self.location, *args)
        # Its id says which mark of which run of the step it is about. A setting that has changed since the run began
        # does not have it done again.
        made.accepts_any_record = True
        return made


def _passes(failure: BaseException) -> bool:
    """True if an activity about marks may succeed later: its store does not work, or its worker has died."""
    if isinstance(failure, TaskFailed):
        details = values.decode(failure.details)
        lasting = isinstance(details, dict) and details.get("lasting") is True
        return not lasting and (failure.reason or "").startswith(("StoreError:", "WorkerDied:", WORKER_STOPPED))
    return isinstance(failure, TimeoutError)


_WAITING = frozenset({"schedule_to_start_timeout", "schedule_to_close_timeout"})
"""The limits on waiting. Unless the workflow sets one, time in the queue fails no step."""


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
