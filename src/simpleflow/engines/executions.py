"""The executions that a process owns: begun, changed, adopted and given up.

Theory of operation
-------------------
``Executions`` holds the open executions in memory, each a ``Run`` with its folded history. The rules are elsewhere:
``core.service.record`` and ``core.service.expire`` say which events follow from a request or from time. Here is the
order in which things are done with these events. ``apply`` is the centre:

1. ``append`` folds the events into the history, makes or ends their tasks (``Tasks``), and leaves them pending
   (``Operations``, which says when they are kept).
2. ``effects_of`` finds what the events set off in other executions; ``perform`` does that, which appends more events
   there and back here, and so on until nothing is set off any more.

Both happen in one operation: an end is kept together with the event in the parent that reports it, and a message
together with the event that says that it was delivered.

An execution belongs to a *family*: the one it began with (the root) and all of its children, their children and so on.
A family is owned, adopted and released as a whole, so all effects between its members happen inside one process. Only
signals, cancel requests and terminations go to executions of other processes: as messages through the journal, which
their owner reads with ``receive_messages``.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from simpleflow.core import events as e
from simpleflow.core.records import Record
from simpleflow.core.service import record
from simpleflow.core.service.expire import expire, forget_passed
from simpleflow.engines.clock import SLEEP_SECONDS, Clock
from simpleflow.engines.deadlines import Deadlines
from simpleflow.engines.effects import Deliver, Effect, StartChild, StopChild, TellParent, effects_of
from simpleflow.engines.journal import Journal, Message, StoredRun
from simpleflow.engines.operations import Operations
from simpleflow.engines.run import Observer, Projection, Run, make_run_id
from simpleflow.engines.tasks import Tasks
from simpleflow.exceptions import InputError, InvalidTransition, RunBusy, SimpleflowError, UnknownResource

_PAGE = 1_024
"""Events of an adopted execution that are read at once, at most."""


class Executions:
    """The executions that this process owns.

    Args:
        journal: where they are kept.
        clock: gives epoch seconds; None: a new Clock.
        observer: called with (run, events) once they are kept.
        workers_survive: True if those who took tasks live on when this process dies, and may still answer.
        child_delay: gives the seconds by which the start of a child is late; None: children start at once.
        project: gives the done marks that an event changes, which are kept with it.

    Attributes:
        runs: by run id; closed executions stay until their owner removes them.
        times_out: False where activities run in the engine's own thread, which no time-out can stop.
    """

    make_run_id = staticmethod(make_run_id)

    def __init__(
        self,
        journal: Journal,
        clock: Callable[[], float] | None = None,
        observer: Observer | None = None,
        *,
        workers_survive: bool = False,
        child_delay: Callable[[], float] | None = None,
        project: Projection | None = None,
    ) -> None:
        self.journal = journal
        self.clock = Clock() if clock is None else clock
        self._asleep = Clock.asleep()
        self.times_out = True
        self.child_delay = child_delay
        self.runs: dict[str, Run] = {}
        self.tasks = Tasks()
        self._workers_survive = workers_survive
        self._operations = Operations(journal, self._forget, observer, project)
        self._open: dict[str, Run] = {}  # by workflow id
        self._deadlines = Deadlines()
        self._delayed: list[tuple[float, int, Run, StartChild]] = []  # a heap: due, order, parent, effect
        self._order = itertools.count()

    # Events

    def operation(self, may_wait: bool = False) -> AbstractContextManager[None]:
        """A block whose events are kept as a whole at its end, or not at all; see ``engines.operations``.

        ``may_wait``: they may be kept together with what comes next.
        """
        return self._operations.operation(may_wait)

    def flush(self) -> None:
        """Keep pending events, such as that tasks were started."""
        self._operations.flush()

    @property
    def changes_marks(self) -> bool:
        """True if events that are not kept yet write or remove done marks."""
        return self._operations.changes_marks

    def append(self, run: Run, events: Sequence[e.Event]) -> None:
        """Fold events into an execution, and offer its tasks. They are kept when the operation ends."""
        history = run.history
        fold, keep, offer = history.apply, self._operations.add, self.tasks.update
        for event in events:
            fold(event)
            keep(run, event)
            offer(run, event)
        if not history.open:
            self._operations.ended()
            self.tasks.forget(run)
            self._open.pop(run.workflow_id, None)
        self._deadlines.watch(run)

    def apply(self, run: Run, events: Sequence[e.Event]) -> None:
        """Append events, and perform their effects on other executions. Call it inside an operation."""
        self.append(run, events)
        self.perform(run, effects_of(run, events))

    def begin_again(self, run: Run, task: Record) -> None:
        """A worker begins an activity task that has started before, which no event says."""
        run.history.take_again(task, self.clock())
        self._deadlines.watch(run)

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
        self._add(run)
        self.append(run, record.start(started, self.clock()))
        return run

    def find(self, workflow_id: str, run_id: str | None) -> Run | None:
        """The open execution of that workflow id in this process, if it has that run id; None or "": any run id."""
        run = self._open.get(workflow_id)
        return run if run is not None and run_id in (None, "", run.run_id) else None

    def open_runs(self) -> list[Run]:
        """The open executions of this process, the oldest first."""
        return list(self._open.values())

    def adopt(self, workflow_id: str) -> str | None:
        """Take over the open execution of ``workflow_id``, with its family, from a process that died.

        Returns its run id; None if there is no such execution. Raises RunBusy if its process lives.
        """
        found = None
        for stored in self.journal.claim(workflow_id):
            run = self._load(stored)
            if isinstance(self.clock, Clock) and run.history.events:
                self.clock.not_before(run.history.events[-1].time)
            self._add(run)
            run.history.resume(self.clock())
            self._deadlines.watch(run)
            self.tasks.offer(run, self._workers_survive)
            if run.workflow_id == workflow_id:
                found = run.run_id
        return found

    def _load(self, stored: StoredRun) -> Run:
        run = Run(stored.workflow_id, stored.run_id, stored.root_id)
        history, reader = run.history, self.journal.reader(stored.run_id)
        last = self.journal.last_events(stored.run_id, 1)[-1].id
        try:
            while reader is not None and history.last_event_id < last:
                for event in reader(history.last_event_id, _PAGE):
                    history.apply(event)
                history.let_go(reader)
        except InvalidTransition:
            self.journal.load(stored.run_id)  # raises StateError if they are not as they were written
            raise
        return run

    def ask_for_decision(self, run: Run) -> None:
        """Schedule a decision task, unless one waits: the code of the workflow may have been edited."""
        if events := record.decision_scheduled(run.history, self.clock()):
            self.append(run, events)

    def starts_of(self, run: Run) -> Iterator[e.WorkflowExecutionStarted]:
        """Yield what the execution was started with, then what the first one was that it continues, if it is known."""
        started = run.history.started
        yield started
        if started.continued_execution_run_id is not None and started.parent_workflow_execution is None:
            try:
                first = self.journal.load(run.root_id, limit=1)[0].attributes
            except UnknownResource:
                return  # it was removed
            if isinstance(first, e.WorkflowExecutionStarted):
                yield first

    def release(self, root_id: str) -> None:
        """Give up the open executions of a family: another process may adopt and drive them."""
        self.flush()
        self.journal.release(root_id)
        for run in list(self.runs.values()):
            if run.root_id == root_id and run.history.open:
                self._forget(run)

    def end_family(self, root: Run) -> None:
        """Terminate the open executions of a family whose root has ended, since no process would drive them."""
        for run in list(self.runs.values()):
            if run.root_id == root.root_id and run.history.open:
                reason = "its family's first execution ended"
                self.record_message(run, Message("terminate", run.workflow_id, run.run_id, {"reason": reason}))

    def close(self) -> None:
        """Give up all executions. Open ones wait for a process that adopts them."""
        try:
            self.flush()
        except SimpleflowError:
            pass  # the process that adopts them goes on from the kept events
        self.journal.close()

    def _add(self, run: Run) -> None:
        run.history.times_out = self.times_out
        self.runs[run.run_id] = run
        self._open[run.workflow_id] = run
        self._deadlines.watch(run)

    def _forget(self, run: Run) -> None:
        self.tasks.forget(run)
        self.runs.pop(run.run_id, None)
        if self._open.get(run.workflow_id) is run:
            del self._open[run.workflow_id]

    # Messages

    def deliver(self, message: Message) -> bool:
        """Give a message to its execution, here or in another process; False if there is no such open execution."""
        run = self.find(message.workflow_id, message.run_id)
        if run is not None:
            self.record_message(run, message)
            return True
        with self.operation():
            return self.journal.send(message)

    def receive_messages(self) -> None:
        """Record what other processes have sent to the executions of this one."""
        for message in self.journal.receive():
            run = self.find(message.workflow_id, message.run_id)
            if run is not None:  # else it ended with the message before
                with self.operation():
                    self.record_message(run, message)
                    self.journal.received(message)

    def record_message(self, run: Run, message: Message) -> None:
        """Write a message into the history of an execution of this process."""
        event = message.event(run.history.started.child_policy)
        with self.operation():
            self.apply(run, record.happened(run.history, [event], self.clock()))

    # Effects

    def perform(self, run: Run, effects: Iterable[Effect]) -> None:
        """Perform the effects of events of ``run``, in their order. Call it inside an operation."""
        for effect in effects:
            if isinstance(effect, TellParent):
                self._tell_parent(effect)
            elif isinstance(effect, StartChild):
                delay = self.child_delay() if self.child_delay is not None else 0
                if delay:
                    heapq.heappush(self._delayed, (self.clock() + delay, next(self._order), run, effect))
                else:
                    self._start_child(run, effect)
            elif isinstance(effect, Deliver):
                self._deliver(run, effect)
            elif isinstance(effect, StopChild):
                child = self.find(effect.message.workflow_id, None)
                if child is not None and child.history.started.parent_workflow_execution == effect.message.source:
                    self.record_message(child, effect.message)
            else:
                self.begin(run.workflow_id, effect.first_event, effect.new_run_id, run.root_id)

    def start_child_now(self, parent: Run, initiated: e.Event) -> None:
        """Start the child of that StartChildWorkflowExecutionInitiated, whose start was left for later."""
        with self.operation():
            for effect in effects_of(parent, [initiated]):
                assert isinstance(effect, StartChild)
                self._start_child(parent, effect)

    def _start_child(self, parent: Run, effect: StartChild) -> None:
        try:
            child = self.begin(effect.initiated.workflow_id, effect.first_event(), root_id=parent.root_id)
        except RunBusy:
            self._report(parent, effect.refused())
        else:
            self._report(parent, effect.started(child.run_id))

    def _deliver(self, run: Run, effect: Deliver) -> None:
        message = effect.message
        target = self.find(message.workflow_id, message.run_id)  # before it ends of the message
        run_id = target.run_id if target is not None else message.run_id or ""
        delivered = self.deliver(message)
        self._report(run, effect.delivered(run_id) if delivered else effect.refused())

    def _tell_parent(self, effect: TellParent) -> None:
        parent = self.runs.get(effect.parent_run_id)
        if parent is not None and parent.history.open and effect.initiated_id in parent.history.tasks:
            self._report(parent, effect.ended(parent.history.tasks[effect.initiated_id].started_id))

    def _report(self, run: Run, outcome: e.Attributes) -> None:
        """Append the outcome of an effect to an execution, unless that has ended."""
        if run.history.open:
            self.apply(run, record.happened(run.history, [outcome], self.clock()))

    # Time

    def expire(self) -> None:
        """Time out tasks and fire timers that are due, and start children whose delay is over."""
        self._notice_sleep()
        now = self.clock()
        for run in self._deadlines.passed(now, self.runs):
            events = expire(run.history, now)
            if events:
                with self.operation():
                    self.apply(run, events)
            forget_passed(run.history, now)
            run.due = None
            self._deadlines.watch(run)
        while self._delayed and self._delayed[0][0] <= self.clock():
            _, _, parent, effect = heapq.heappop(self._delayed)
            with self.operation():
                self._start_child(parent, effect)

    def fire_early(self, run: Run, prefix: str) -> None:
        """Fire the timers whose ids begin so, although they are not due yet."""
        early = [each for each in run.history.timers.values() if each.open and each.id.startswith(prefix)]
        if early:
            with self.operation():
                fired = [e.TimerFired(started_event_id=each.scheduled_id, timer_id=each.id) for each in early]
                self.apply(run, record.happened(run.history, fired, self.clock()))

    def _notice_sleep(self) -> None:
        """Give activities their full time again if the machine has slept: they have slept too."""
        before, self._asleep = self._asleep, Clock.asleep()
        if self._asleep - before > SLEEP_SECONDS:
            for run in self._open.values():
                run.history.resume(self.clock())
                self._deadlines.watch(run)

    def next_deadline(self) -> float | None:
        """Epoch seconds of the next thing that ``expire`` does; None if there is none."""
        due = self._deadlines.next()
        if self._delayed:
            return self._delayed[0][0] if due is None else min(due, self._delayed[0][0])
        return due
