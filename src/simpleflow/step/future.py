"""The future of a step: the phases that a step goes through, and what it says in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simpleflow.base import Executor, Scope, Submittable
from simpleflow.exceptions import AggregateException, InputError, ResultNotKept, TaskFailed
from simpleflow.futures import FINISHED, RUNNING, Future, Promise, promise_of
from simpleflow.step import constants, mark, rules
from simpleflow.step.scheduler import Turn, place
from simpleflow.stores import keys
from simpleflow.task import ActivityTask

if TYPE_CHECKING:
    from simpleflow.step.recorded_verdicts import Recorded
    from simpleflow.step.submittable import Step
    from simpleflow.step.workflow import WorkflowStepMixin


class StepRun(Promise):
    """The promise of a step: it takes the step through its phases."""

    def __init__(self, step: Step, executor: Executor, future: StepFuture) -> None:
        super().__init__(executor, future)
        workflow = executor.workflow
        if not hasattr(workflow, "get_step_path_prefix"):
            raise InputError(
                f"step {step.step_name!r} was submitted by {type(workflow).__name__}, which has no steps; "
                "derive the workflow from WorkflowStepMixin too"
            )
        self.name = step.step_name
        self.enclosing = frozenset(owner for owner in executor.scope.owners() if isinstance(owner, StepRun))
        self.dependents = step.force_steps_if_executed
        self.order = 0
        self.failed = False
        self._stale: str | None = None  # why what it does is stale from the start, and not to be marked
        self.joined = 0  # submissions that wait for the end of this one
        self._step = step
        self._executor = executor
        self._workflow: WorkflowStepMixin = workflow
        self._steps = workflow.steps
        self._scope = executor.scope
        self._turn: Turn | None = Turn(self, step, executor)
        self.verdict = rules.Verdict(False, False)
        self.value: Any = None
        self.not_kept: str | None = None  # why there is no value, though it was to be kept
        self._scheduled: str | None = None  # the marker of its beginning
        self.began = False
        self._claimed = False
        self._recorded: Recorded | None = None
        self._known = 0
        self._elements: list[Any] = []
        _, prefix = workflow.bookkeeping.place
        rules.check_key(prefix, self.name, keys.object_key(prefix, self.name))
        executor.track(self)
        self.state = RUNNING
        workflow.bookkeeping.listing().when_done(self._listed)

    @property
    def result(self) -> Any:
        # Made when asked for: the names known before are many, and few ask.
        return [self._steps.known_before(self._known), self._elements] if self.state == FINISHED else None

    @result.setter
    def result(self, value: Any) -> None:
        pass

    def forces(self, name: str) -> bool:
        """Whether playing it forces ``name``."""
        return any(rules.covers(pattern, name) for pattern in self.dependents)

    # The phases

    def _listed(self, listing: Promise) -> None:
        if listing.failure is not None:
            self.fail(listing.failure)
        elif self._turn is not None:
            self._turn.take()

    def begin(
        self,
        verdict: rules.Verdict,
        recorded: Recorded | None,
        refusing: str | None = None,
        unmet: str | None = None,
        unread: BaseException | None = None,
    ) -> None:
        """Its turn has come.

        ``refusing``: an origin that failed, so it is not played; ``unmet``: one still going on; ``unread``: why its
        mark could not be read, or it not be claimed.
        """
        self.began = True
        self._turn = None
        number, self.order = self._steps.next_verdict(self, recorded)
        self._steps.claim_is_used(self.name, number)
        self.verdict, self._recorded = verdict, recorded
        self._stale = None if unmet is None else constants.DEPENDENT_OF + unmet
        self._known = len(self._steps.known)
        self._scope = Scope(place(self.name, number), self._scope, owner=self)
        if recorded is not None:
            self._stale = recorded.details.get("stale")
            refusing = recorded.details.get("refused") if recorded.status == constants.REFUSED else None
            if recorded.status == constants.REFUSED and refusing is None:
                unread = TaskFailed(self.name, recorded.details.get("error"))
        if (verdict.run or refusing is not None or unread is not None) and self._workflow.bookkeeping.claims:
            claiming = self._workflow.bookkeeping.claim(self.name)
            self._claimed = self._executor.is_recorded(claiming.activity, self._scope)
        if verdict.run:
            self._play()
        elif refusing is not None:
            self._refuse(refusing)
        elif unread is not None:
            self.fail(unread, {"unread": True})
        else:
            self._skip()

    def _play(self) -> None:
        stale = self._recorded.unmarks if self._recorded is not None else self._steps.made_stale_by(self)
        self._steps.play(self)
        fingerprint = self._step.fingerprint
        extra = {"forces": self.dependents, "unmarks": stale, "stale": self._stale, "fingerprint": fingerprint}
        self._scheduled = self._record(constants.SCHEDULED, {key: value for key, value in extra.items() if value})
        if stale or (self._claimed and self.dependents):
            # Before the work, so that whatever happens from here on, what is stale does not count as done.
            around = {each.name for each in self.enclosing} | {self.name}
            unmarking = self._submit(self._workflow.bookkeeping.unmark(stale, self.dependents, around))
            unmarking.when_done(lambda unmarked: self._unmarked(unmarked, stale))
        else:
            self._work()

    def _unmarked(self, unmarking: Promise, stale: list[str]) -> None:
        if unmarking.failure is not None:
            self.fail(unmarking.failure)
            return
        # Until now they counted as done, so that another step which makes them stale unmarks them too before its work.
        self._steps.unmarked(self, stale)
        self._work()

    def _work(self) -> None:
        self._submit(self._step.work()).when_done(self._worked)

    def _worked(self, work: Promise) -> None:
        self.value = work.result
        self._elements.append(work.result)
        if work.failure is not None:
            self.fail(work.failure)
            return
        outcome = self._recorded.outcome if self._recorded is not None else None
        marking = self._workflow.bookkeeping.mark(self.name, self._details(), self._claimed)
        if outcome is not None and "stale" in outcome:
            if self._executor.is_recorded(marking.activity, self._scope):
                self._claimed = False  # given up with the mark that was not written
            self._played(outcome["stale"])
        elif not self._steps.catching_up or self._executor.is_recorded(marking.activity, self._scope):
            self._mark(marking)
        else:
            self._executor.when_idle(lambda: self._mark(marking))

    def _details(self) -> dict[str, Any]:
        """What its mark says."""
        verdict = self.verdict
        began = self._executor.marked_at(constants.MARKER_NAME, self._scheduled)
        seconds = round(self._executor.now, 3) - round(began, 3)  # a history at rest has milliseconds
        details: dict[str, Any] = {"seconds": round(seconds, 3), "forced": verdict.forced}
        if verdict.reasons:
            details["reasons"] = list(verdict.reasons)
        if self._step.fingerprint is not None:
            details["fingerprint"] = self._step.fingerprint
        if self._step.keep_result:
            details |= mark.keep(self.value, self.name)
        return details

    def _mark(self, marking: ActivityTask) -> None:
        """Mark the step as done, unless what it has done is stale already."""
        origin = self._steps.overtaken(self)
        stale = self._stale or (constants.DEPENDENT_OF + origin if origin is not None else None)
        if stale is not None and not self._executor.is_recorded(marking.activity, self._scope):
            self._played(stale)
            return
        self._steps.marking[self] = Promise()
        self._submit(marking).when_done(self._marked)

    def _marked(self, marking: Promise) -> None:
        written = self._steps.marking.pop(self)
        if marking.failure is not None:
            self.fail(marking.failure)
        elif marking.result is not None:
            self._claimed = False
            self._played(constants.REVOKED)
        else:
            self._claimed = False
            self._steps.completed(self)
            self._played(None)
        written.finish()

    def _played(self, stale: str | None) -> None:
        self._release()
        self._elements.append(None)
        extra = {} if stale is None else {"stale": stale}
        if self._step.keep_result and "not_kept" in (kept := mark.keep(self.value, self.name)):
            extra |= kept
        self._record(constants.COMPLETED, self._ended(extra))
        self._finish()

    def _release(self) -> None:
        """Give up the claim where writing the mark has not done so."""
        if self._claimed:
            self._claimed = False
            self._steps.releasing[self.name] = self._submit(self._workflow.bookkeeping.release(self.name))

    def _skip(self) -> None:
        if constants.ALREADY_PLAYED in self.verdict.reasons:
            self._steps.found_done(self)
        if not self._step.keep_result:
            self._skip_work()
            return
        reading = self._workflow.bookkeeping.get_mark(self.name)
        known = self._executor.is_recorded(reading.activity, self._scope)
        if known or (self._recorded is None and self.name in self._steps.done):
            self._submit(reading).when_done(self._remember)
        else:
            self.not_kept = "it has never been done"
            self._skip_work()

    def _remember(self, reading: Promise) -> None:
        """The mark has been read."""
        if reading.failure is not None:
            self.fail(reading.failure)
            return
        found = reading.result
        if found is None:
            self.not_kept = "its mark is gone"
        elif found["kept"]:
            self.value = found["result"]
        else:
            by = f" by run {found['run_id']}" if found["run_id"] else ""
            self.not_kept = found["why"] or f"it was marked{by} without a result; force it once"
        self._skip_work()

    def _skip_work(self) -> None:
        alternative = self._step.alternative()
        if alternative is None:
            self._skipped(None)
        else:
            self._submit(alternative).when_done(self._skipped)

    def _skipped(self, alternative: Promise | None) -> None:
        if alternative is not None:
            if not self._step.keep_result or self.not_kept is not None:
                self.value, self.not_kept = alternative.result, None
            self._elements.append(alternative.result)
            if alternative.failure is not None:
                self.fail(alternative.failure)
                return
        self._record(constants.SKIPPED)
        self._finish()

    def _finish(self) -> None:
        if self._step.emit_signal:
            signal = self._workflow.signal(constants.SIGNAL_PREFIX + self.name, propagate=False)
            self._elements.append(self._submit(signal).result)
        self.finish()

    def fail(self, failure: BaseException, extra: dict[str, Any] | None = None) -> None:
        """The work failed: the step is not done, and says so."""
        self.failed = True
        self._release()
        self._submit(self.marker(constants.FAILED, self._ended({"error": one_line(failure)} | (extra or {}))))
        exception = None
        if self._step.bubbles_exception_on_failure:
            before: list[BaseException | None] = [None] * (len(self._elements) - 1)
            exception = AggregateException([None, AggregateException([*before, failure])])
        self.settle(FINISHED, None, exception)

    def _refuse(self, origin: str) -> None:
        """Not played: the step that forces it failed."""
        failure = TaskFailed(self.name, f"not played, since step {origin!r}, which forces it, failed")
        self.fail(failure, {"refused": origin})

    def join(self, playing: Promise) -> None:
        """The same step was being played: its end is ours."""
        if self.done:
            return
        assert isinstance(playing, StepRun)
        self.order, self.failed = playing.order, playing.failed
        self.verdict, self.value, self.not_kept = playing.verdict, playing.value, playing.not_kept
        self._known, self._elements = playing._known, playing._elements
        self.settle_as(playing)

    def _ended(self, extra: dict[str, Any]) -> dict[str, Any]:
        """What the marker of the end says beyond the verdict; said again, in the same words."""
        if self._recorded is not None and self._recorded.outcome is not None:
            return self._recorded.extra
        return extra | ({"joined": self.joined} if self.joined else {})

    def marker(self, status: str, extra: dict[str, Any], verdict: rules.Verdict | None = None) -> Submittable:
        """The marker that says how things stand; ``verdict``: where it has not begun."""
        verdict = verdict or self.verdict
        details = {"step": self.name, "status": status, "forced": verdict.forced, "reasons": list(verdict.reasons)}
        return self._workflow.record_marker(constants.MARKER_NAME, details | extra)

    def _record(self, status: str, extra: dict[str, Any] | None = None) -> Any:
        details = self._submit(self.marker(status, extra or {})).result
        self._elements.append(details)
        return details

    def _submit(self, submittable: Submittable) -> Promise:
        with self._executor.within(self._scope):
            return promise_of(self._workflow.submit(submittable))


class StepFuture(Future):
    """The future of a step.

    ``result`` has the shape ``[done names, [marker, work, None, marker]]`` for a step that ran,
    ``[done names, [alternative (if any), marker]]`` for one that was skipped, with one element more in the inner list
    if it sent a signal; markers and signals as they were sent.
    """

    _promise: StepRun

    def __init__(self, step: Step, executor: Executor) -> None:
        super().__init__(promise=StepRun(step, executor, self))

    @property
    def value(self) -> Any:
        """What the work returned. Waits.

        For a skipped step what the alternative returned, else None; with ``keep_result`` what the work returned when it
        was played. Raises ResultNotKept if that is not known.
        """
        self._promise.wait()
        if self._promise.not_kept is not None:
            raise ResultNotKept(
                f"step {self._promise.name!r} was skipped, and its result is not known: {self._promise.not_kept}"
            )
        return self._promise.value

    @property
    def name(self) -> str:
        """The name of the step."""
        return self._promise.name

    @property
    def failed(self) -> bool:
        """True if the step has failed: it is not done. Waits."""
        self._promise.wait()
        return self._promise.failed

    @property
    def ran(self) -> bool:
        """Whether it was played in this run. Waits."""
        self._promise.wait()
        return self._promise.verdict.run

    @property
    def forced(self) -> bool:
        """Whether somebody forced it to be played or skipped. Waits."""
        self._promise.wait()
        return self._promise.verdict.forced

    @property
    def reasons(self) -> list[str]:
        """Why it was played or skipped, sorted. Waits."""
        self._promise.wait()
        return list(self._promise.verdict.reasons)


def one_line(failure: BaseException) -> str:
    """A failure as the marker has it."""
    if isinstance(failure, AggregateException):
        text = "; ".join(dict.fromkeys(one_line(each) for each in failure.flatten().exceptions if each is not None))
    else:
        text = getattr(failure, "reason", None) or str(failure) or type(failure).__name__
    text = " ".join(text.split())
    return text if len(text) <= 1_000 else text[:997] + "..."
