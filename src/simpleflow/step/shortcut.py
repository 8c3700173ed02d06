"""Skips a done step that nothing but its name and its work has a bearing on.

Theory of operation
-------------------
Most steps of most runs are skipped, and nearly all of these for the same reason: they are done, with the inputs that
they have now. For them the phases of ``life`` would go through many questions that each have the same answer. Here are
these questions at once. If one answer is another, ``skip`` does nothing, and the phases begin.

The step has to be the first of its name (``one_work``). So this run has neither run nor marked it, nor is it being run
or skipped; and no verdict on it is recorded, once all recorded verdicts have been reached (``Dependencies.is_quiet``).

What it does is what the phases do for such a step, no more and no less: the verdict, its order and number, the marker
``skipped``, the names known as done, the end. A test runs workflows both ways and compares the histories.
"""

from __future__ import annotations

from simpleflow.base import Executor
from simpleflow.futures import FINISHED
from simpleflow.step import constants, marker_content, report, rules
from simpleflow.step.host import Host
from simpleflow.step.life_actions import IDENTITY
from simpleflow.step.run_record import StepRun
from simpleflow.step.scheduler import Scheduler


class Shortcut:
    """Skips steps of one evaluation."""

    def __init__(self, host: Host, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._ledger = scheduler.ledger
        self._executor: Executor = host.executor
        self._is_open: bool | None = None  # see ``_opens``

    def skip(self, run: StepRun) -> bool:
        """Skip a submission that was just made, outside of all steps. Returns False if that takes the phases."""
        if self._is_open is None:
            self._is_open = self._opens()
        ledger, scheduler, name = self._ledger, self._scheduler, run.name
        if (
            not self._is_open
            or ledger.forced.count
            or ledger.skipped.count
            or name not in ledger.done
            or not run.step.is_plain()
            or not scheduler.dependencies.is_quiet
            or self._executor.filling
        ):
            return False
        listed = scheduler.marks.listed
        if name in listed.parts:  # with children inside, it would have other inputs than a plain step
            return False
        before, one_work = listed.find(name), scheduler.one_work
        if before is not None and before != scheduler.made_with(run):
            return False
        if not (one_work.is_first(run) if before is None else one_work.is_first_as_listed(run)):
            return False
        run.began = True
        run.verdict = rules.DONE
        ledger.count_verdict(run, None)
        run.known_count = len(ledger.known)
        if run.dependents:
            extra = marker_content.when_skipped(run)
            details = report.text_of(report.details(name, constants.SKIPPED, rules.DONE, extra))
        else:
            details = report.text_of_done(name)
        self._executor.record(constants.MARKER_NAME, details, IDENTITY)
        run.elements.append(details)
        run.state = FINISHED
        run.end(joined=False)
        return True

    def _opens(self) -> bool | None:
        """True if it may be taken in this evaluation, as far as that does not change; None: not known yet."""
        ledger, marks = self._ledger, self._scheduler.marks
        if not marks.is_listed:
            return None
        if ledger.above or ledger.request.only or ledger.request.planned is not None:
            return False
        return not self._scheduler.until.is_asked_for
