"""A run in which nothing is executed: decisions are taken, activities get the results that are known.

Theory of operation
-------------------
A plan must not lie, so a dry run uses the machinery of a real run: the workflow's own ``run``, the decider, the engine
in memory and the activities of steps. Only the edges differ:

- An activity is not executed. Activities of steps are executed on an overlay over the store (``overlay_store``): they
  read the real marks, and their changes stay in memory. Any other activity returns its result from an earlier run if
  the caller gives earlier runs, else an *unknown* result (``unknown``).
- Code that needs to look into an unknown result waits for ever (``_Evaluation._need``), and the dry run notes where.
  Everything that does not depend on it goes on. Hence a plan holds only steps that would be reached in any case.
- Time stands still unless nothing else can happen. Then the clock jumps to the next timer. Nothing times out.
- No hook is called at the end of an execution (``_Decider``), since nothing ends.

``DryRun._advance`` does one thing at a time, in the order in which ``worker.loop`` does them: an order that differed
could give other verdicts. The verdicts are read from the markers of steps, as they are for a real run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import msgspec

from simpleflow.constants import FAULT_MARKER
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.core.decider.base_decider import completion
from simpleflow.core.decider.decide import Decider
from simpleflow.core.decider.evaluation import Execution, Failure
from simpleflow.core.decider.executor import Executor
from simpleflow.core.decider.hooks import Hooks
from simpleflow.core.decider.recorded_calls import describe
from simpleflow.core.history import History
from simpleflow.engines.base import ActivityTask, DecisionTask, StartRequest
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.engines.executions import Executions
from simpleflow.engines.journal import NoJournal
from simpleflow.engines.run import Run
from simpleflow.exceptions import ExecutionBlocked, InputError, ResultNotKept, SimpleflowError, one_line
from simpleflow.futures import Future, Promise, promise_of
from simpleflow.named_tuple import NamedTuple
from simpleflow.signal import WaitForSignal
from simpleflow.steering import unknown
from simpleflow.steering.earlier_results import EarlierResults, EarlierRuns
from simpleflow.steering.overlay_store import OverlayStores
from simpleflow.step import recorded_tasks, report
from simpleflow.step.constants import MARKER_NAME
from simpleflow.step.notices import Notices
from simpleflow.step.projection import changes_of
from simpleflow.step.run_record import StepRun
from simpleflow.workflow import Workflow
from simpleflow.workflow import registry as workflows

MAX_DECISION_TASKS = 50_000
"""Most decision tasks of a dry run. One that needs more probably loops for ever; its plan would be too long to read."""


class Marker(NamedTuple):
    """A marker of a step."""

    workflow_id: str  # of the execution that recorded it
    run_id: str
    details: str | None  # JSON text


class Need(NamedTuple):
    """A use of an unknown result, at which the code had to stop."""

    run_id: str  # of the execution that needs the result
    step: str | None  # the step whose code needs it; None for ``run`` itself
    text: str  # a sentence for the reader of the plan


class Findings(NamedTuple):
    """The outcome of a dry run."""

    markers: list[Marker]  # markers of steps of all executions, in order
    needs: list[Need]  # uses of unknown results
    notes: list[str]  # everything that makes the plan incomplete, one sentence each
    notices: list[str]  # requests without effect in the run, one sentence each, see ``step.notices``
    not_kept: list[str]  # names of skipped steps without whose results a workflow fails


class DryRun:
    """A run of a workflow in which nothing is executed. See ``plan.plan`` for the arguments."""

    def __init__(
        self,
        workflow_class: type[Workflow],
        default_bucket: str | None,
        domain: str | None,
        earlier_runs: EarlierRuns | None,
    ) -> None:
        self._clock = time.time()  # epoch seconds; jumps when only a timer can go on
        self._overlays = OverlayStores(lambda: self._clock)
        journal = NoJournal(lambda changes: self._overlays.change(default_bucket or "", changes))
        executions = _Executions(journal, lambda: self._clock, self._observe, project=changes_of)
        executions.times_out = False
        self._engine = EmbeddedEngine(executions)
        self._workflow_class = workflow_class
        self._default_bucket = default_bucket
        self._domain = domain
        self._results = None if earlier_runs is None else EarlierResults(earlier_runs)
        self._deciders: dict[str, _Decider] = {}  # by run id
        self._classes: dict[str, type[Workflow]] = {}  # by name of the workflow type, as far as they were used
        self._markers: list[Marker] = []
        self._faults: list[str] = []  # of the workflows, one sentence each
        self._left = MAX_DECISION_TASKS  # decision tasks that may still be taken

    def run(self, request: StartRequest) -> Findings:
        """Start the workflow and go on until nothing more can happen. Raises StoreError, InputError."""
        self._classes[request.name] = self._workflow_class
        try:
            root = self._engine.runs[self._engine.start_workflow_execution(request)]
            while self._left and self._advance(root):
                pass
            self._engine.flush()
            needs = [need for each in self._evaluations() for need in each.needs]
            notes = list(self._notes(root))
            notices = [*self._notices().lines(complete=not notes), *self._faults, *self._overlays.warnings]
            failures = [each.failure.error for each in self._evaluations() if each.failure is not None]
            not_kept = [error.step for error in failures if isinstance(error, ResultNotKept)]
            return Findings(self._markers, needs, notes, notices, not_kept)
        finally:
            for decider in self._deciders.values():
                decider.discard()

    def _advance(self, root: Run) -> bool:
        """Do the next thing that can be done, in the order of ``worker.loop``. Returns False if there is none."""
        engine = self._engine
        due = engine.next_deadline()
        if due is not None and due <= self._clock:
            engine.expire()
        decision = engine.poll_for_decision_task()
        if decision is not None:
            self._left -= 1
            self._decide(decision)
            return True
        if not root.history.open:
            return False
        return self._work() or self._pass_time(due)

    def _work(self) -> bool:
        """Execute an activity, if there is one."""
        activity = self._engine.poll_for_activity_task()
        if activity is not None:
            self._end(activity)
        return activity is not None

    def _end(self, activity: ActivityTask) -> None:
        self._engine.flush()  # it may read the marks
        self._engine.respond_activity_task_completed(activity.token, self._result(activity))

    def _pass_time(self, due: float | None) -> bool:
        """Let the clock jump to the next deadline of the engine: nothing else can happen before."""
        if due is not None:
            self._clock = max(due, self._clock)
        return due is not None

    def _decide(self, task: DecisionTask) -> None:
        decider = self._deciders.get(task.run_id)
        if decider is None:
            workflow_class = self._classes.get(task.name) or workflows.get(task.name)
            if workflow_class is None:
                raise InputError(f"workflow type {task.name!r} is unknown; import the module that defines its class")
            execution = Execution(task.workflow_id, task.run_id, self._domain, self._default_bucket)
            decider = self._deciders[task.run_id] = _Decider(workflow_class, execution)
        decider.advance(task.events[len(decider.history.events) : task.started_event_id])
        answer = decider.answer()
        if decider.evaluation is not None:
            self._classes |= decider.evaluation.workflows
        self._engine.respond_decision_task_completed(task.token, answer.decisions)

    def _result(self, task: ActivityTask) -> str | None:
        performed = self._overlays.perform(task)
        if performed is not None:
            return performed
        if self._results is not None:
            found = self._results.find(task.workflow_id, task.activity_id, task.name)
            if found is not None:
                return found[0]
        return unknown.encode(f"activity {task.name}", f"{task.workflow_id} {task.activity_id}")

    def _observe(self, run: Run, events: Sequence[e.Event]) -> None:
        for event in events:
            attributes = event.attributes
            if isinstance(attributes, e.MarkerRecorded):
                if attributes.marker_name == MARKER_NAME:
                    self._markers.append(Marker(run.workflow_id, run.run_id, attributes.details))
                elif attributes.marker_name == FAULT_MARKER:
                    self._faults.append(describe(attributes.details))

    def _notices(self) -> Notices:
        found = Notices()
        parents = {
            run_id: parent.workflow_id if (parent := run.history.started.parent_workflow_execution) else None
            for run_id, run in self._engine.runs.items()
        }
        for marker in self._markers:
            said = report.read(marker.details)
            if said is not None:
                found.add(marker.workflow_id, parents[marker.run_id], said)
        for run_id, run in self._engine.runs.items():
            found.add_done(run.workflow_id, parents[run_id], ())  # one without steps may have children with steps
            for event in run.history.events:
                attributes = event.attributes
                if isinstance(attributes, e.ActivityTaskCompleted):
                    scheduled: Any = run.history.events[attributes.scheduled_event_id - 1].attributes
                    listed = recorded_tasks.parse(scheduled.activity_type.name, scheduled.input)
                    if isinstance(listed, recorded_tasks.Listed):
                        names = recorded_tasks.listed_names(attributes.result)
                        found.add_done(run.workflow_id, parents[run_id], names)
        return found

    # Unknown results

    def _evaluations(self) -> Iterator[_Executor]:
        for decider in self._deciders.values():
            if isinstance(decider.evaluation, _Executor):
                yield decider.evaluation

    def _notes(self, root: Run) -> Iterator[str]:
        for evaluation in self._evaluations():
            run = self._engine.runs[evaluation.execution.run_id]
            name = _run_name(evaluation)
            if evaluation.failure is not None:
                yield f"{name} fails: {_one_line(evaluation.failure)}"
            elif run.history.open and root.history.open:
                yield from _why_open(evaluation, run.history, name)
        if not self._left:
            yield f"it takes more than {MAX_DECISION_TASKS:,} decisions: the plan stops there"


def _why_open(evaluation: _Executor, history: History, name: str) -> Iterator[str]:
    """Yield the reasons for which an execution is still open."""
    yield from (need.text for need in evaluation.needs)
    signals = [signal for signal, future in evaluation.awaited_signals if not promise_of(future).done]
    yield from (f"{name} waits for the signal {signal!r}" for signal in signals)
    if evaluation.continues is not None:
        yield f"{name} continues as new: the plan does not cover the run that follows"
    if not (evaluation.needs or signals or evaluation.continues or history.under_way):
        yield f"{name} waits for something that nothing in the workflow provides"


def _run_name(evaluation: Executor) -> str:
    child = evaluation.history.started.parent_workflow_execution is not None
    return f"run() of workflow {evaluation.execution.workflow_id}" if child else "run()"


def _one_line(failure: Failure) -> str:
    error = failure.error
    return " ".join(str(error).split()) if isinstance(error, SimpleflowError) else one_line(error)


class _Executor(Executor):
    """An evaluation in which code that looks into an unknown result waits for ever."""

    def __init__(self, workflow_class: type[Workflow], history: History, execution: Execution) -> None:
        self.needs: list[Need] = []
        self.awaited_signals: list[tuple[str, Future]] = []  # name and future of each wait
        super().__init__(workflow_class, history, execution)

    def decode(self, text: str | None) -> object:
        return unknown.decode(text, self._need)

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
        future = super().submit(submittable, *args, **kwargs)
        if isinstance(submittable, WaitForSignal):
            self.awaited_signals.append((submittable.signal_name, future))
        return future

    def _need(self, source: str, source_line: str | None) -> NoReturn:
        step = next((each.name for each in self.scope.owners() if isinstance(each, StepRun)), None)
        name = _run_name(self) if step is None else f"step {step!r}"
        where = "" if source_line is None else f" ({source_line})"
        text = f"{name} needs the result of {source}, which is known only after it runs{where}"
        self.needs.append(Need(self.execution.run_id, step, text))
        self.block(Promise(self))
        raise ExecutionBlocked


class _Hooks(Hooks):
    """No hook is called when an execution ends: it has done nothing."""

    def close(self, name: str, *args: object, waits: bool = False) -> None:
        pass


class _Decider(Decider):
    """A decider that calls no hook when its execution ends, and continues no execution as new."""

    executor_class = _Executor
    hooks_class = _Hooks

    def _complete(self, executor: Executor) -> d.Decision | None:
        if executor.continues is None and executor.returned and not executor.unfinished:
            return completion(executor)
        return None

    def _check_progress(self, executor: Executor) -> None:
        assert isinstance(executor, _Executor)
        if executor.continues is None and not executor.needs:
            super()._check_progress(executor)

    stages = (_complete, Decider._stop, _check_progress)


class _Executions(Executions):
    """Executions in which nothing times out; timers fire."""

    def begin(self, workflow_id: str, started: e.WorkflowExecutionStarted, run_id: str = "", root_id: str = "") -> Run:
        endless = msgspec.structs.replace(
            started, execution_start_to_close_timeout="NONE", task_start_to_close_timeout="NONE"
        )
        return super().begin(workflow_id, endless, run_id, root_id)
