"""The executions that a process owns, and how what happens to them is kept.

What one operation changes, in however many executions, is kept as a whole or not at all. Where it is kept is the
journal's business; what the rules say is in ``core.record`` and ``core.expire``.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from simpleflow.core import events as e
from simpleflow.core.service import record
from simpleflow.core.service.expire import expire, forget_passed, next_deadline
from simpleflow.engines import effects
from simpleflow.engines.journal import Journal, Message
from simpleflow.engines.run import Observer, Run, make_run_id
from simpleflow.engines.tasks import Tasks
from simpleflow.exceptions import InputError, RunBusy, SimpleflowError


class Executions:
    """See ``EmbeddedEngine``, which is this with the ports of an engine."""

    times_out = True
    """Whether activities time out; not where they run in the engine's own thread, which nothing can stop."""

    workers_survive = False
    """Whether those who took tasks live on when the process of the engine dies, and may still answer."""

    make_run_id = staticmethod(make_run_id)

    def __init__(
        self, journal: Journal, clock: Callable[[], float] = time.time, observer: Observer | None = None
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.observer = observer
        self.runs: dict[str, Run] = {}
        self.tasks = Tasks()
        self._open: dict[str, Run] = {}  # by workflow id
        self._deadlines: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._written: list[tuple[Run, e.Event]] = []  # folded, not kept yet
        self._ended = False  # an execution has ended by what is not kept yet
        self._operating = False

    # Operations

    def operation(self, may_wait: bool = False) -> AbstractContextManager[None]:
        """What is appended inside is kept as a whole at the end, or not at all; one inside another is part of it.

        ``may_wait``: it may be kept together with what comes next, unless somebody outside would miss it: another
        process (the journal knows), or whoever waits for the end of an execution.
        """
        return _INSIDE if self._operating else _Operation(self, may_wait)

    def append(self, run: Run, events: Sequence[e.Event]) -> None:
        """Fold events into an execution and offer its tasks; kept at the end of the operation, or of the next one."""
        history = run.history
        for event in events:
            history.apply(event)
            self._written.append((run, event))
            self.tasks.note(run, event)
        if not history.open:
            self._ended = True
            self.tasks.forget(run)
            self._open.pop(run.workflow_id, None)
        self._watch(run)

    def _keep_written(self) -> None:
        written = self._written
        try:
            self.journal.commit(written)
        except BaseException:
            self._undo(-1)  # what waited is part of the commit that failed
            raise
        self._written = []
        self._ended = False
        if self.observer is not None:
            for run, events in itertools.groupby(written, lambda each: each[0]):
                self.observer(run, [event for _, event in events])

    def _undo(self, before: int) -> None:
        """An operation failed that began with so many events not kept yet."""
        self.journal.rollback()
        if len(self._written) > before:
            self._forget_written()

    def flush(self) -> None:
        """Keep what is written so far, such as that tasks were started."""
        if self._written and not self._operating:
            self._keep_written()

    def _forget_written(self) -> None:
        """What could not be kept has not happened: let go of the executions it was about."""
        for run in {run.run_id: run for run, _ in self._written}.values():
            self._forget(run)
        self._written = []
        self._ended = False

    # Executions

    def begin(self, workflow_id: str, started: e.WorkflowExecutionStarted, run_id: str = "", root_id: str = "") -> Run:
        """Begin an execution. Raises RunBusy if the workflow id has an open one."""
        if not workflow_id or len(workflow_id) > 256:
            raise InputError(f"workflow id {workflow_id[:40]!r} has {len(workflow_id)} characters; expected 1 to 256")
        if workflow_id in self._open:
            raise RunBusy(f"workflow id {workflow_id!r} has an open execution")
        run_id = run_id or self.make_run_id()
        run = Run(workflow_id, run_id, root_id or run_id)
        self.journal.begin(workflow_id, run_id, run.root_id, started.workflow_type, self.clock())
        self._keep(run)
        self.append(run, record.start(started, self.clock()))
        return run

    def find(self, workflow_id: str, run_id: str | None) -> Run | None:
        """The open execution of that workflow id in this process, if it has the run id asked for."""
        run = self._open.get(workflow_id)
        return run if run is not None and run_id in (None, "", run.run_id) else None

    def open_runs(self) -> list[Run]:
        """The open executions of this process, the oldest first."""
        return list(self._open.values())

    def postpone(self, run: Run, event: e.Event, initiated: e.StartChildWorkflowExecutionInitiated) -> bool:
        """Whether the start of a child is left for later; whoever overrides this sees to it."""
        return False

    def adopt(self, workflow_id: str) -> str | None:
        """Take over the open execution of ``workflow_id``, with its family, from a process that died.

        Returns its run id; None if there is none. Raises RunBusy if its process lives.
        """
        found = None
        for kept in self.journal.claim(workflow_id):
            run = Run(kept.workflow_id, kept.run_id, kept.root_id)
            for event in self.journal.load(kept.run_id):
                run.history.apply(event)
            self._keep(run)
            run.history.resume(self.clock())
            self._watch(run)
            self.tasks.offer(run, self.workers_survive)
            if run.workflow_id == workflow_id:
                found = run.run_id
        return found

    def release(self, root_id: str) -> None:
        """Own the open executions of that family no longer: whoever adopts them may drive them."""
        self.flush()
        self.journal.release(root_id)
        for run in list(self.runs.values()):
            if run.root_id == root_id and run.history.open:
                self._forget(run)

    def end_family(self, root: Run) -> None:
        """Terminate what is still open of a family whose first execution has ended: nobody would drive it."""
        for run in list(self.runs.values()):
            if run.root_id == root.root_id and run.history.open:
                reason = "its family's first execution ended"
                self.take(run, Message("terminate", run.workflow_id, run.run_id, {"reason": reason}))

    def close(self) -> None:
        """Let go of everything; executions that are open wait for a process that adopts them."""
        try:
            self.flush()
        except SimpleflowError:
            pass  # they go on from what was kept
        self.journal.close()

    def _keep(self, run: Run) -> None:
        run.history.times_out = self.times_out
        self.runs[run.run_id] = run
        self._open[run.workflow_id] = run
        self._watch(run)

    def _forget(self, run: Run) -> None:
        self.tasks.forget(run)
        self.runs.pop(run.run_id, None)
        if self._open.get(run.workflow_id) is run:
            del self._open[run.workflow_id]

    # Messages

    def deliver(self, message: Message) -> bool:
        """Give a message to its execution, here or in another process; False if there is none."""
        run = self.find(message.workflow_id, message.run_id)
        if run is not None:
            self.take(run, message)
            return True
        with self.operation():
            return self.journal.send(message)

    def look(self) -> None:
        """Take in what other processes have sent to the executions of this one."""
        for message in self.journal.receive():
            run = self.find(message.workflow_id, message.run_id)
            if run is not None:  # else it ended with the message before
                with self.operation():
                    self.take(run, message)
                    self.journal.received(message)

    def take(self, run: Run, message: Message) -> None:
        """Write a message into the history of an execution of this process."""
        if message.kind == "terminate":
            attributes: e.Attributes = e.WorkflowExecutionTerminated(
                cause=message.content.get("cause") or "OPERATOR_INITIATED",
                child_policy=message.content.get("child_policy") or run.history.started.child_policy,
                details=message.content.get("details"),
                reason=message.content.get("reason"),
            )
        elif message.kind == "cancel":
            attributes = e.WorkflowExecutionCancelRequested(
                cause=message.content.get("cause"),
                external_initiated_event_id=message.initiated_id,
                external_workflow_execution=message.source,
            )
        else:
            attributes = e.WorkflowExecutionSignaled(
                external_initiated_event_id=message.initiated_id,
                external_workflow_execution=message.source,
                input=message.content["input"],
                signal_name=message.content["signal_name"],
            )
        with self.operation():
            events = record.happened(run.history, [attributes], self.clock())
            self.append(run, events)
            effects.follow(self, run, events)

    # Time

    def expire(self) -> None:
        """Let time do its work on the executions of this process."""
        now = self.clock()
        while self._deadlines and self._deadlines[0][0] <= now:
            due, _, run_id = heapq.heappop(self._deadlines)
            run = self.runs.get(run_id)
            if run is None or not run.history.open or run.due != due:  # else an earlier one took its place
                continue
            events = expire(run.history, now)
            if events:
                with self.operation():
                    self.append(run, events)
                    effects.follow(self, run, events)
            forget_passed(run.history, now)
            run.due = None
            self._watch(run)

    def next_deadline(self) -> float | None:
        """Epoch seconds of the next thing that time does; None if there is none."""
        return self._deadlines[0][0] if self._deadlines else None

    def _watch(self, run: Run) -> None:
        due = next_deadline(run.history)
        if due is not None and (run.due is None or due < run.due):
            run.due = due
            heapq.heappush(self._deadlines, (due, next(self._order), run.run_id))


class _Operation:
    """See ``Executions.operation``."""

    __slots__ = ("_before", "_engine", "_may_wait")

    def __init__(self, engine: Executions, may_wait: bool) -> None:
        self._engine = engine
        self._may_wait = may_wait

    def __enter__(self) -> None:
        engine = self._engine
        self._before = len(engine._written)
        engine._operating = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        engine = self._engine
        engine._operating = False
        if kind is not None:
            engine._undo(self._before)
        elif not self._may_wait or engine._ended or engine.journal.must_commit:
            engine._keep_written()


_INSIDE = nullcontext()
