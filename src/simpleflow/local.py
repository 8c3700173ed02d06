"""Run a workflow inside the calling process.

Theory of operation
-------------------
``Executor`` puts together an engine, a decider and a worker, and drives them with ``worker.loop.drive`` until the run
has ended. The engine keeps the history in memory, or in a state folder. The worker performs activities in this
process (``InlineWorker``) or in worker processes (``Pool``).

A run begins in one of three ways (``Beginning``). Usually a new execution is *started*. If the workflow id has an open
execution whose process died, the run adopts it, with its children. If workflow type and input are the same, it
*resumes* there: it takes the claims on steps again in the name of this process, and may have to wait for another run
that has taken one meanwhile. If they differ, the old execution is terminated, its claims are released, and a new one
*replaces* it.

At any end of the run, things are closed in this order: the workers first, since no activity may go on when another
process is able to drive the run; then the claims on steps; then the engine, which gives up the lease.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from simpleflow import settings, stores, values
from simpleflow.checks import check_flag
from simpleflow.constants import STORE_TIMER
from simpleflow.core import codec, transitions
from simpleflow.core import events as e
from simpleflow.core.decider.answer import EMBEDDED
from simpleflow.core.decider.evaluation import Failure
from simpleflow.engines.base import DecisionTask, StartRequest
from simpleflow.engines.embedded import EmbeddedEngine, Observer, Run
from simpleflow.engines.memory import MemoryEngine
from simpleflow.exceptions import InputError, StoreError
from simpleflow.marker import Marker
from simpleflow.named_tuple import NamedTuple
from simpleflow.runs import ended_run, same_source
from simpleflow.runs.activity_output import ALL, check_output, keeps_output, output_target
from simpleflow.runs.run_pool import PoolChoice
from simpleflow.runs.run_start import RunStart, default_bucket, difference
from simpleflow.runs.start_overrides import check_folder
from simpleflow.step import processes, run_claims
from simpleflow.step.projection import changes_of
from simpleflow.stores import open_store
from simpleflow.stores.presence import Presence
from simpleflow.worker.base import ActivityPool
from simpleflow.worker.decision_worker import DecisionWorker, warn
from simpleflow.worker.imports import NOTHING
from simpleflow.worker.loop import drive
from simpleflow.worker.patience import Patience, left_open
from simpleflow.workflow import Workflow

if TYPE_CHECKING:
    from simpleflow.cluster.target import Cluster
    from simpleflow.runs.run_pool import Made
    from simpleflow.runs.sent_signals import SentSignal
    from simpleflow.stores.state import StateStore


__path__ = [f"{__file__.rpartition('/')[0]}/compat/local"]  # ``simpleflow.local.executor`` of the existing library


STARTED = "started"
RESUMED = "resumed"
REPLACED = "replaced"


class Beginning(NamedTuple):
    """How a run begins."""

    kind: str
    """STARTED: a new execution. RESUMED: where a process that died left it. REPLACED: a new execution, after one whose
    process died was closed: it had another input, or a fresh execution was requested."""

    run: Run
    family: tuple[Run, ...]  # the run and its open children
    replaced: Run | None = None  # the execution that was closed


class Executor:
    """Runs a workflow in this process.

    Activities run in this process too, one after the other, so that a debugger works. Their time-outs are not enforced
    then, since nothing could stop them.

    Args:
        workflow_class: the workflow.
        workflow_id: done steps are kept by it. Default: the class's ``get_workflow_id``, else the workflow type's name.
        state: folder where the history is kept, so that a run that died goes on when it is started again; None: in
            memory.
        nb_workers: run activities in that many worker processes instead; time-outs are enforced then.
        slots: ``{"gpu": 1}``: of the task list ``gpu``, one activity runs at a time, at most.
        workers: run activities on a cluster instead: the address of a Dask scheduler, the path of its scheduler file,
            or a ``simpleflow.cluster.target.Cluster``.
        tag_list: tags of the execution, at most five.
        middlewares: ``{"pre": [...], "post": [...]}``, functions or dotted paths, called around every activity.
        observer: called with (run, events) once they are kept.
        on_begin: called once with the Beginning, before the run is driven.
        on_wait: called with a line of text if the run has to wait: since another run now runs a step that it was
            running, or since the state folder cannot be written.
        force_steps, skip_steps: patterns of steps to force and to skip, in this execution and in its children, with the
            reason "Requested at start".
        changed: run done steps whose arguments or code have changed, in this execution and in its children.
        only_steps: patterns of the only steps to run, likewise: they run even if they are done, all others are skipped.
        until_steps: patterns of steps: the run stops, and completes, once these are done.
        planned_steps: a plan, from ``steering.contract.planned``: the run fails before a step on which it differs.
        keep_going: after a failure that fails the run, open steps and tasks that do not need it finish first.
        overrides: members of the start request in place of the class's: ``task_list``, ``execution_timeout``,
            ``decision_task_timeout`` (time-outs are seconds as text).
        adopt: the workflow's file has moved: go on with the runs and marks of the workflow id although another file
            made them. Without it they are refused, unless ``workflow_id`` is given.
        output: which output of activities in worker processes is shown: ALL lines, each with its step in front, on
            standard error; or NONE. All of it is kept in the folder ``logs`` of the state folder.
        paint: called with the text in front of such a line; returns it with colours. None: no colours.
        fresh: close an open execution whose process died, and start a new one, even if both have the same input.
        progress: print a line on standard error for each event of a step.
        on_failure, on_success: called with the summary of the run, once it has closed: ``on_success`` if it has
            completed and nothing in it has failed, else ``on_failure``, also if it could not start. An error of theirs
            is logged. The summary is that of ``--on-failure`` without ``exit_code`` and ``command``.

    After ``run``: ``workflow_id``, ``run_id``, ``history``, ``signals_sent``, ``list_markers()``, and ``overlooked``:
    the names of tasks that failed outside of steps without any code of the workflow asking whether they did.
    """

    def __init__(
        self,
        workflow_class: type[Workflow],
        *,
        workflow_id: str | None = None,
        state: str | os.PathLike[str] | None = None,
        nb_workers: int | None = None,
        slots: Mapping[str, int] | None = None,
        workers: str | Cluster | None = None,
        tag_list: Sequence[str] | None = None,
        middlewares: Mapping[str, Sequence[str | Callable[..., Any]]] | None = None,
        observer: Observer | None = None,
        on_begin: Callable[[Beginning], None] | None = None,
        on_wait: Callable[[str], None] = lambda text: None,
        force_steps: str | Iterable[str] = (),
        skip_steps: str | Iterable[str] = (),
        changed: bool = False,
        only_steps: str | Iterable[str] = (),
        until_steps: str | Iterable[str] = (),
        planned_steps: Mapping[str, Any] | None = None,
        keep_going: bool = False,
        overrides: Mapping[str, str] | None = None,
        adopt: bool = False,
        fresh: bool = False,
        output: str = ALL,
        paint: Callable[[str], str] | None = None,
        progress: bool = False,
        on_failure: ended_run.OnEnd | None = None,
        on_success: ended_run.OnEnd | None = None,
    ) -> None:
        self._start = RunStart(
            workflow_class,
            workflow_id=workflow_id,
            tag_list=tag_list,
            force_steps=force_steps,
            skip_steps=skip_steps,
            changed=changed,
            only_steps=only_steps,
            until_steps=until_steps,
            planned_steps=planned_steps,
            keep_going=keep_going,
            overrides=overrides,
        )
        self._pools = PoolChoice(nb_workers, slots, workers, middlewares, on_wait)
        for name, flag in {"adopt": adopt, "fresh": fresh, "progress": progress}.items():
            check_flag(flag, name)
        calls = (("observer", observer), ("on_begin", on_begin), ("on_wait", on_wait), ("paint", paint))
        for name, call in calls:
            if not callable(call) and (call is not None or name == "on_wait"):
                raise InputError(f"{name} is {call!r}; expected a function")
        self._on_end = {"on_failure": on_failure, "on_success": on_success}
        for name, function in self._on_end.items():
            ended_run.check_on_end(function, name)
        self.workflow_class = workflow_class
        self.workflow_id = workflow_id
        self.run_id: str | None = None
        self.overlooked: list[str] = []
        self._fresh = fresh
        self._checks_source = not (adopt or workflow_id)
        # Absolute from here on: the code of the run may change the working folder.
        self._state = None if state is None else os.path.abspath(check_folder(state, "state"))
        self._marks = default_bucket(self._state)
        if progress:
            from simpleflow.runs import run_lines

            observer = run_lines.printing(observer)
        self._observer = observer
        self._on_begin, self._on_wait = on_begin, on_wait
        self._output = check_output(output)
        self._paint = paint
        self._events: Sequence[e.Event] = []
        self._deciders: DecisionWorker | None = None  # while the run is driven
        self._runs: list[Run] = []  # the run and its children, once it has been driven

    def run(self, input: Any = None) -> Any:
        """Run the workflow to its end; returns its result, or raises the exception of the run.

        ``input``: ``{"args": [...], "kwargs": {...}}``, a list of arguments, or one argument.

        The exception has notes that say which step and activity failed, with the traceback of the activity.

        Raises the workflow's own exception; TaskFailed (or TimeoutError) for a task that fails the workflow;
        ExecutionError after ``fail()``; ExecutionCanceled, ExecutionTimeoutError, ExecutionTerminated.
        """
        from simpleflow.runs.run_outcome import outcome  # here, as all that few runs need

        run, failure = self.execute(input)
        try:
            return outcome(run, failure)
        except Exception as error:
            from simpleflow.runs import failure_notes

            failure_notes.add_notes(error, self._runs)
            raise

    def execute(self, input: Any = None) -> tuple[Run, Failure | None]:
        """Run the workflow to its end, as ``run``; returns the run, and how its decider failed it, if it did.

        Does not raise errors of the workflow. Raises InputError, RunBusy, StateError, StoreError, LeaseLost.
        """
        request = self.request(input)
        try:
            run, failure = found = self._execute(request)
        except Exception as error:
            summary = ended_run.summary_of_error(self.workflow_id, self.run_id, error, self._state)
            ended_run.call_on_end(self._on_end["on_failure"], summary)
            raise
        if any(self._on_end.values()):
            summary = ended_run.summary_of(self._runs, failure, self.overlooked, self._state)
            done_well = run.history.state == transitions.COMPLETED and summary["reason"] is None
            ended_run.call_on_end(self._on_end["on_success" if done_well else "on_failure"], summary)
        if self._state is not None:
            ended_run.tidy(self._state)
        return found

    def _execute(self, request: StartRequest) -> tuple[Run, Failure | None]:
        stores.forget_relative()
        pool = None
        if not self._pools.is_inline:
            target = partial(output_target, self._state, self.workflow_id, self._output, self._paint)
            pool = self._pools.make(self.workflow_class, keeps_output(self._state), target)
        try:
            with stores.kept_open(self.default_bucket):
                engine = self._engine()
                processes.begin_driving(engine.workers_path)
                return self._drive(request, engine, pool)
        finally:
            processes.end_driving()
            if pool is not None:
                pool.close()

    def _drive(self, request: StartRequest, engine: EmbeddedEngine, pool: Made | None) -> tuple[Run, Failure | None]:
        """Drive the run to its end; give up everything that it holds."""
        workers: ActivityPool | None = pool
        try:
            engine.executions.times_out = pool is not None
            deciders = DecisionWorker(
                engine,
                {request.name: self.workflow_class},
                default_bucket=self.default_bucket,
                limits=EMBEDDED,
                counts_starts=True,
                on_changed=warn if self._observer is None else _shown_by_observer,
                imports=NOTHING,
                tells_waits=self._state is not None,
            )
            self._deciders = deciders
            if pool is not None:
                pool.source, pool.known = engine, deciders.activities
            workers = pool or self._workers(engine, deciders)
            patience = Patience(settings.SIMPLEFLOW_STEP_RETRY_SECONDS)
            self.run_id = self._begin(engine, request)
            with Presence() as presence:
                run = drive(engine, deciders, workers, self.run_id, run_claims.closed, presence.check, patience)
            self.run_id = run.run_id
            self._events = run.history.events
            self._runs = [run, *(each for each in engine.runs.values() if each is not run)]
            self.overlooked = deciders.overlooked
            return run, deciders.failures.get(run.run_id)
        except StoreError as error:
            stays_open = self._state is not None and self.run_id is not None and not error.lasting
            raise (left_open(error, str(self.workflow_id)) if stays_open else error) from error.__cause__
        finally:
            self._give_up(engine, workers)
            self._deciders = None

    def _give_up(self, engine: EmbeddedEngine, workers: ActivityPool | None) -> None:
        """Give up everything that the run holds."""
        if workers is not None:  # first, before another process is able to drive the run
            workers.close()
        run_claims.release(engine.runs.values(), may_go_on=self._state is not None)
        engine.close()

    def awaited_signals(self, run_id: str) -> list[str]:
        """The names of the signals that the run, or a child of it, waits for now. Other threads may ask too."""
        return [] if self._deciders is None else self._deciders.awaited_signals(run_id)

    @property
    def default_bucket(self) -> str:
        """Bucket string of the state folder's done marks, used where no bucket is configured."""
        return self._marks

    @property
    def history(self) -> list[dict[str, Any]]:
        """The events of the run, in SWF's JSON form."""
        return [codec.event_to_dict(event) for event in self._events]

    @property
    def signals_sent(self) -> list[SentSignal]:
        """The signals that the run sent, in order."""
        from simpleflow.runs.sent_signals import signals_in

        return signals_in(self._events)

    def list_markers(self, all: bool = False) -> list[Marker]:
        """The markers that the run recorded: the last one of each name, or all of them, in order."""
        found = [
            Marker(event.attributes.marker_name, values.decode(event.attributes.details))
            for event in self._events
            if isinstance(event.attributes, e.MarkerRecorded)
        ]
        return found if all else list({marker.name: marker for marker in found}.values())

    def request(self, input: Any) -> StartRequest:
        """The start request for this input. Raises InputError for an input, id or tag that is not valid."""
        request = self._start.request(input)
        self.workflow_id = request.workflow_id
        return request

    def _workers(self, engine: EmbeddedEngine, deciders: DecisionWorker) -> ActivityPool:
        from simpleflow.worker.inline import InlineWorker

        return InlineWorker(engine, deciders.activities, self._pools.middlewares, None)

    def _engine(self) -> EmbeddedEngine:
        if self._state is None:
            change_marks = cast("StateStore", open_store(self.default_bucket)).apply
            return MemoryEngine(observer=self._observer, project=changes_of, change_marks=change_marks)
        from simpleflow.engines.sqlite.engine import SqliteEngine
        from simpleflow.engines.sqlite.outage import Outage

        outage = Outage(settings.SIMPLEFLOW_STEP_RETRY_SECONDS, self._on_wait)
        return SqliteEngine(self._state, observer=self._observer, project=changes_of, outage=outage)

    def _begin(self, engine: EmbeddedEngine, request: StartRequest) -> str:
        """Start the execution, or adopt one whose process died; returns its run id."""
        kind = STARTED
        replaced: Run | None = None
        if self._checks_source:
            same_source.check(engine, self.workflow_class, request, self.default_bucket)
        run_id = engine.adopt(request.workflow_id)
        if run_id is not None:
            found = engine.runs[run_id]
            started = found.history.started
            if not self._fresh and any(
                each.workflow_type.name == request.name and values.are_same(each.input, request.input)
                for each in engine.executions.starts_of(found)
            ):
                kind = RESUMED
            else:
                kind, replaced = REPLACED, found
                how = "afresh" if self._fresh else difference(started, request)
                reason = f"its process died, and it was started {how}"
                engine.terminate_workflow_execution(request.workflow_id, run_id, reason)
                run_claims.release(engine.runs.values())
        if run_id is None or kind == REPLACED:
            run_id = engine.start_workflow_execution(request)
        if self._on_begin is not None:
            family = tuple(run for run in engine.runs.values() if run.history.open)
            self._on_begin(Beginning(kind, engine.runs[run_id], family, replaced))
        if kind == RESUMED:
            self.run_id = run_id
            for run in list(engine.runs.values()):
                engine.executions.ask_for_decision(run)
                engine.executions.fire_early(run, STORE_TIMER)  # the store may work by now
                run_claims.regain(run, self._on_wait, engine.receive_messages, engine.signal_workflow_execution)
        return run_id

    def _repr_html_(self) -> str | None:
        """The run as HTML for a notebook; None before it has been driven: then the notebook shows the text."""
        if not self._runs:
            return None
        from simpleflow.pictures.notebook import run_html

        return run_html(self._runs)


def _shown_by_observer(task: DecisionTask, text: str) -> None:
    """Do nothing: the marker ``changed`` is among the events that the observer is given."""
