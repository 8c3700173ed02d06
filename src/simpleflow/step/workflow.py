"""``WorkflowStepMixin``: a mixin for workflows with steps.

The modules of steps are imported with the first step, since many workflows with this base submit none, and the command
line imports the class for each workflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simpleflow import stores
from simpleflow.constants import existing_names
from simpleflow.exceptions import InputError
from simpleflow.step import rules
from simpleflow.step.projection import prefix_of

if TYPE_CHECKING:
    from simpleflow.base import Executor
    from simpleflow.futures import Future
    from simpleflow.scopes import Child, Scope
    from simpleflow.step.ledger import Ledger
    from simpleflow.step.mark_activities import MarkActivities
    from simpleflow.step.patterns import Patterns
    from simpleflow.step.scheduler import Scheduler
    from simpleflow.step.shortcut import Shortcut
    from simpleflow.step.submittable import Step
    from simpleflow.task import ActivityTask, MarkerTask, SignalTask

_MANY = 50
"""Done steps from which on they may be what fills a history."""


class WorkflowStepMixin:
    """Methods for workflows with steps: ``class W(Workflow, WorkflowStepMixin)``."""

    if TYPE_CHECKING:  # members of the workflow that this class is mixed into
        task_list: str | None

        @property
        def executor(self) -> Executor: ...
        def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future: ...
        def get_run_context(self) -> dict[str, Any]: ...
        def record_marker(self, name: str, details: Any = None) -> MarkerTask: ...
        def signal(
            self,
            name: str,
            *args: Any,
            workflow_id: str | None = None,
            run_id: str | None = None,
            propagate: bool = True,
            **kwargs: Any,
        ) -> SignalTask: ...

    step_changes: str | None = None
    """The treatment of a done step whose arguments, code or file have changed: ``"tell"`` skips it and says so,
    ``"run"`` runs it, ``"ignore"`` skips it. None: the setting SIMPLEFLOW_STEP_CHANGES."""

    # What users call

    def step(self, *args: Any, **kwargs: Any) -> Step:
        """Make a Step, to be submitted; takes the arguments of ``Step``."""
        return self._step_class(*args, **kwargs)

    def add_forced_steps(self, steps: str | Iterable[str], reason: str | None = None) -> None:
        """Run these steps, and all below them, even if they are done. Affects steps that are submitted after this.

        ``steps`` is a name, ``*``, or a list of them; ``reason`` is recorded in the history. Raises InputError.
        """
        self._add(self.step_ledger.forced, steps, reason, "forced steps")

    def add_skipped_steps(self, steps: str | Iterable[str], reason: str | None = None) -> None:
        """Skip these steps, and all below them, unless they are forced. Arguments as for ``add_forced_steps``."""
        self._add(self.step_ledger.skipped, steps, reason, "skipped steps")

    def get_forced_steps(self) -> list[str]:
        """The names added so far by ``add_forced_steps`` or by steps that ran."""
        return list(self.step_ledger.forced)

    def get_skipped_steps(self) -> list[str]:
        """The names added so far by ``add_skipped_steps``."""
        return list(self.step_ledger.skipped)

    @property
    def steps_forced_reasons(self) -> dict[str, set[str]]:
        """The reasons given for each forced name."""
        return self.step_ledger.forced.reasons()

    @property
    def steps_skipped_reasons(self) -> dict[str, set[str]]:
        """The reasons given for each skipped name."""
        return self.step_ledger.skipped.reasons()

    def get_steps_done_activity(self) -> ActivityTask:
        """The activity that lists the names of the done steps, to be submitted."""
        return self.mark_activities.get_steps_done()

    def get_steps_done(self) -> list[str]:
        """The names of the steps that were done when this run read the marks, and of those it has completed. Waits."""
        self.mark_activities.listing().future.wait()
        return list(self.step_scheduler.ledger.known)

    # What users may override

    def get_step_bucket(self) -> str:
        """The bucket of the done marks, see ``stores.open_store``.

        Default: the bucket that STEP_BUCKET and SIMPLEFLOW_S3_HOST name, if one of the two is set; else the engine's
        own store.
        """
        return stores.configured_bucket() or self.executor.default_bucket or stores.default_bucket()

    def get_step_path_prefix(self) -> str:
        """Prefix of the keys of done marks. Default: ``{workflow_id}/steps``."""
        return prefix_of(self.get_run_context().get("workflow_id") or "default")

    def get_step_activity_params(self) -> dict[str, Any]:
        """Parameters of the activities that read and write done marks, as for ``activity.with_attributes``."""
        return {}

    # What the decider calls

    def may_continue_as_new(self, history: Any) -> bool:
        """True if an execution started now with the same arguments would go on where this one stands.

        That needs two things: no step is running, and a step is done that was not done at first. Without such
        progress, executions would continue each other for ever. Called when the history nears its limit and nothing
        is under way. If this execution continues another one, and less than a tenth of its history is progress, it
        fails instead: those after it would do no better.
        """
        if not self.step_ledger.has_progressed or self.step_ledger.is_running:
            return False
        from simpleflow.step.progress import LEAST_PROGRESS, share_of_progress

        continues = history.started.continued_execution_run_id is not None
        if continues and share_of_progress(history.events) < LEAST_PROGRESS:
            count, new = len(history.events), self.step_ledger.count_new()
            text = f"it continues another execution, and too few of its {count} events are progress ({new} new steps)"
            self.executor.fail(text, self.advice_when_full)
        return True

    @property
    def advice_when_full(self) -> str | None:
        """The advice if the history is full because many steps are done; None if it is full of other events."""
        done = len(self.step_ledger.done_at_first)
        if done < _MANY:
            return None
        return (
            f"{done} steps are done, and to skip them again takes many events: put parts of the steps into child "
            "workflows, which have histories of their own; if they keep results or have fingerprints, "
            "SIMPLEFLOW_JUMBO_FIELDS_BUCKET lets more marks be read at once"
        )

    def parts_failed(self) -> dict[str, bool]:
        """The steps outside of other steps, by name: True for one that failed. Steps that may fail are left out."""
        if "step_ledger" not in vars(self):  # no step was submitted
            return {}
        return self.step_ledger.parts.steps_failed()

    def parts_inside(self, children: Iterable[Child]) -> list[Any]:
        """The steps here and in these children that depend on steps above, see ``parts_in_children``."""
        runs = [run for run in self.step_ledger.parts.that_count() if run.problem is None]
        return self.step_scheduler.handed_up.groups(runs, children)

    def hands_down(self) -> Mapping[str, Any]:
        """The reserved values for the input of a child that is submitted now. It may be submitted before any step."""
        return self.step_scheduler.handed_down()

    def child_reached(self, names: Iterable[str], scope: Scope, stopped: bool) -> None:
        """A child in ``scope`` has reached steps that the run was to reach; ``stopped``: it has stopped for that."""
        self.step_scheduler.until.child_reached(names, scope, stopped)

    # The machinery of steps

    @cached_property
    def _step_class(self) -> type[Step]:
        from simpleflow.step.submittable import Step

        return Step

    @cached_property
    def marks_location(self) -> tuple[str, str]:
        """Bucket and prefix of the marks. The methods above are called once: marks are written where they were read.

        Raises InputError for values that are no bucket or prefix.
        """
        bucket = self.get_step_bucket()
        if not isinstance(bucket, str) or not bucket:
            raise InputError(f"get_step_bucket() returned {bucket!r}; expected a bucket such as 'my-bucket'")
        prefix = self.get_step_path_prefix()
        if not isinstance(prefix, str):
            raise InputError(f"get_step_path_prefix() returned {prefix!r}; expected text")
        return stores.absolute(bucket), prefix

    @cached_property
    def step_ledger(self) -> Ledger:
        """The ledger of the steps in this evaluation."""
        from simpleflow.step.ledger import Ledger

        return Ledger(self.executor)

    @cached_property
    def mark_activities(self) -> MarkActivities:
        """The activities that read and write the marks of its steps."""
        from simpleflow.step.mark_activities import MarkActivities

        return MarkActivities(self, self.step_ledger.start, self.step_ledger.runs_changed)

    @cached_property
    def step_scheduler(self) -> Scheduler:
        """Takes the verdicts on its steps."""
        from simpleflow.step.scheduler import Scheduler

        return Scheduler(self, self.step_ledger, self.mark_activities)

    @cached_property
    def step_shortcut(self) -> Shortcut:
        """Skips steps that nothing has a bearing on."""
        from simpleflow.step.shortcut import Shortcut

        return Shortcut(self, self.step_scheduler)

    def _add(self, patterns: Patterns, names: Any, reason: Any, what: str) -> None:
        if reason is not None and not isinstance(reason, str):
            raise InputError(f"the reason of {what} is {reason!r}; expected text or None")
        for name in rules.check_names(names, what):
            patterns.add(name, reason)


__getattr__ = existing_names(__name__)
