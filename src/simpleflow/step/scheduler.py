"""The turn of a step: when its verdict can be taken, and what it is.

A verdict waits for whatever bears on it: a play that forces the step, the writing of a mark that it would make stale,
the step's own mark if it has a fingerprint, and, where other runs share the marks, the claim on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simpleflow import taskids
from simpleflow.base import Executor, Scope
from simpleflow.constants import DAY, MINUTE
from simpleflow.exceptions import InputError
from simpleflow.futures import Promise, promise_of
from simpleflow.step import constants, rules
from simpleflow.task import TimerTask

if TYPE_CHECKING:
    from simpleflow.step.future import StepRun
    from simpleflow.step.ledger import Claim
    from simpleflow.step.submittable import Step

_LONGEST_PAUSE = 60  # seconds between two tries to claim a step that somebody else plays


class Turn:
    """Waits for what the verdict on a submission of a step depends on; then lets its future begin, or join another."""

    def __init__(self, future: StepRun, step: Step, executor: Executor) -> None:
        self._future = future
        self._step = step
        self._executor = executor
        self._workflow = executor.workflow
        self._steps = executor.workflow.steps
        self._bookkeeping = executor.workflow.bookkeeping
        self._forced_count = self._steps.forced.count
        self._skipped_count = self._steps.skipped.count

    def take(self, _: Promise | None = None) -> None:
        """Take the verdict; where ``run`` is evaluated again, new verdicts come after those that were taken before."""
        if self._steps.catching_up and self._steps.recorded(self._future.name) is None:
            self._executor.when_idle(self._decide)
        else:
            self._decide()

    def _decide(self) -> None:
        """Take the verdict, unless something that bears on it is still going on: then when that is over."""
        future, steps = self._future, self._steps
        if future.done:  # cancelled meanwhile
            return
        steps.awaiting.pop(future, None)
        playing = steps.latest.get(future.name)
        if playing in future.enclosing:
            raise InputError(f"step {future.name!r} stands inside itself")
        recorded = steps.recorded(future.name)
        if playing is not None and not playing.done:
            if recorded is not None:
                steps.pass_recorded(future.name)
            playing.joined += 1
            playing.when_done(future.join)
        elif recorded is not None and recorded.met:
            steps.pass_recorded(future.name)
            steps.latest[future.name].when_done(future.join)
        elif recorded is not None:
            details = recorded.details
            reasons = tuple(details.get("reasons") or ())
            verdict = rules.Verdict(recorded.status == constants.SCHEDULED, bool(details.get("forced")), reasons)
            future.begin(verdict, recorded)
        elif self._executor.filling and steps.has_progressed and not future.enclosing:
            return  # left to the execution that continues this one
        elif steps.is_quiet:
            self._begin_as_judged()
        else:
            awaited = steps.awaited_origin(future) or steps.mark_under_way(future) or self._unmet_mark()
            if awaited is not None:
                self._wait_for(awaited)
                return
            origin = steps.failed_origin(future)
            if origin is not None:
                asked = self._asked_before()
                if asked is not None and not asked.done:
                    self._wait_for(asked)  # to be given up once it is there
                    return
                refused = rules.Verdict(False, True, (constants.DEPENDENT_OF + origin.name,))
                future.begin(refused, None, refusing=origin.name)
                return
            self._begin_as_judged()

    def _begin_as_judged(self) -> None:
        found = self._verdict()
        if found is not None:
            self._future.begin(found, None, unmet=self._steps.unmet_origin(self._future))

    def _wait_for(self, awaited: Promise) -> None:
        self._steps.awaiting[self._future] = awaited
        awaited.when_done(self.take)

    def _unmet_mark(self) -> Promise | None:
        """The writing of a mark that this step would make stale, by a play that this evaluation has not come to."""
        for recorded in self._steps.unmet_dependents(self._future):
            marking = self._bookkeeping.mark(recorded.name)
            scope = Scope(place(recorded.name, recorded.number))
            if self._executor.is_recorded(marking.activity, scope):
                future = self._submit(marking, scope)
                if not future.done:
                    return future
        return None

    def _verdict(self) -> rules.Verdict | None:
        """The verdict; None while something is asked that it depends on, or if that has failed."""
        name = self._future.name
        done = name in self._steps.done
        found = self._judge(done, False)
        compared = self._step.fingerprint is not None and not found.forced
        if done and not found.run and (compared or self._step.keep_result):
            reading = self._submit(self._bookkeeping.get_mark(name), self._scope)
            if not self._ready(reading):
                return None
            mark = reading.result
            changed = compared and mark is not None and mark["fingerprint"] != self._step.fingerprint
            found = self._judge(mark is not None, changed)
        if found.run and self._bookkeeping.claims:
            return self._claim(found)
        return found

    def _judge(self, done: bool, changed: bool) -> rules.Verdict:
        return rules.verdict(
            self._future.name,
            force=bool(self._step.force),
            forced=self._steps.forcing(self._future.name, self._forced_count),
            skipped=self._steps.skipped.covering(self._future.name, self._skipped_count),
            done=done,
            changed=changed,
        )

    def _claim(self, verdict: rules.Verdict) -> rules.Verdict | None:
        """``verdict``, to play the step, once the claim is ours; that it is done, if somebody else has played it."""
        name, steps = self._future.name, self._steps
        if (releasing := steps.releasing.get(name)) is not None and not releasing.done:
            self._wait_for(releasing)  # else what is given up is the claim that is taken now
            return None
        claim = steps.claim(name, self._scope)
        if self._future not in claim.users:
            claim.users[self._future] = None
            self._future.when_done(lambda _: self._let_go(claim))
        while True:
            awaited = claim.pause or claim.asked
            if awaited is None:
                awaited = claim.asked = self._submit(self._claiming(verdict), claim.scope)
                claim.tries += 1
            if not self._ready(awaited):
                return None
            answer = awaited.result
            if awaited is claim.pause or (answer.get("done") and verdict.forced):  # forced since it was asked
                claim.pause = claim.asked = None
            elif "held" in answer:
                claim.pause = self._pause(claim, verdict, answer)
            elif answer.get("done"):
                steps.played_elsewhere(self._future)
                return rules.Verdict(False, False, (constants.ALREADY_PLAYED,))
            else:
                return verdict

    def _asked_before(self) -> Promise | None:
        """The asking for the claim, by this evaluation or by one before it."""
        if not self._bookkeeping.claims:
            return None
        claim = self._steps.claim(self._future.name, self._scope)
        if claim.asked is None:
            claiming = self._bookkeeping.claim(self._future.name)
            if self._executor.is_recorded(claiming.activity, claim.scope):
                claim.asked = self._submit(claiming, claim.scope)
        return claim.asked

    def _claiming(self, verdict: rules.Verdict) -> Any:
        name, steps = self._future.name, self._steps
        # A mark that this run has known, and that counts no longer, is one that it is about to remove.
        unless_done = not verdict.forced and (name not in steps.known_names or name in steps.done)
        return self._bookkeeping.claim(
            name, (self._step.work().time_limit() or DAY) + MINUTE, unless_done, self._step.fingerprint
        )

    def _pause(self, claim: Claim, verdict: rules.Verdict, answer: dict[str, Any]) -> Promise:
        """Somebody else plays it: say who, once, and try again later."""
        holder = answer["held"]
        if holder != claim.holder:
            claim.holder = holder
            extra = {"waits_for": holder} | ({"number": claim.number} if claim.number else {})
            self._submit(self._future.marker(constants.WAITING, extra, verdict), claim.scope)
        seconds = min(2 ** (claim.tries - 1), _LONGEST_PAUSE)
        if answer.get("seconds") is not None:
            seconds = min(seconds, answer["seconds"] + 1)
        timer_id = taskids.fit(taskids.clean(f"_simpleflow_claim_{claim.tries}_{claim.scope.path}"))
        return self._submit(TimerTask(timer_id, seconds), claim.scope)

    def _let_go(self, claim: Claim) -> None:
        """The step was cancelled before it began: give up the claim, unless another submission of it waits for it."""
        del claim.users[self._future]
        if self._future.began or claim.users or claim.asked is None:
            return

        def release(_: Promise) -> None:
            if not claim.users and not claim.used:
                name, place = self._future.name, claim.scope.child(f"canceled{claim.tries}")
                self._steps.releasing[name] = self._submit(self._bookkeeping.release(name), place)
                claim.asked = claim.pause = None

        claim.asked.when_done(release)

    @property
    def _scope(self) -> Scope:
        """Where what the next verdict on the name does stands."""
        return Scope(place(self._future.name, self._steps.upcoming(self._future.name)))

    def _ready(self, awaited: Promise) -> bool:
        """Whether it is final and good; else the verdict waits for it, or the step fails for it."""
        if not awaited.done:
            self._wait_for(awaited)
            return False
        if awaited.failure is not None:
            self._future.begin(rules.Verdict(False, False), None, unread=awaited.failure)
            return False
        return True

    def _submit(self, submittable: Any, scope: Scope) -> Promise:
        with self._executor.within(scope):
            return promise_of(self._workflow.submit(submittable))


def place(name: str, number: int) -> str:
    """Where what a step does stands: by its name, so that its task ids are the same wherever it is submitted.

    No name has two dots in a row, or one at its end: what stands inside a step is never taken for another step.
    """
    return f"{constants.SIGNAL_PREFIX}{name}." + (f".~{number + 1}" if number else "")
