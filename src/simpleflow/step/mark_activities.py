"""The activities with which a run reads and writes the marks of its steps, and claims the steps that it plays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from simpleflow import settings, stores
from simpleflow.activity import Activity
from simpleflow.base import Scope
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError
from simpleflow.futures import Promise, promise_of
from simpleflow.step import tasks
from simpleflow.step.constants import STEP_ACTIVITY_PARAMS_DEFAULT
from simpleflow.stores.base import clean
from simpleflow.task import ActivityTask

if TYPE_CHECKING:
    from simpleflow.step.workflow import WorkflowStepMixin

CLAIMS = RESERVED + "claims"
"""Key of an execution's input: in whose name it claims steps, and which runs are above that one."""


class Bookkeeping:
    """Makes these activities, to be submitted; which bucket, prefix and parameters is up to the workflow."""

    def __init__(self, workflow: WorkflowStepMixin) -> None:
        self._workflow = workflow
        self._activities: dict[tuple[type, bool | None], Activity] = {}
        self._listing: Promise | None = None
        self._owner: list[str] | None = None  # where steps are claimed one by one: in whose name
        self._place: tuple[str, str] | None = None

    @property
    def claims(self) -> bool:
        """Whether each step is to be claimed before it is played. Known once the marks have been listed."""
        return self._owner is not None

    def listing(self) -> Promise:
        """The future of the done marks' names, which are read once in a run."""
        if self._listing is None:
            # Runs that keep their marks in their own place have one workflow id, and there is one such run at a time:
            # it claims all steps at once, which costs nothing for each of them.
            exclusive = [self._claims_for(), self._is_own_place()] if self._is_exclusive() else []
            # By its place, not by its arguments: a setting that has changed since does not have it done again.
            listing = self._make(tasks.GetStepsDoneTask, *exclusive, idempotent=False)
            with self._workflow.executor.within(Scope("steps")):
                self._listing = promise_of(self._workflow.submit(listing))
            self._listing.when_done(lambda listing: self._listed(listing.result))
        return self._listing

    def _listed(self, found: Any) -> None:
        if isinstance(found, dict) and found["shared"]:
            self._owner = self._claims_for()
        self._workflow.steps.listed(self.names(found))

    @staticmethod
    def names(found: Any) -> list[str]:
        """The names in what the listing returned."""
        return list(found["names"] if isinstance(found, dict) else found or ())

    def get_steps_done(self) -> ActivityTask:
        """The activity that lists the names of the done steps."""
        return self._make(tasks.GetStepsDoneTask)

    # What comes after another play in the same run has to be done anew: the place, not the arguments, tells them apart.

    def get_mark(self, name: str) -> ActivityTask:
        """The activity that reads the mark of a step."""
        return self._make(tasks.GetStepMarkTask, name, idempotent=False)

    def claim(
        self, name: str, seconds: float = 0, unless_done: bool = False, fingerprint: str | None = None
    ) -> ActivityTask:
        """The activity that claims a step before it is played."""
        return self._make(tasks.ClaimStepTask, name, self._owner, seconds, unless_done, fingerprint, idempotent=False)

    def release(self, name: str) -> ActivityTask:
        """The activity that gives up the claim on a step."""
        return self._make(tasks.ReleaseStepTask, name, self._owner, idempotent=False, raises_on_failure=False)

    def mark(self, name: str, details: dict[str, Any] | None = None, claimed: bool = False) -> ActivityTask:
        """The activity that marks a step as done, and gives up the claim on it."""
        owner = self._owner if claimed else None
        return self._make(tasks.MarkStepDoneTask, name, details or {}, *_given(owner), idempotent=False)

    def unmark(self, names: list[str], patterns: list[str], but: Iterable[str]) -> ActivityTask:
        """The activity that takes marks back: ``names``, and what other runs do that ``patterns`` cover."""
        shared = [] if self._owner is None else [self._owner, patterns, sorted(but)]
        return self._make(tasks.UnmarkStepsDoneTask, names, *shared, idempotent=False)

    def _is_exclusive(self) -> bool:
        """Whether no other run may play a step of this prefix at the same time."""
        wanted = settings.SIMPLEFLOW_STEP_CLAIMS
        return stores.is_folder(self.place[0]) if wanted is None else wanted

    def _is_own_place(self) -> bool:
        """Whether the marks are where only this workflow id has its own, unless somebody says otherwise."""
        bucket, prefix = self.place
        own = f"{self._workflow.get_run_context().get('workflow_id')}/steps"
        return bucket == self._workflow.executor.default_bucket and clean(prefix) == own

    def _claims_for(self) -> list[str]:
        """In whose name it claims steps: workflow id and run id, and the run ids above that.

        What continues a run claims as that run does.
        """
        executor = self._workflow.executor
        context = self._workflow.get_run_context()
        given = executor.reserved.get(CLAIMS, {})
        own = [context["workflow_id"], context["run_id"]]
        owner, above = (given.get("owner", own), given.get("above", [])) if isinstance(given, dict) else ([], [])
        if not (_are_texts(owner) and _are_texts(above) and len(owner) == 2):
            raise InputError(f"{CLAIMS} of the input is {given!r}; expected an object with owner and above")
        executor.handed_down[CLAIMS] = {"above": [owner[1], *above]}
        executor.carried[CLAIMS] = {"owner": owner, "above": above}
        return [*owner, *above]

    def _make(self, task: type[Any], *args: Any, **overrides: Any) -> ActivityTask:
        key = (task, overrides.get("idempotent"))
        activity = self._activities.get(key)
        if activity is None:
            workflow = self._workflow
            params = {"task_list": workflow.task_list} | STEP_ACTIVITY_PARAMS_DEFAULT
            params |= workflow.get_step_activity_params()
            activity = self._activities[key] = Activity(task, **(params | overrides))
        return ActivityTask(activity, *self.place, *args)

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and prefix of the marks: asked for once, so that marks are written where they were looked for.

        Raises InputError for what cannot be one.
        """
        if self._place is None:
            bucket = self._workflow.get_step_bucket()
            if not isinstance(bucket, str) or not bucket:
                raise InputError(f"get_step_bucket() returned {bucket!r}; expected a bucket such as 'my-bucket'")
            prefix = self._workflow.get_step_path_prefix()
            if not isinstance(prefix, str):
                raise InputError(f"get_step_path_prefix() returned {prefix!r}; expected text")
            self._place = bucket, prefix
        return self._place


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _given(owner: list[str] | None) -> list[Any]:
    return [] if owner is None else [owner]
