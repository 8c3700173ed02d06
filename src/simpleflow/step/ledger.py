"""The ledger of one evaluation: which steps are done, marked or unmarked, and which verdicts the history holds.

Theory of operation
-------------------
A verdict and its effects must be the same each time ``run`` is evaluated. But two evaluations may reach the steps in a
different order: the first one takes results as they arrive, a later one finds all of them at once. So "before" and
"after" between steps never mean the order in which an evaluation reaches them. They mean the **order**: the index of
the verdict's marker among all markers of steps in the history.

- A verdict that the history holds has the index of its marker as its order (``Recorded.order``).
- A new verdict gets a number beyond every index of this history, counted up from ``_NEW``. Its marker is written at the
  end of the history: it comes after all that are recorded, and a later evaluation finds the markers in the same order.
- So a new verdict must not be taken while recorded ones are still unreached (``catching_up``): the scheduler puts it
  off until the evaluation can do nothing else.

The ledger begins with what the recorded runs did to the marks. So a step that the history says is done is done from the
first line of ``run`` on, even if the evaluation has not reached the step that wrote the mark. For each name
it keeps the order of the latest end of a run that wrote the mark, and of the latest run that removed it. A step is done
if its mark was written after it was last removed. So it does not matter in which order the two are reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from simpleflow.base import Executor
from simpleflow.constants import DONE_ELSEWHERE_SIGNAL
from simpleflow.step import origins, rules
from simpleflow.step.constants import COMPLETED, DEPENDENT_OF, MARKER_NAME, SCHEDULED
from simpleflow.step.known_names import KnownNames
from simpleflow.step.patterns import Patterns
from simpleflow.step.recorded_verdicts import Recorded, read
from simpleflow.step.request import REASON, Request
from simpleflow.step.run_record import Parts, StepRun

_NEW = 1 << 40  # greater than the order of every recorded verdict


class Ledger:
    """Which steps are forced, skipped, done and running, and which verdicts the history holds."""

    def __init__(self, executor: Executor) -> None:
        self.forced = Patterns()
        self.skipped = Patterns()
        self.done = rules.Names()
        self.known: list[str] = []  # names in the order in which they became known as done
        self.known_names: set[str] = set()
        self.known_before = self._known_before  # one for all steps
        self.at_work: dict[tuple[str, int], Callable[[], None]] = {}
        """By name and number of the verdict, what leaves a claimed step that is at work to another run."""
        self._left: set[str] = set()  # reasons to force a step that count no more: another run has done their steps
        self._executor = executor
        executor.when_signalled(DONE_ELSEWHERE_SIGNAL, self._leave)
        self.latest: dict[str, StepRun] = {}  # the latest run of each name
        self.skipping: dict[str, StepRun] = {}  # by name, the latest submission that is skipped with work or a reading
        self.parts = Parts()  # steps outside of all steps, if the parent has to know of them
        self.recorded: list[Recorded] = read(executor.recorded_markers(MARKER_NAME))
        self._done_at_first: frozenset[str] = frozenset()  # as the marks said when the run read them
        self._marked: dict[str, int] = {}  # by name, the order of the writing of its mark: of the end of the run
        self._unmarked: dict[str, int] = {}  # order of the latest run that removed it
        self._removers: dict[str, tuple[int, str]] = {}  # order and name of the latest run that began to remove it
        self.verdicts: dict[str, int] = {}  # by name of each step that was submitted, the number of verdicts so far
        self._order = _NEW
        self._unreached = len(self.recorded)
        self.catching_up = self._unreached > 0
        """True if this evaluation has not reached all recorded verdicts: new ones have to come after them."""
        self.request = Request(executor)  # what the execution was started with
        for names, patterns in ((self.request.force, self.forced), (self.request.skip, self.skipped)):
            for name in names:
                patterns.add(name, REASON, always=True)
        self.above = origins.read(executor.reserved)  # the executions above this one
        if self.above:
            # A step that they force runs here. It must not be forced again in the execution that continues this one.
            executor.carried[origins.ORIGINS] = [each._replace(ran=()).to_json() for each in self.above]
        for pattern, name in (pair for each in self.above for pair in each.forced()):
            self.forced.add(pattern, DEPENDENT_OF + name, always=True)
        # The recorded verdicts on each name, one for each submission: a run that others joined is there once for each.
        self._submissions: dict[str, Iterator[Recorded]] = {}
        self._next: dict[str, Recorded | None] = {}
        self._take_over()

    def _take_over(self) -> None:
        """Take over what the recorded runs did to the marks."""
        submissions: dict[str, list[Recorded]] = {}
        for recorded in self.recorded:
            for name in recorded.unmarks:
                self._unmarked[name] = recorded.order
                self._removers[name] = recorded.order, recorded.name
            outcome = recorded.outcome or {}
            if outcome.get("status") == COMPLETED and "stale" not in outcome:
                self._marked[recorded.name] = recorded.ended
                self.request.completed(recorded.name)
            submissions.setdefault(recorded.name, []).extend([recorded] * (1 + recorded.joined))
        self._submissions = {name: iter(found) for name, found in submissions.items()}
        self._next = {name: next(found) for name, found in self._submissions.items()}

    @property
    def runs_changed(self) -> bool:
        """True if the run was asked at start to run the steps that have changed."""
        return self.request.changed

    # Done names

    def start(self, names: Iterable[str]) -> None:
        """Take the names that the marks say are done, which the run reads once."""
        names = dict.fromkeys(names)
        self._done_at_first = frozenset(names)
        if not (self._marked or self._unmarked):  # the history tells of no run of a step
            self.done.update(names)
            self.known_names.update(names)
            self.known += names
            return
        for name in dict.fromkeys([*names, *self._marked]):
            marked = self._marked.get(name, -1)
            if self._unmarked.get(name, -2) <= marked:
                self.done.add(name)
            if marked < 0:
                self.known_names.add(name)
                self.known.append(name)

    def is_from_before(self, name: str) -> bool:
        """True if the step was done when the marks were read, and this run has not marked it since."""
        return name in self._done_at_first and name not in self._marked

    def _known_before(self, count: int) -> Sequence[str]:
        """The first ``count`` names that became known as done."""
        return KnownNames(self.known, count)

    def mark_written(self, run: StepRun, recorded: Recorded | None) -> None:
        """A step has run, and its mark is written; ``recorded``: the run as the history holds it."""
        order = self._order if recorded is None or recorded.outcome is None else recorded.ended
        if self._unmarked.get(run.name, -1) <= order:
            self._marked[run.name] = max(order, self._marked.get(run.name, -1))
            self.done.add(run.name)
        self.request.completed(run.name)
        if run.name not in self.known_names:
            self.known_names.add(run.name)
            self.known.append(run.name)

    def removes(self, run: StepRun, names: Iterable[str]) -> None:
        """``run`` is going to remove these marks."""
        for name in names:
            self._removers[name] = max((run.order, run.name), self._removers.get(name, (-1, "")))

    def removed_since(self, run: StepRun) -> str | None:
        """The name of the step whose run has removed the mark that ``run`` has written or was skipped for, if any."""
        order, name = self._removers.get(run.name, (-1, ""))
        return name if order > self._marked.get(run.name, -1) else None

    def marks_removed(self, run: StepRun, names: Iterable[str]) -> None:
        """The marks that ``run`` makes stale are gone; a mark written by a later run, reached before, stands."""
        for name in names:
            self._unmarked[name] = max(run.order, self._unmarked.get(name, -1))
            if self._marked.get(name, -1) < run.order:
                self.done.discard(name)

    def found_done(self, run: StepRun) -> None:
        """A step was skipped because it is done: this workflow run or another one has marked it."""
        if self._unmarked.get(run.name, -1) <= run.order:
            self.done.add(run.name)

    def ran_elsewhere(self, run: StepRun, removed: Iterable[str] = ()) -> None:
        """Another workflow run has run this step since the marks were read: nothing is known of its dependents now.

        ``removed``: the marks that this run has removed before it left the step to the other one.
        """
        self.known_names.difference_update(removed)
        self._left.add(DEPENDENT_OF + run.name)
        for pattern in run.dependents:
            for name in self.done.covered_by(pattern):
                self.done.discard(name)
                self.known_names.discard(name)

    def forcing(self, name: str, count: int) -> dict[str, list[str]]:
        """Those of the first ``count`` forced names that cover ``name``, with their reasons."""
        # A step that was forced at start and has completed since is forced again for other reasons only.
        satisfied = self.request.force and not self.request.forces(name)
        return self.forced.covering(name, count, {*self._left, REASON} if satisfied else self._left)

    def is_done_elsewhere(self, name: str, number: int) -> bool:
        """True if another run has done the step, since this run took that verdict or claimed the step for it."""
        signals = self._executor.signalled(DONE_ELSEWHERE_SIGNAL)
        return any(
            isinstance(each, dict) and (each.get("step"), each.get("number")) == (name, number) for each in signals
        )

    def _leave(self) -> None:
        """Another run has done steps that this one has begun."""
        for (name, number), leave in list(self.at_work.items()):
            if self.is_done_elsewhere(name, number):
                leave()

    # Verdicts

    def recorded_verdict(self, name: str) -> Recorded | None:
        """The recorded verdict for the next submission of ``name``.

        If it was ``reached`` before, that submission joined an earlier one.
        """
        return self._next.get(name)

    def next_number(self, name: str) -> int:
        """The number of the next verdict on ``name``, from 0."""
        return self.verdicts.get(name, 0)

    def count_verdict(self, run: StepRun, recorded: Recorded | None) -> int:
        """Count the verdict on ``run`` and set its order; returns its number among those on this name, from 0."""
        number = self.verdicts.get(run.name, 0)
        self.verdicts[run.name] = number + 1
        if recorded is None:
            self._order += 1
            run.order = self._order
        else:
            self._pass(run.name)
            self._unreached -= 1
            self.catching_up = self._unreached > 0
            recorded.reached = True
            run.order = recorded.order
        return number

    def count_joined(self, run: StepRun) -> None:
        """Count a submission that joins ``run``."""
        if self._next.get(run.name) is not None:
            self._pass(run.name)
        if not run.done:
            run.joined += 1

    def _pass(self, name: str) -> None:
        self._next[name] = next(self._submissions[name], None)

    def unreached_runs(self) -> Iterator[Recorded]:
        """The recorded runs of steps that this evaluation has not reached."""
        if self._unreached:
            yield from (each for each in self.recorded if each.status == SCHEDULED and not each.reached)

    # Progress

    @property
    def is_running(self) -> bool:
        """True if the run of a step has begun and not ended."""
        return any(not run.done for run in self.latest.values()) or any(
            each.outcome is None for each in self.unreached_runs()
        )

    @property
    def has_progressed(self) -> bool:
        """True if a step is marked that was not known as done when the workflow run began."""
        return any(name not in self._done_at_first for name in self._marked if name in self.done)

    def count_new(self) -> int:
        """How many steps are done that were not when the execution began."""
        return sum(name in self.done and name not in self._done_at_first for name in self._marked)

    @property
    def done_at_first(self) -> frozenset[str]:
        """The names that were done when the execution began."""
        return self._done_at_first
