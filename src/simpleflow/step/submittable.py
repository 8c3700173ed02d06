"""``Step``: a named part of a workflow that runs once and is skipped next time; and the future of a submitted one."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from simpleflow import canvas, retries
from simpleflow.activity import Activity
from simpleflow.base import Call, Executor, Submittable, SubmittableContainer
from simpleflow.call_task import results
from simpleflow.checks import check_flag
from simpleflow.exceptions import InputError
from simpleflow.futures import FINISHED, RUNNING, Future
from simpleflow.step import fingerprints, mark, rules
from simpleflow.step.host import Definition
from simpleflow.step.life import Life
from simpleflow.step.run_record import StepRun
from simpleflow.step.scheduler import Scheduler
from simpleflow.stores import keys
from simpleflow.submittables import as_submittable, scoped

_NOT_GIVEN: Any = type("NotGiven", (), {"__repr__": lambda self: "NOT_GIVEN"})()  # None is a valid fingerprint

_GIVEN = attrgetter(
    "force", "emit_signal", "keep_result", "fingerprint", "ready_made", "activities_if_step_already_done", "outputs",
    "after",
)  # fmt: skip
_NOTHING_GIVEN: tuple[Any, ...] = (False, False, False, None, None, None, [], [])
_NO_FUTURES = frozenset({Activity, str, int, float, bool, type(None)})
_NONE: frozenset[StepRun] = frozenset()
_SURELY_SHORT = rules.MAX_KEY_BYTES // 16  # characters of prefix and name: the key's quoting takes 12 bytes for each


class Step(SubmittableContainer):
    """Named work. It runs if it is not done, and is marked as done then.

    Args:
        step_name: dotted name, see ``rules.check_name``.
        activities: the work: anything that a group may hold.
        force: run the step even if it is done.
        activities_if_step_already_done: the work to do when the step is skipped, or None.
        emit_signal: send the signal ``step.{step_name}`` to this workflow after the step ran or was skipped.
        force_steps_if_executed: names of the steps that are forced from now on if this one runs.
        bubbles_exception_on_failure: the step's future has an exception if its work failed.
        keep_result: store what the work returned in the mark. The future of a later run that skips the step has it as
            its ``value``.
        fingerprint: a JSON value for what the work depends on. The step is done only if its mark bears the same value.
            ARGUMENTS, CODE and files(...) may stand for it, or in a list of values.
        after: names of the steps that this one depends on: if one of them runs, this one is forced. The same as
            ``force_steps_if_executed`` of these steps.
        optional: the step may fail: then the steps around it do not fail.
        outputs: files (paths) or objects (``s3://bucket/key``) that the work makes. The step is done only while all of
            them exist.
        retry, retry_delay, retry_backoff, retry_max_delay, retry_jitter, retry_on: how activities and child workflows
            of the work are tried again, if they set no retries themselves; see ``activity.with_attributes``.

    Raises InputError for an invalid name, NotSubmittable for work that cannot be submitted, NotEncodable for a
    fingerprint that is not JSON.
    """

    def __init__(
        self,
        step_name: str,
        activities: Any,
        force: bool = False,
        activities_if_step_already_done: Any = None,
        emit_signal: bool = False,
        force_steps_if_executed: str | Iterable[str] | None = None,
        bubbles_exception_on_failure: bool = False,
        *,
        keep_result: bool = False,
        fingerprint: Any = _NOT_GIVEN,
        after: str | Iterable[str] | None = None,
        optional: bool = False,
        outputs: fingerprints.Outputs = None,
        retry: int = 0,
        retry_delay: float = 0,
        retry_backoff: float = 1,
        retry_max_delay: float | None = None,
        retry_jitter: float = 0,
        retry_on: retries.Kinds = None,
    ) -> None:
        self.step_name = rules.check_name(step_name)
        if step_name == rules.EVERYTHING:
            raise InputError("step name '*' means every step; expected text such as 'load' or 'load.users'")
        self.activities = activities
        if _is_one_activity(activities):
            if not _NO_FUTURES.issuperset(map(type, activities)):
                results(activities)  # waits for the futures among the arguments, as making the task does
        else:
            self.work()
        self.force = force
        self.activities_if_step_already_done = activities_if_step_already_done
        self.emit_signal = emit_signal
        self.force_steps_if_executed: list[str] = []
        self.bubbles_exception_on_failure = bubbles_exception_on_failure
        self.keep_result = keep_result
        self.fingerprint: str | None = None
        self.ready_made: fingerprints.Fingerprint | None = None
        self.after: list[str] = []
        self.optional = optional
        self.outputs: list[str] = []
        self.retries = retries.NONE
        tries = (retry, retry_delay, retry_backoff, retry_max_delay, retry_jitter, retry_on)
        if not (
            force is emit_signal is bubbles_exception_on_failure is keep_result is optional is False
            and activities_if_step_already_done is force_steps_if_executed is after is outputs is None
            and fingerprint is _NOT_GIVEN
            and type(retry) is int
            and tries == retries.NONE
        ):
            self._take(force_steps_if_executed, after, outputs, fingerprint, tries)

    def _take(
        self,
        force_steps_if_executed: str | Iterable[str] | None,
        after: str | Iterable[str] | None,
        outputs: fingerprints.Outputs,
        fingerprint: Any,
        tries: tuple[Any, ...],
    ) -> None:
        """Check the arguments beside name and work, and keep them."""
        name = self.step_name
        if self.activities_if_step_already_done is not None:
            self.alternative()
        if force_steps_if_executed is not None:
            label = f"force_steps_if_executed of step {name!r}"
            self.force_steps_if_executed = rules.check_names(force_steps_if_executed, label)
        if after is not None:
            self.after = rules.check_names(after, f"after of step {name!r}")
        for flag in ("force", "emit_signal", "bubbles_exception_on_failure", "keep_result", "optional"):
            check_flag(getattr(self, flag), f"{flag} of step {name!r}")
        if name in self.after:
            raise InputError(f"step {name!r} comes after itself; expected names of other steps")
        if outputs is not None:
            self.outputs = fingerprints.check_outputs(outputs, f"outputs of step {name!r}")
        if not (type(tries[0]) is int and tries == retries.NONE):
            self.retries = retries.check(f"step {name!r}", *tries)
        if fingerprint is not _NOT_GIVEN:
            label = f"fingerprint of step {name!r}"
            self.ready_made = fingerprints.ready_made(fingerprint, label)
            if self.ready_made is None:
                self.fingerprint = mark.fingerprint(fingerprint, label)

    def __repr__(self) -> str:
        return f"Step({self.step_name!r}, {self.activities!r})"

    def work(self) -> Submittable:
        """``activities`` as something that can be submitted. Raises NotSubmittable."""
        return as_submittable(self.activities, f"activities of step {self.step_name!r}")

    def calls(self) -> Sequence[Call]:
        given = self.activities
        if _is_one_activity(given):
            return (Call(given[0].name, given[0].callable, results(given[1:])),)
        return self.work().calls()

    def is_plain(self) -> bool:
        """True if nothing but its name, work without other steps inside, and the names that it forces, was given."""
        return _GIVEN(self) == _NOTHING_GIVEN and not self.holds_steps()

    def holds_steps(self) -> bool:
        """True if the work may have other steps inside. Raises NotSubmittable."""
        if _is_one_activity(self.activities):
            return False
        return canvas.holds_others(self.work())

    def alternative(self) -> Submittable | None:
        """``activities_if_step_already_done`` as something that can be submitted, or None. Raises NotSubmittable."""
        given = self.activities_if_step_already_done
        if given is None:
            return None
        return as_submittable(given, f"activities_if_step_already_done of step {self.step_name!r}")

    def time_limit(self) -> float | None:
        alternative = self.alternative()
        limit = self.work_time_limit()
        if limit is None or alternative is None:
            return limit
        instead = self._with_retries(alternative)
        return None if instead is None else max(limit, instead)

    def work_time_limit(self) -> float | None:
        """The seconds that the work may take, with all its retries; None if it has no limit."""
        return self._with_retries(self.work())

    def _with_retries(self, work: Submittable) -> float | None:
        limit = work.time_limit()
        if limit is None or not self.retries.times:
            return limit
        # Each of its tasks may be tried again, one after the other.
        pauses = self.retries.longest_pauses() * max(1, len(work.calls()))
        return (self.retries.times + 1) * limit + pauses

    def propagate_attribute(self, attr: str, val: Any) -> None:
        self.activities = scoped(self.work(), attr, val)

    def receive(self, value: Any) -> Step:
        twin = copy.copy(self)
        twin.activities = self.work().receive(value)
        return twin

    def submit(self, executor: Executor) -> StepFuture:
        return StepFuture(self, executor)


def _is_one_activity(work: Any) -> bool:
    """True for ``(activity, arguments...)``: most is known of such work without making a task."""
    return type(work) is tuple and bool(work) and isinstance(work[0], Activity)


class StepFuture(Future):
    """The future of a step.

    ``result`` has the shape ``[done names, [marker, work, None, marker]]`` for a step that ran, and
    ``[done names, [alternative (if any), marker]]`` for one that was skipped. If the step sent a signal, the inner list
    has one element more. Markers and signals are given as they were sent.
    """

    _promise: StepRun

    def __init__(self, step: Definition, executor: Executor) -> None:
        """Submit the step. Raises InputError."""
        host = executor.workflow
        if not hasattr(host, "get_step_path_prefix"):
            raise InputError(
                f"step {step.step_name!r} was submitted by {type(host).__name__}, which has no steps; "
                "derive the workflow from WorkflowStepMixin too"
            )
        scheduler: Scheduler = host.step_scheduler
        ledger = scheduler.ledger
        scope = executor.scope
        is_root = scope.is_root
        enclosing = _NONE if is_root else frozenset(each for each in scope.owners() if isinstance(each, StepRun))
        run = StepRun(step, enclosing, ledger.known_before, executor)
        if ledger.forced.count:
            run.forced_count = ledger.forced.count
        if ledger.skipped.count:
            run.skipped_count = ledger.skipped.count
        scheduler.dependencies.submitted(run)
        if scheduler.until.is_asked_for:
            scheduler.until.submitted(run)
        self._promise = run
        _, prefix = scheduler.marks.location
        if len(prefix) + len(run.name) > _SURELY_SHORT:
            rules.check_key(prefix, run.name, keys.object_key(prefix, run.name))
        if not is_root and isinstance(around := scope.scope_owner, StepRun):
            around.parts.add_step(run)
        elif executor.reports_parts:
            ledger.parts.add_step(run)
        run.state = RUNNING
        if is_root and host.step_shortcut.skip(run):
            return
        Life(run, host, scheduler).go_on()
        if run.state != FINISHED:
            executor.track(run)

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if is_finalizing():
            return  # the modules are gone that the rest needs
        try:
            run = self._promise
        except AttributeError:
            return  # the step could not be submitted
        run.unwatched()

    @property
    def name(self) -> str:
        """The name of the step."""
        return self._promise.name

    @property
    def value(self) -> Any:
        """The result of the work. Waits.

        If the work is a step, it is the value of that step; if steps are members of the work, the result holds their
        values. For a skipped step it is the result of the alternative work, else, with ``keep_result``, that of the
        work when the step last ran, else None. Raises ResultNotKept if it should have been kept and was not.
        """
        self._promise.wait()
        self._promise.check_kept()
        return self._promise.value

    @property
    def failed(self) -> bool:
        """True if the step has failed: it is not done. Waits."""
        self._promise.wait()
        return self._promise.failed

    @property
    def ran(self) -> bool:
        """True if the step ran in this workflow run. Waits."""
        self._promise.wait()
        return self._promise.verdict.run

    @property
    def forced(self) -> bool:
        """True if the step was forced to run or to be skipped. Waits."""
        self._promise.wait()
        return self._promise.verdict.forced

    @property
    def reasons(self) -> list[str]:
        """Why the step ran or was skipped, sorted. Waits."""
        self._promise.wait()
        return list(self._promise.verdict.reasons)
