"""The submissions of steps, and the parts that each consists of.

A step is not done while something in it failed: its mark would let the next run skip what has to run again. So a step
fails if a step inside its work failed, was refused or was cancelled, even if the work around that ended well. This also
holds for steps in children and in their children, which hand up the names of failed steps (``core.decider.parts``). A
step inside with ``optional=True`` does not count.

Only the innermost step around a part counts it. That step fails too, and is itself a part of the step around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from simpleflow.constants import OVERLOOKED
from simpleflow.exceptions import ResultNotKept
from simpleflow.futures import FINISHED, Future, Promise, Waiter
from simpleflow.retries import NONE as NO_RETRIES
from simpleflow.retries import Retry
from simpleflow.scopes import Child, Container, ScopeOwner, Tried
from simpleflow.step import rules
from simpleflow.step.changes import Changes
from simpleflow.step.host import Definition
from simpleflow.step.made_with import MAX_ARGUMENTS, MadeWith
from simpleflow.step.report import error_text

_NOT_TAKEN = rules.Verdict(False, False)
NO_PARTS: Mapping[str, Sequence[str]] = {}
_GONE: Any = ()  # in place of what a step has let go
_NAMED = 3  # failed parts that the error of a step names


class StepRun(Promise, ScopeOwner):
    """One submission of a step, from its submission to its end. It is the promise of the step's future.

    A workflow may have hundreds of thousands, which stay to the end of the evaluation. So large members go once the
    step has ended and can no longer be asked for them: its work, and the result of that (``end``).
    """

    __slots__ = (
        "__dict__",
        "_has_ended",
        "_is_watched",
        "_known_before",
        "after",
        "began",
        "dependents",
        "elements",
        "enclosing",
        "known_count",
        "made_with",
        "name",
        "order",
        "step",
        "tasks",
        "value",
        "verdict",
    )

    # What few steps have is set when they need it.
    forced_count = 0  # how many names were forced, and how many skipped, when it was submitted
    skipped_count = 0
    fingerprint: str | None = None  # with ready-made parts: once the scheduler knows them
    optional = False
    retries: Retry = NO_RETRIES
    unknown: ResultNotKept | None = None  # a step inside was skipped, so a part of the value is not known
    joined = 0  # how many later submissions of the same name wait for the end of this one
    changes: Changes | None = None  # how its inputs differ from those of the mark
    failed = False
    error: str | None = None  # why it failed, in one line
    stale: str | None = None  # why it was not marked, though it did not fail
    lacks_mark = False  # it is skipped since others alone are to run, and it is not done
    not_kept: str | None = None  # why there is no value, though there should be one
    known_parts = NO_PARTS  # the steps inside, as its mark tells of them
    below: Sequence[Any] = ()  # the steps of children inside, as its mark tells of them
    _parts: Parts | None = None  # of its work or its alternative, once it has any

    def __init__(
        self,
        step: Definition,
        enclosing: frozenset[StepRun],
        known_before: Callable[[int], Sequence[str]],
        waiter: Waiter,
    ) -> None:
        super().__init__(waiter)
        self.step = step
        self.name = step.step_name
        self.dependents: Sequence[str] = step.force_steps_if_executed or ()
        """Patterns: the names that are forced if this step runs."""
        self.after: Sequence[str] = step.after or ()
        """Patterns: the names of the steps that force this one if they run."""
        self.enclosing = enclosing  # the steps that this one is a part of
        self.began = False  # its verdict has been taken
        self.verdict = _NOT_TAKEN
        self.order = 0  # of its verdict among all verdicts of the run, see ``ledger``
        self.known_count = 0  # how many names were known as done when it began
        self.made_with: MadeWith | None = None  # its inputs, once somebody has needed them
        self.value: Any = None  # what the work, the alternative or the mark gave
        self.elements: list[Any] = []  # the second part of ``result``
        self.tasks: Sequence[Tried] = ()  # the activities and children inside, those about its mark too
        self._known_before = known_before
        self._has_ended = False  # see ``end``
        self._is_watched = True  # its future is held by somebody
        if step.optional:
            self.optional = True
        if step.fingerprint is not None:
            self.fingerprint = step.fingerprint
        if step.retries is not NO_RETRIES:
            self.retries = step.retries

    @property
    def future(self) -> Future:
        """A view of this promise. The one that user code got is not kept here: see ``unwatched``."""
        return Future(promise=self)

    @property
    def kind(self) -> str:
        return "StepFuture"

    def unwatched(self) -> None:
        """The code of the workflow no longer holds the future."""
        self._is_watched = False
        if self._has_ended:
            self._let_go()

    def end(self, joined: bool) -> None:
        """The step has ended, and with it its life; ``joined``: other submissions end as it does."""
        self.tasks = ()
        if self._parts is not None:
            self._parts = None
        if joined:
            return
        self._has_ended = True
        if not self._is_watched:
            self._let_go()

    def _let_go(self) -> None:
        self.value = None
        self.elements = _GONE
        self.known_count = 0
        made_with = self.made_with
        if made_with is not None:  # else it may have to be found out of the work
            self.step = _GONE
            if len(made_with.arguments) > MAX_ARGUMENTS:
                self.made_with = made_with.in_short()

    @property
    def result(self) -> Any:
        """``[names known as done before, elements]``."""
        # Made when it is read: the names are many, and few read it.
        return [self._known_before(self.known_count), self.elements] if self.state == FINISHED else None

    @result.setter
    def result(self, value: Any) -> None:
        pass

    def take_value(self, work: Promise) -> None:
        """Take the value of what was submitted as the work or the alternative, and has ended."""
        try:
            self.value = work.argument()
            if self.unknown is not None:
                self.unknown = None
        except ResultNotKept as error:
            self.value, self.unknown = work.argument(strict=False), error

    def check_kept(self) -> None:
        """Raise ResultNotKept if the step should have kept its result, and it is not known."""
        if self.not_kept is not None:
            text = f"step {self.name!r} was skipped, and its result is not known: {self.not_kept}"
            raise ResultNotKept(text, self.name)

    def argument(self, strict: bool = True) -> Any:
        if strict:
            self.check_kept()
            step = self.step
            if self.unknown is not None:
                raise self.unknown
            if not (self.verdict.run or self.failed or step.keep_result) and step.alternative() is None:
                raise ResultNotKept(
                    f"step {self.name!r} was skipped, and its result was not kept, but a task needs it as an argument: "
                    "give the step keep_result=True, and force it once",
                    self.name,
                )
        return self.value

    def forces(self, other: StepRun) -> bool:
        """True if running this step forces ``other``: one of the two says so."""
        return self.covers(other.name) or other.is_after(self.name)

    def covers(self, name: str) -> bool:
        """True if this step says that it forces ``name``."""
        return any(rules.covers(pattern, name) for pattern in self.dependents)

    def is_after(self, name: str) -> bool:
        """True if this step says that it depends on ``name``."""
        return name != self.name and any(rules.covers(pattern, name) for pattern in self.after)

    @property
    def inside(self) -> list[str]:
        """The names of the steps that are not done while this one is not: it is a part of them, the innermost first."""
        found: list[str] = []
        inner = self
        for outer in sorted(self.enclosing, key=lambda each: len(each.enclosing), reverse=True):
            if inner.optional:
                break
            found.append(outer.name)
            inner = outer
        return found

    @property
    def parts(self) -> Parts:
        """The submissions inside its work or its alternative."""
        if self._parts is None:
            self._parts = Parts()
        return self._parts

    def unfinished_part(self) -> Promise | None:
        """See ``Parts.unfinished``."""
        return None if self._parts is None else self._parts.unfinished()

    def parts_error(self) -> str | None:
        """See ``Parts.error``."""
        return None if self._parts is None else self._parts.error()

    def parts_that_count(self) -> list[StepRun]:
        """The latest submissions of the steps inside that may not fail, and that were not skipped by name."""
        return [] if self._parts is None else self._parts.that_count()

    def children(self) -> Sequence[Child]:
        """The children inside, but for those in other steps inside."""
        return () if self._parts is None else self._parts.children

    def add_task(self, task: Tried) -> None:
        if not isinstance(self.tasks, list):
            self.tasks = []
        self.tasks.append(task)

    def add_child(self, child: Child) -> None:
        self.parts.children.append(child)

    def add_container(self, container: Container) -> None:
        self.parts.containers.append(container)

    @property
    def problem(self) -> str | None:
        """How it ended, if it did not end well."""
        if self.failed:
            return f"failed: {self.error}"
        if not self.done:
            return "has not ended"
        return None if self.failure is None else "was cancelled"

    def end_as(self, other: StepRun) -> None:
        """End as another run of the same step did."""
        self.order, self.failed, self.error, self.stale = other.order, other.failed, other.error, other.stale
        self.verdict, self.value, self.not_kept = other.verdict, other.value, other.not_kept
        self.unknown = other.unknown
        self.known_count, self.elements = other.known_count, other.elements
        self.settle_as(other)


class Parts:
    """The steps and children that were submitted inside one step, or outside of all steps of a workflow."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.containers: list[Container] = []
        self._steps: list[StepRun] = []

    def add_step(self, run: StepRun) -> None:
        """A step was submitted inside."""
        if not run.optional:
            self._steps.append(run)

    def unfinished(self) -> Promise | None:
        """A part that has not ended, or a container that may still submit some; None once all have ended."""
        promises = (*self.containers, *self._steps, *(child.promise for child in self.children), *self._beside())
        return next((promise for promise in promises if not promise.done), None)

    def _beside(self) -> Iterator[Promise]:
        return (promise for container in self.containers for promise in container.beside())

    def steps_failed(self) -> dict[str, bool]:
        """The steps by name: True for one that failed, was cancelled or has not ended."""
        return {run.name: run.problem is not None for run in self.latest()}

    def error(self) -> str | None:
        """Names the parts that failed, and says why; None if none did."""
        found = list(self._errors())
        if not found:
            failed = [each.exception for each in self._beside() if each.exception is not None]
            found = [f"work inside it failed: {error_text(each)}" for each in failed]
        if not found:
            return None
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return "; ".join(found[:_NAMED]) + more

    def latest(self) -> list[StepRun]:
        """The latest submission of each name: a step that failed and then ran again with success is done."""
        latest: dict[str, StepRun] = {}
        for run in self._steps:
            if run.name not in latest or run.order >= latest[run.name].order:
                latest[run.name] = run
        return sorted(latest.values(), key=lambda run: run.order)

    def that_count(self) -> list[StepRun]:
        """The latest submissions, but for those that were skipped by name."""
        return [each for each in self.latest() if each.verdict.run or not each.verdict.forced]

    def _errors(self) -> Iterator[str]:
        for run in self.latest():
            if run.problem is not None:
                yield f"step {run.name!r} inside it {run.problem}"
        for workflow_id, name in sorted({part for child in self.children for part in child.failed_parts}):
            if name == OVERLOOKED:
                yield f"an activity or child of child workflow {workflow_id!r} inside it failed"
            elif name:
                yield f"step {name!r} of child workflow {workflow_id!r} inside it failed"
            else:
                yield f"child workflow {workflow_id!r} inside it failed"
