"""Runs that stop before their end, once the steps that they were to reach are done.

Theory of operation
-------------------
The names to reach are patterns. A run stops once each of them covers a step that has ended, and no step that one of
them covers is still to end. It cannot know which steps ``run`` would submit later: those that it has submitted count.

That is checked when the evaluation can do nothing else, before each new verdict and after each end of such a step. So
``run`` has gone on as far as it could, and a new step that it has just submitted has not begun yet. The stop is
recorded in a marker: each later evaluation stops from its first line on. From then on:

- A step without a verdict does not begin, nor does anything else that the history does not hold (``base.Executor``).
- A step that has begun is finished, with everything inside it. A step around one that was to be reached is the
  exception: it stops with the run, and is not done.

A child stops in the same way, and its parent with it. Its result tells its parent which steps it has reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simpleflow.constants import STOPPED_MARKER
from simpleflow.futures import Promise
from simpleflow.scopes import Scope
from simpleflow.step import rules
from simpleflow.step.host import Host
from simpleflow.step.ledger import Ledger
from simpleflow.step.recorded_verdicts import details_of
from simpleflow.step.run_record import StepRun

_MOST = 50  # names in the result of a run
_MACHINERY = "step"  # begins the paths of the scopes in which marks are read and steps claimed


class Until:
    """The steps that a run is to reach, and whether it has reached them."""

    def __init__(self, host: Host, ledger: Ledger) -> None:
        self._executor = host.executor
        self._ledger = ledger
        self._request = ledger.request
        self._missing = dict.fromkeys(name for name in self._request.until if name not in self._request.reached)
        self._open: dict[StepRun, None] = {}  # submissions that it is to reach and that have not ended
        self._submitted: dict[StepRun, None] = {}  # all submissions
        self._broken: dict[str, None] = {}  # names of the steps around those that it was to reach
        self._child_has_stopped = False
        self.is_asked_for = bool(self._request.until)
        self.pending = self.is_asked_for
        """True if the run is to stop, and has not stopped yet."""
        self.stopped = False
        found = self._executor.recorded_markers(STOPPED_MARKER) if self.pending else ()
        if found:
            self._broken.update(dict.fromkeys(map(str, details_of(found[0]).get("around") or ())))
            self._stop()

    def submitted(self, run: StepRun) -> None:
        """A step was submitted."""
        self._submitted[run] = None
        if self._request.is_reached_with(run.name):
            self._open[run] = None
            run.when_done(self._ended)

    def settle(self) -> None:
        """Stop the run if it has reached everything. The evaluation can do nothing else now."""
        if not self.pending or self._ledger.catching_up:  # what the history holds comes first
            return
        if self._child_has_stopped or not (self._missing or self._open):
            self._stop()

    def holds(self, run: StepRun) -> bool:
        """True if a step without a verdict must not begin."""
        return self.stopped and not self._is_finished_inside(run.enclosing)

    def child_reached(self, names: Iterable[str], scope: Scope, stopped: bool) -> None:
        """A child in ``scope`` has reached steps of these names; ``stopped``: it has stopped for that."""
        if not self.pending:
            return
        self._reached(names)
        if stopped:
            self._child_has_stopped = True
            self._around(owner for owner in scope.owners() if isinstance(owner, StepRun))
        self._executor.when_idle(self.settle)

    def hands_down(self, around: Iterable[str]) -> Mapping[str, Any] | None:
        """The key ``until`` for a child inside these steps; None: as it is.

        A step that is to be reached does not stop inside.
        """
        if not self._request.until:
            return None
        inside = any(map(self._request.is_reached_with, around))
        return {"until": [] if inside else list(self._missing)}

    def _ended(self, run: Promise) -> None:
        assert isinstance(run, StepRun)
        del self._open[run]
        if self.pending:
            self._around(run.enclosing)
            self._reached(each for each in self._request.until if rules.covers(each, run.name))
            self._executor.when_idle(self.settle)

    def _reached(self, names: Iterable[str]) -> None:
        for name in names:
            self._missing.pop(name, None)
        self._request.reached = [each for each in self._request.until if each not in self._missing]
        self._executor.reached = {"names": self._request.reached, "all": not self._missing}
        self._request.carry(self._executor)

    def _around(self, steps: Iterable[StepRun]) -> None:
        self._broken.update(dict.fromkeys(each.name for each in steps if not self._request.is_reached_with(each.name)))

    def _stop(self) -> None:
        self.pending, self.stopped = False, True
        details = {"until": self._request.until, "around": sorted(self._broken)}
        self._executor.stop(details, self._goes_on, self._result)

    def _goes_on(self, scope: Scope) -> bool:
        steps = [owner for owner in scope.owners() if isinstance(owner, StepRun)]
        if steps:
            return self._is_finished_inside(steps)
        return scope.parent is None and scope.path.startswith(_MACHINERY)

    def _is_finished_inside(self, steps: Iterable[StepRun]) -> bool:
        """True if one of these steps has begun, and is to be finished although the run stops."""
        return any(each.began and each.name not in self._broken for each in steps)

    def _result(self) -> dict[str, Any]:
        done = self._ledger.done
        left = sorted({each.name for each in self._submitted if not (each.done or each.name in done)})
        found: dict[str, Any] = {"until": self._request.until, "not_run": left[:_MOST]}
        return found if len(left) <= _MOST else found | {"more": len(left) - _MOST}
