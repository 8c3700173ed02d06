"""The future of a step: the phases that a step goes through, and what it says in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simpleflow.base import Executor, Scope, Submittable
from simpleflow.exceptions import AggregateException, InputError, TaskFailed
from simpleflow.futures import FINISHED, RUNNING, Future
from simpleflow.step import constants, rules
from simpleflow.stores import keys
from simpleflow.task import ActivityTask

if TYPE_CHECKING:
    from simpleflow.step.recorded import Recorded
    from simpleflow.step.submittable import Step
    from simpleflow.step.workflow import WorkflowStepMixin


class StepFuture(Future):
    """The future of a step.

    ``result`` has the shape ``[done names, [marker, work, None, marker]]`` for a step that was played,
    ``[done names, [alternative (if any), marker]]`` for one that was skipped, with one element more in the inner list
    if it sent a signal; markers and signals as they were sent.
    """

    def __init__(self, step: Step, executor: Executor) -> None:
        super().__init__(executor)
        workflow = executor.workflow
        if not hasattr(workflow, "get_step_path_prefix"):
            raise InputError(
                f"step {step.step_name!r} was submitted by {type(workflow).__name__}, which has no steps; "
                "derive the workflow from WorkflowStepMixin too"
            )
        self.name = step.step_name
        self.enclosing = frozenset(owner for owner in executor.scope.owners() if isinstance(owner, StepFuture))
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
        self._verdict = rules.Verdict(False, False)
        self._value: Any = None
        self._recorded: Recorded | None = None
        self._forced_count = self._steps.forced.count
        self._skipped_count = self._steps.skipped.count
        self._known = 0
        self._elements: list[Any] = []
        prefix = workflow._step_prefix()
        rules.check_key(prefix, self.name, keys.object_key(prefix, self.name))
        executor.track(self)
        self._state = RUNNING
        workflow.list_steps_done()._when_done(self._listed)

    # What a step's future has beyond another's

    @property
    def _result(self) -> Any:
        # Made when asked for: the names known before are many, and few ask.
        return [self._steps.known_before(self._known), self._elements] if self._state == FINISHED else None

    @_result.setter
    def _result(self, value: Any) -> None:
        pass

    @property
    def value(self) -> Any:
        """What the work returned; for a skipped step what the alternative returned, else None. Waits."""
        self.exception  # noqa: B018 (waits)
        return self._value

    @property
    def ran(self) -> bool:
        """Whether it was played in this run. Waits."""
        self.exception  # noqa: B018 (waits)
        return self._verdict.run

    @property
    def forced(self) -> bool:
        """Whether somebody forced it to be played or skipped. Waits."""
        self.exception  # noqa: B018 (waits)
        return self._verdict.forced

    @property
    def reasons(self) -> list[str]:
        """Why it was played or skipped, sorted. Waits."""
        self.exception  # noqa: B018 (waits)
        return list(self._verdict.reasons)

    def forces(self, name: str) -> bool:
        """Whether playing it forces ``name``."""
        return any(rules.covers(pattern, name) for pattern in self.dependents)

    # The phases

    def _listed(self, listing: Future) -> None:
        if listing._failure is not None:
            self._fail(listing._failure)
        else:
            self._decide_in_turn()

    def _decide_in_turn(self, _: Future | None = None) -> None:
        """Take the verdict; where ``run`` is evaluated again, new verdicts come after those that were taken before."""
        if self._steps.catching_up and self._steps.recorded(self.name) is None:
            self._executor.when_idle(self._decide)
        else:
            self._decide()

    def _decide(self) -> None:
        """Take the verdict, unless something that bears on it is still going on: then when that is over."""
        if self._done:  # cancelled meanwhile
            return
        steps = self._steps
        steps.awaiting.pop(self, None)
        playing = steps.latest.get(self.name)
        if playing in self.enclosing:
            raise InputError(f"step {self.name!r} stands inside itself")
        if playing is not None and not playing._done:
            if steps.recorded(self.name) is not None:
                steps.pass_recorded(self.name)
            playing.joined += 1
            playing._when_done(self._join)
            return
        recorded = steps.recorded(self.name)
        if recorded is not None and recorded.met:
            steps.pass_recorded(self.name)
            playing = steps.latest[self.name]
            playing._when_done(self._join)
            return
        self._recorded = recorded
        origin = None
        if recorded is None:
            awaited = steps.awaited_origin(self) or steps.mark_under_way(self) or self._unmet_mark()
            if awaited is not None:
                steps.awaiting[self] = awaited
                awaited._when_done(self._decide_in_turn)
                return
            origin = steps.failed_origin(self)
            unmet = steps.unmet_origin(self)
            self._stale = None if unmet is None else constants.DEPENDENT_OF + unmet
            self._verdict = self._judge(origin)
        else:
            details = recorded.details
            self._stale = details.get("stale")
            reasons = tuple(details.get("reasons") or ())
            self._verdict = rules.Verdict(recorded.status == constants.SCHEDULED, bool(details.get("forced")), reasons)
        number, self.order = steps.next_verdict(self, recorded)
        self._known = len(steps.known)
        self._scope = Scope(_place(self.name, number), self._scope, owner=self)
        if self._verdict.run:
            self._play()
        elif origin is not None:
            self._refuse(origin.name)
        elif recorded is not None and recorded.status == constants.REFUSED:
            self._refuse(recorded.details["refused"])
        else:
            self._skip()

    def _unmet_mark(self) -> Future | None:
        """The writing of a mark that this step would make stale, by a play that this evaluation has not come to."""
        for recorded in self._steps.unmet_dependents(self):
            marking = self._workflow.mark_step_done_activity(recorded.name)
            scope = Scope(_place(recorded.name, recorded.number))
            if self._executor.is_recorded(marking.activity, scope):
                with self._executor.within(scope):
                    future = self._workflow.submit(marking)
                if not future._done:
                    return future
        return None

    def _judge(self, failed_origin: StepFuture | None) -> rules.Verdict:
        if failed_origin is not None:
            return rules.Verdict(False, True, (constants.DEPENDENT_OF + failed_origin.name,))
        steps = self._steps
        return rules.verdict(
            self.name,
            force=bool(self._step.force),
            forced=steps.forcing(self.name, self._forced_count),
            skipped=steps.skipped.covering(self.name, self._skipped_count),
            done=self.name in steps.done,
        )

    def _play(self) -> None:
        stale = self._recorded.unmarks if self._recorded is not None else self._steps.made_stale_by(self)
        self._steps.play(self)
        extra = {"forces": self.dependents, "unmarks": stale, "stale": self._stale}
        self._record(constants.SCHEDULED, {key: value for key, value in extra.items() if value})
        if stale:
            # Before the work, so that whatever happens from here on, what is stale does not count as done.
            unmarking = self._submit(self._workflow.unmark_steps_done_activity(stale))
            unmarking._when_done(lambda unmarked: self._unmarked(unmarked, stale))
        else:
            self._work()

    def _unmarked(self, unmarking: Future, stale: list[str]) -> None:
        if unmarking._failure is not None:
            self._fail(unmarking._failure)
            return
        # Until now they counted as done, so that another step which makes them stale unmarks them too before its work.
        self._steps.unmarked(self, stale)
        self._work()

    def _work(self) -> None:
        self._submit(self._step.work())._when_done(self._worked)

    def _worked(self, work: Future) -> None:
        self._value = work._result
        self._elements.append(work._result)
        if work._failure is not None:
            self._fail(work._failure)
            return
        outcome = self._recorded.outcome if self._recorded is not None else None
        marking = self._workflow.mark_step_done_activity(self.name)
        if outcome is not None and "stale" in outcome:
            self._played(outcome["stale"])
        elif self._executor.is_recorded(marking.activity, self._scope) or not self._steps.catching_up:
            self._mark(marking)
        else:
            self._executor.when_idle(lambda: self._mark(marking))

    def _mark(self, marking: ActivityTask) -> None:
        """Mark the step as done, unless what it has done is stale already."""
        origin = self._steps.overtaken(self)
        stale = self._stale or (constants.DEPENDENT_OF + origin if origin is not None else None)
        if stale is not None and not self._executor.is_recorded(marking.activity, self._scope):
            self._played(stale)
            return
        self._steps.marking[self] = None
        self._submit(marking)._when_done(self._marked)

    def _marked(self, marking: Future) -> None:
        self._steps.marking.pop(self, None)
        if marking._failure is not None:
            self._fail(marking._failure)
        else:
            self._steps.completed(self)
            self._played(None)

    def _played(self, stale: str | None) -> None:
        self._elements.append(None)
        self._record(constants.COMPLETED, self._ended({} if stale is None else {"stale": stale}))
        self._finish()

    def _skip(self) -> None:
        alternative = self._step.alternative()
        if alternative is None:
            self._skipped(None)
        else:
            self._submit(alternative)._when_done(self._skipped)

    def _skipped(self, alternative: Future | None) -> None:
        if alternative is not None:
            self._value = alternative._result
            self._elements.append(alternative._result)
            if alternative._failure is not None:
                self._fail(alternative._failure)
                return
        self._record(constants.SKIPPED)
        self._finish()

    def _finish(self) -> None:
        if self._step.emit_signal:
            signal = self._workflow.signal(constants.SIGNAL_PREFIX + self.name, propagate=False)
            self._elements.append(self._submit(signal)._result)
        self.set_finished()

    def _fail(self, failure: BaseException, extra: dict[str, Any] | None = None) -> None:
        """The work failed: the step is not done, and says so."""
        self.failed = True
        self._steps.marking.pop(self, None)
        self._submit(self._marker(constants.FAILED, self._ended({"error": one_line(failure)} | (extra or {}))))
        exception = None
        if self._step.bubbles_exception_on_failure:
            before: list[BaseException | None] = [None] * (len(self._elements) - 1)
            exception = AggregateException([None, AggregateException([*before, failure])])
        self._assign(FINISHED, None, exception)
        self._announce()

    def _refuse(self, origin: str) -> None:
        """Not played: the step that forces it failed."""
        failure = TaskFailed(self.name, f"not played, since step {origin!r}, which forces it, failed")
        self._fail(failure, {"refused": origin})

    def _join(self, playing: Future) -> None:
        """The same step was being played: its end is ours."""
        if self._done:
            return
        assert isinstance(playing, StepFuture)
        self.order, self.failed = playing.order, playing.failed
        self._verdict, self._value = playing._verdict, playing._value
        self._known, self._elements = playing._known, playing._elements
        self._assign(playing._state, playing._result, playing._exception)
        self._announce()

    def _ended(self, extra: dict[str, Any]) -> dict[str, Any]:
        """What the marker of the end says beyond the verdict; said again, in the same words."""
        if self._recorded is not None and self._recorded.outcome is not None:
            return self._recorded.extra
        return extra | ({"joined": self.joined} if self.joined else {})

    def _marker(self, status: str, extra: dict[str, Any]) -> Submittable:
        verdict = self._verdict
        details = {"step": self.name, "status": status, "forced": verdict.forced, "reasons": list(verdict.reasons)}
        return self._workflow.record_marker(constants.MARKER_NAME, details | extra)

    def _record(self, status: str, extra: dict[str, Any] | None = None) -> None:
        self._elements.append(self._submit(self._marker(status, extra or {}))._result)

    def _submit(self, submittable: Submittable) -> Future:
        with self._executor.within(self._scope):
            return self._workflow.submit(submittable)


def _place(name: str, number: int) -> str:
    """Where what a step does stands: by its name, so that its task ids are the same wherever it is submitted."""
    return constants.SIGNAL_PREFIX + name + (f"~{number + 1}" if number else "")


def one_line(failure: BaseException) -> str:
    """A failure as the marker has it."""
    if isinstance(failure, AggregateException):
        text = "; ".join(dict.fromkeys(one_line(each) for each in failure.flatten().exceptions if each is not None))
    else:
        text = getattr(failure, "reason", None) or str(failure) or type(failure).__name__
    text = " ".join(text.split())
    return text if len(text) <= 1_000 else text[:997] + "..."
