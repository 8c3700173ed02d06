"""Claiming a step before it runs, where other workflow runs share its marks: tries, pauses, and giving up.

All submissions of a step that wait for the same verdict share one claim. It is tried with an activity; while another
workflow run holds the step, a timer runs before the next try, and a marker names once the run for which the step waits.
See ``claims`` for what a claim is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow import taskids
from simpleflow.constants import DAY, MINUTE
from simpleflow.futures import Promise
from simpleflow.scopes import Scope
from simpleflow.step import constants, report, rules
from simpleflow.step.host import Host, scope_label, submit
from simpleflow.step.ledger import Ledger
from simpleflow.step.made_with import MadeWith, parse
from simpleflow.step.mark_activities import MarkActivities
from simpleflow.step.run_record import StepRun
from simpleflow.step.stale_marks import NOTHING, Forced
from simpleflow.task import ActivityTask, ReservedTimerTask

_LONGEST_PAUSE = 60  # seconds between two tries


class _Claim:
    """The tries to claim a step for one verdict on it."""

    def __init__(self, scope: Scope, number: int) -> None:
        self.scope = scope
        self.number = number  # of the verdict among those on this name, from 0
        self.tries = 0
        self.latest_try: Promise | None = None
        self.pause: Promise | None = None  # the timer before the next try
        self.holder: str | None = None  # the other workflow run that holds the step, as the latest marker says
        self.users: dict[StepRun, None] = {}  # the submissions that wait for it
        self.used = False  # the verdict has been taken
        self.insists = False  # the step runs although it is marked as done: its mark was made with other inputs


class Claiming:
    """The claims that this evaluation tries to get and gives up."""

    def __init__(self, host: Host, marks: MarkActivities, ledger: Ledger) -> None:
        self._host = host
        self._executor = host.executor
        self._marks = marks
        self._ledger = ledger
        self._claims: dict[tuple[str, int], _Claim] = {}  # by name and number of the verdict
        self._releasing: dict[str, Promise] = {}  # by name, the latest activity that gives up a claim

    def claim(
        self, run: StepRun, verdict: rules.Verdict, changed: Callable[[StepRun, MadeWith], list[str]]
    ) -> rules.Verdict | Promise:
        """Claim the step, so that it may run as ``verdict`` says; start the missing tasks for that.

        Returns the verdict that holds now: ``verdict``, or that the step is done, if another workflow run has run it
        meanwhile. Returns a promise to wait for if the claim is not decided yet, and a failed promise if an activity
        of the claim has failed.
        ``changed`` gives the reasons to run the step although it was done with those inputs.
        """
        releasing = self._releasing.get(run.name)
        if releasing is not None and not releasing.done:
            return releasing  # otherwise it would give up the claim that is taken now
        claim = self._claim_of(run)
        if run not in claim.users:
            claim.users[run] = None
            run.when_done(lambda _: self._leave(run, claim))
        while True:
            awaited = claim.pause or claim.latest_try
            if awaited is None:
                awaited = claim.latest_try = submit(self._host, self._activity(run, verdict, claim), claim.scope)
                claim.tries += 1
            if not awaited.done or awaited.failure is not None:
                return awaited
            answer = awaited.result
            if awaited is claim.pause or (answer.get("done") and verdict.forced):  # forced since the claim was tried
                claim.pause = claim.latest_try = None
            elif "held" in answer:
                claim.pause = self._start_pause(run, claim, verdict, answer)
            elif answer.get("done"):
                before = parse(answer.get("made_with"))
                reasons = [] if before is None else changed(run, before)
                if reasons:  # it has run with other inputs: claim it to run it with these
                    verdict = rules.Verdict(True, False, tuple(sorted(reasons)))
                    claim.insists = True
                    claim.pause = claim.latest_try = None
                    continue
                self._ledger.ran_elsewhere(run)
                return rules.Verdict(False, False, (constants.ALREADY_PLAYED,))
            elif self._ledger.is_done_elsewhere(run.name, claim.number):
                self._ledger.ran_elsewhere(run)
                return rules.Verdict(False, False, (constants.ALREADY_PLAYED,))
            else:
                return verdict

    def latest_try(self, run: StepRun) -> Promise | None:
        """The latest try to claim the step, by this evaluation or an earlier one; None if there was none."""
        if not self._marks.claims:
            return None
        claim = self._claim_of(run)
        if claim.latest_try is None:
            activity = self._marks.claim(run.name)
            if self._executor.is_recorded(activity.activity, claim.scope):
                claim.latest_try = submit(self._host, activity, claim.scope)
        return claim.latest_try

    def set_used(self, name: str, number: int) -> None:
        """The verdict that the claim was for has been taken."""
        if (claim := self._claims.get((name, number))) is not None:
            claim.used = True

    def is_held(self, run: StepRun, scope: Scope) -> bool:
        """True if the history holds a claim for the verdict that is carried out in ``scope``."""
        return self._marks.claims and self._executor.is_recorded(self._marks.claim(run.name).activity, scope)

    def release(self, run: StepRun, scope: Scope, forced: Forced = NOTHING) -> None:
        """Give up the claim on the step; ``forced``: the steps that it makes stale, if it has begun."""
        self._releasing[run.name] = submit(self._host, self._marks.release(run.name, forced), scope)

    def _claim_of(self, run: StepRun) -> _Claim:
        number = self._ledger.next_number(run.name)
        claim = self._claims.get((run.name, number))
        if claim is None:
            claim = self._claims[run.name, number] = _Claim(Scope(scope_label(run.name, number)), number)
        return claim

    def _activity(self, run: StepRun, verdict: rules.Verdict, claim: _Claim) -> ActivityTask:
        ledger = self._ledger
        # A mark that this run has known, and that no longer counts, is one that it is about to remove.
        stale = (constants.DEPENDENT_OF, constants.PART_MISSING)
        is_stale = any(reason.startswith(stale) for reason in verdict.reasons)
        unless_done = not (verdict.forced or is_stale or claim.insists) and (
            run.name not in ledger.known_names or run.name in ledger.done
        )
        # A minute more than the work may take; a day where its time-outs do not say how long that is.
        seconds = (run.step.work_time_limit() or DAY) + MINUTE
        return self._marks.claim(run.name, seconds, unless_done, run.fingerprint, run.step.outputs)

    def _start_pause(self, run: StepRun, claim: _Claim, verdict: rules.Verdict, answer: dict[str, Any]) -> Promise:
        """Record which run the step waits for, unless the latest marker says so; start the timer to the next try."""
        holder = answer["held"]
        if holder != claim.holder:
            claim.holder = holder
            extra = {"waits_for": holder} | ({"number": claim.number} if claim.number else {})
            details = report.details(run.name, constants.WAITING, verdict, extra)
            submit(self._host, self._host.record_marker(constants.MARKER_NAME, details), claim.scope)
        seconds = min(2 ** (claim.tries - 1), _LONGEST_PAUSE)
        if answer.get("seconds") is not None:
            seconds = min(seconds, answer["seconds"] + 1)
        timer_id = taskids.fit(taskids.clean(f"_simpleflow_claim_{claim.tries}_{claim.scope.path}"))
        return submit(self._host, ReservedTimerTask(timer_id, seconds), claim.scope)

    def _leave(self, run: StepRun, claim: _Claim) -> None:
        """A submission has ended. If it was cancelled before it began, and no other waits, give up the claim."""
        del claim.users[run]
        if run.began or claim.users or claim.latest_try is None:
            return

        def release(_: Promise) -> None:
            if not claim.users and not claim.used:
                self.release(run, claim.scope.child(f"canceled{claim.tries}"))
                claim.latest_try = claim.pause = None

        claim.latest_try.when_done(release)
