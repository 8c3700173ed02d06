"""Answer decision tasks, with one decider for each execution, kept alive between its tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from simpleflow import values
from simpleflow import workflow as workflows
from simpleflow.activity import Activity
from simpleflow.core import awaited
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.answer import Limits
from simpleflow.core.decider.decide import Decider, SharedDecider
from simpleflow.core.decider.evaluation import Execution, Failure
from simpleflow.core.decider.recorded_calls import TOLD, describe
from simpleflow.core.tolerant_history import TolerantHistory
from simpleflow.engines.base import DecisionSource, DecisionTask
from simpleflow.exceptions import InputError, LeaseLost, UnknownResource
from simpleflow.source import code_digest, source_file
from simpleflow.worker import foreign_runs, overlooked, returned
from simpleflow.worker.imports import ANY, Imports
from simpleflow.worker.on_closed import OnClosed, ignore
from simpleflow.workflow import Workflow

if TYPE_CHECKING:
    import logging


def _logger() -> logging.Logger:
    import logging  # slow to load, and most runs log nothing

    return logging.getLogger(__name__)


OnChanged = Callable[[DecisionTask, str], None]


def warn(task: DecisionTask, text: str) -> None:
    """Log a line of text about an execution as a warning."""
    _logger().warning("workflow %s, run %s: %s", task.workflow_id, task.run_id, text)


class DecisionWorker:
    """Answers the decision tasks of an engine.

    Args:
        source: where the tasks come from, and where answers go.
        workflow_classes: classes by the name of the workflow type. Others are found when a workflow submits them, or
            by importing the module that the name begins with.
        domain, default_bucket: see ``core.decider.evaluation.Execution``.
        limits: of one answer.
        kept: how many executions are kept alive, the latest ones; None: all until they are forgotten.
        on_closed: called with each execution that an answer closes, if ``kept`` is given.
        counts_starts: an execution that this worker meets for the first time is taken up anew: its code may have been
            edited since, see ``core.decider.recorded_calls``.
        refuses_other_versions: raise InputError for an execution whose version is not that of its class; else warn.
        on_changed: called with the task and a line of text where a call differs from the recorded one, and
            for faults of the workflow.
        imports: the modules that may be imported to find a workflow class.
        tells_waits: say in the execution context which signals an execution waits for, for other processes.
        limited: gives a context manager for each block that runs code of a workflow.

    Attributes:
        failures: by run id, how the decider failed an execution.
        overlooked: the names of failed tasks of executions that completed, see ``Executor.overlooked`` of the decider.
        activities: by name, the activities that the workflows have submitted.
    """

    def __init__(
        self,
        source: DecisionSource,
        workflow_classes: dict[str, type[Workflow]],
        domain: str | None = None,
        default_bucket: str | None = None,
        limits: Limits = Limits(),
        kept: int | None = None,
        on_closed: OnClosed = ignore,
        counts_starts: bool = False,
        refuses_other_versions: bool = False,
        on_changed: OnChanged = warn,
        imports: Imports = ANY,
        tells_waits: bool = False,
        limited: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.failures: dict[str, Failure] = {}
        self.overlooked: list[str] = []
        self.activities: dict[str, Activity] = {}
        self._source = source
        self._classes = dict(workflow_classes)
        self._domain = domain
        self._default_bucket = default_bucket
        self._limits = limits
        self._kept = kept
        self._on_closed = on_closed
        self._counts_starts = counts_starts
        self._refuses_other_versions = refuses_other_versions
        self._on_changed = on_changed
        self._imports = imports
        self._tells_waits = tells_waits
        self._limited = limited
        self._deciders: dict[str, Decider | SharedDecider] = {}
        self._contexts: dict[str, str] = {}  # execution context of the decisions made here, by run id
        self._digests: dict[type[Workflow], str] = {}  # of the code of workflow classes
        self._surprises: set[tuple[str, str]] = set()  # types of unforeseen events that are logged, and how

    def decide(self, task: DecisionTask) -> None:
        """Answer one task, unless its execution was ended meanwhile.

        An error of this library leaves the task to its time-out: the execution does not fail by it. Raises that error.
        """
        try:
            with self._limited():
                decider = self._decided(task)
                answer = decider.answer()
            if decider.evaluation is not None:
                self._classes |= decider.evaluation.workflows
                self.activities |= decider.evaluation.activities
            context = decider.execution.context
            if answer.failure is not None:
                self.failures[task.run_id] = answer.failure
            elif answer.decisions and isinstance(answer.decisions[-1], d.CompleteWorkflowExecution):
                assert decider.evaluation is not None
                if names := decider.evaluation.overlooked:
                    self.overlooked += names
                    context = overlooked.in_context(context or "", names)
            if decider.evaluation is not None and decider.evaluation.tells_changes:
                for decision in answer.decisions:
                    if isinstance(decision, d.RecordMarker) and decision.marker_name in TOLD:
                        self._on_changed(task, describe(decision.details))
            if task.history is None and context is not None and decider.evaluation is not None:
                closes = bool(answer.decisions) and isinstance(answer.decisions[-1], d.CLOSING)
                context = returned.in_context(context, decider.evaluation.returned and not closes)
            if self._tells_waits and context and decider.evaluation is not None and decider.evaluation.signals.awaited:
                context = awaited.in_context(context, decider.evaluation.signals.awaited_names)
            if context == decider.history.execution_context:
                context = None  # it stands until an answer changes it
            self._source.respond_decision_task_completed(task.token, answer.decisions, context)
            if self._kept is not None and answer.decisions and isinstance(answer.decisions[-1], d.CLOSING):
                if not isinstance(answer.decisions[-1], d.ContinueAsNewWorkflowExecution):
                    self._on_closed(decider)
                self.forget(task.run_id)
        except LeaseLost:
            self.forget(task.run_id)
            raise
        except UnknownResource:
            self.forget(task.run_id)  # the execution was ended from outside meanwhile
        except BaseException:
            self.forget(task.run_id)
            raise

    def _decided(self, task: DecisionTask) -> Decider | SharedDecider:
        """The decider of the execution, after it has decided ``task``: the one that is kept alive, if it still fits.

        It fits if it reads the history of the task, or if it folds the events itself and the task has only events.
        """
        decider = self._deciders.get(task.run_id)
        if isinstance(decider, SharedDecider) and decider.history is task.history:
            decider.decide()
        elif isinstance(decider, Decider) and task.history is None:
            self._advance(decider, task)
        else:
            if decider is not None:
                self.forget(task.run_id)
            execution = self.execution_of(task)
            if task.history is not None:
                decider = SharedDecider(self._class(task.name), execution, task.history, self._limits)
            else:
                # The events come from a service that is not ours.
                decider = Decider(self._class(task.name), execution, self._limits, TolerantHistory())
                self._advance(decider, task)
        self._keep(task.run_id, decider)
        return decider

    def _advance(self, decider: Decider, task: DecisionTask) -> None:
        """Let the decider fold the events of the task that it does not know."""
        known, last = len(decider.history.events), task.started_event_id
        if len(task.events) >= last and task.events[last - 1].id == last:
            new = task.events[known:last]
        else:  # some are missing or doubled
            new = sorted((each for each in task.events if known < each.id <= last), key=lambda each: each.id)
        foreign_runs.check(new, decider.history.events, decider.history.execution_context)
        decider.advance(new)
        assert isinstance(decider.history, TolerantHistory)
        for event, text in decider.history.surprises:
            say = _logger().debug if (event.type, text) in self._surprises else _logger().warning
            self._surprises.add((event.type, text))
            say(
                "workflow %s, run %s, event %s (%s): %s",
                task.workflow_id,
                task.run_id,
                event.id,
                event.type,
                text,
            )
        decider.history.surprises.clear()

    def execution_of(self, task: DecisionTask) -> Execution:
        """The facts about the execution of a task that its history does not hold."""
        context = self._contexts.get(task.run_id)
        if context is None:
            context = self._contexts[task.run_id] = self._context(task)
        return Execution(task.workflow_id, task.run_id, self._domain, self._default_bucket, context)

    def _context(self, task: DecisionTask) -> str:
        """The execution context of the decisions that are made here."""
        kind = self._class(task.name)
        self._check_version(kind, task)
        if kind not in self._digests:
            self._digests[kind] = code_digest.of_class(kind)
        context: dict[str, Any] = {"code": self._digests[kind]}
        if (file := source_file.of_class(kind)) is not None:
            context["file"] = file
            if self._domain is None:  # other commands on this machine find the class by it
                context["path"] = source_file.path_of(kind)
            if "." in kind.__module__:  # in a package, a file alone could not import its neighbours
                context["module"] = kind.__module__
            if task.name.rpartition(".")[2] != kind.__name__:
                context["class"] = kind.__name__
        if self._counts_starts:
            context["start"] = 1 + max(map(_start_of, _contexts(task)), default=0)
        return values.encode(context, "execution context")

    def _check_version(self, kind: type[Workflow], task: DecisionTask) -> None:
        version = kind.version
        if version is None or version == task.version:
            return  # a class that has no version decides those of any
        text = (
            f"the execution has version {task.version!r} of workflow {task.name}, and the class here has version "
            f"{version!r}"
        )
        if self._refuses_other_versions:
            raise InputError(f"{text}: start a decider with the code of version {task.version!r}")
        warn(task, f"{text}; it goes on with the code of the class here")

    def _keep(self, run_id: str, decider: Decider | SharedDecider) -> None:
        """Keep a decider alive, as the latest one."""
        self._deciders.pop(run_id, None)
        self._deciders[run_id] = decider
        if self._kept is not None and len(self._deciders) > self._kept:
            self.forget(next(iter(self._deciders)))

    def awaited_signals(self, run_id: str) -> list[str]:
        """The names of the signals that an execution waits for, as far as it is kept alive here. For any thread."""
        decider = self._deciders.get(run_id)
        evaluation = None if decider is None else decider.evaluation
        return [] if evaluation is None else evaluation.signals.awaited_names

    def has_returned(self, run_id: str) -> bool:
        """True if the method ``run`` of an execution that is kept alive here has returned."""
        decider = self._deciders.get(run_id)
        return decider is not None and decider.evaluation is not None and decider.evaluation.returned

    def forget(self, run_id: str) -> None:
        """Discard the decider that is kept alive for an execution."""
        decider = self._deciders.pop(run_id, None)
        if self._kept is not None:
            self.failures.pop(run_id, None)
            self._contexts.pop(run_id, None)
        if decider is not None:
            with self._limited():
                decider.discard()

    def _class(self, name: str) -> type[Workflow]:
        found = self._classes.get(name) or workflows.registry.get(name)
        if found is None:
            self._imports.load(name, f"workflow {name}")
            found = workflows.registry.get(name)
        if found is None:
            raise InputError(
                f"workflow type {name!r} is unknown in this process; "
                "define its class at the top level of a module that is imported"
            )
        return found


def _contexts(task: DecisionTask) -> Iterator[str]:
    """The execution contexts that the answers so far gave."""
    if task.history is not None:
        yield from (text for _, text in task.history.contexts)
        return
    for event in task.events:
        attributes = event.attributes
        if isinstance(attributes, e.DecisionTaskCompleted) and attributes.execution_context is not None:
            yield attributes.execution_context


def _start_of(text: str) -> int:
    """How often the execution had been taken up when it had this execution context; 0 for one that does not tell."""
    try:
        context = values.decode(text)
    except ValueError:
        return 0
    start = context.get("start") if isinstance(context, dict) else None
    return start if isinstance(start, int) else 0
