"""Which steps wait for which, so that none waits in a circle.

A step waits for another one if its verdict does, if it has joined it, or if a step inside its work waits. A verdict
does not wait where that would close a circle. But a step that joins another one has no choice: then those look again
that wait for it, or for a step around it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from simpleflow.futures import Promise
from simpleflow.step.run_record import StepRun


class Waits:
    """The steps that wait, and what for."""

    def __init__(self) -> None:
        self.awaited: dict[StepRun, Promise] = {}  # for their verdicts
        self._forcing: dict[StepRun, None] = {}  # those of them that say what they force
        self._joined: dict[StepRun, StepRun] = {}
        self._inside: dict[StepRun, dict[StepRun, None]] = {}  # by step, those of both kinds that are a part of it
        self._moves: dict[StepRun, Promise] = {}  # by awaited step, what ends with it, or once others look again

    def that_may_force(self, run: StepRun) -> Iterator[StepRun]:
        """The steps whose verdicts wait, but for those that surely do not force ``run``: thousands may wait at once."""
        return iter(self.awaited if run.after else self._forcing)

    def begin(self, run: StepRun, promise: Promise) -> Promise:
        """The verdict on ``run`` waits for a promise. Returns the promise after which it has to look again."""
        self.awaited[run] = promise
        if run.dependents:
            self._forcing[run] = None
        self._enter(run)
        if not isinstance(promise, StepRun):
            return promise
        move = self._moves.get(promise)
        if move is None:
            move = self._moves[promise] = Promise()
            promise.when_done(lambda _: self._finish(promise, move))
        return move

    def join(self, run: StepRun, other: StepRun) -> None:
        """``run`` waits for the end of another run of the same step."""
        self._joined[run] = other
        self._enter(run)
        for each in (run, *sorted(run.enclosing, key=lambda each: each.order)):
            if each in self._moves:
                self._finish(each, self._moves[each])

    def end(self, run: StepRun) -> None:
        """``run`` waits no longer."""
        self.awaited.pop(run, None)
        self._forcing.pop(run, None)
        self._joined.pop(run, None)
        for each in run.enclosing:
            self._inside.get(each, {}).pop(run, None)

    def leads_to(self, run: StepRun, others: Collection[StepRun]) -> bool:
        """True if ``run`` waits, directly or not, for one of ``others``."""
        seen: set[StepRun] = set()
        left = [run]
        while left:
            each = left.pop()
            if each in others:
                return True
            if each in seen:
                continue
            seen.add(each)
            left += self._inside.get(each, ())
            for awaited in (self.awaited.get(each), self._joined.get(each)):
                if isinstance(awaited, StepRun) and not awaited.done:  # an activity waits for nothing
                    left.append(awaited)
        return False

    def _enter(self, run: StepRun) -> None:
        for each in run.enclosing:
            self._inside.setdefault(each, {})[run] = None

    def _finish(self, awaited: StepRun, move: Promise) -> None:
        if not move.done:
            self._moves.pop(awaited, None)
            move.finish()
