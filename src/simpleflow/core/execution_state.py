"""The state that the events of one execution amount to: records, counters and deadlines, each with an index.

``folding`` writes this state and ``History`` holds it. Every question here is answered from an index, never by a walk
over the events, so the cost of a decision does not grow with the length of the history.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from simpleflow.core import deadlines
from simpleflow.core import events as e
from simpleflow.core import transitions as t
from simpleflow.core.activity_records import ActivityRecords
from simpleflow.core.deadlines import Deadlines
from simpleflow.core.event_log import EventLog, Reader, SomeEvents
from simpleflow.core.marker_index import MarkerIndex
from simpleflow.core.pauses import Pauses
from simpleflow.core.records import Record
from simpleflow.core.work_time import Interval


class ExecutionState:
    """The state of one execution after the events so far."""

    def __init__(self) -> None:
        self.events = EventLog()
        self.last_event_id = 0  # of the latest event; 0 without one

        # The execution
        self.state = t.NEW  # by the table ``transitions.EXECUTION``
        self.open = False  # it has started and has not ended
        self._started: e.WorkflowExecutionStarted | None = None
        self.closed: e.Event | None = None  # the event that ended the execution
        self.cancel_requested = False  # a request to cancel the execution was received
        self.execution_context: str | None = None  # of the latest answer that gave one
        self.contexts: list[tuple[int, str]] = []  # each DecisionTaskCompleted that changed it, and the new context

        # Its decision tasks: at most one waits and at most one is started
        self.decision = t.IDLE  # by the table ``transitions.DECISION``
        self.decision_scheduled_id = 0  # DecisionTaskScheduled of the task that waits
        self.decision_waits_since = 0.0  # epoch seconds from which on the task that waits could have been started
        self.decision_taken_id = 0  # DecisionTaskScheduled of the task that is started
        self.decision_started_id = 0  # DecisionTaskStarted of the task that is started
        self.decision_started_at = 0.0  # epoch seconds of that event
        self.previous_started_id = 0  # DecisionTaskStarted of the latest task that was completed
        self.decision_list: e.DecisionTaskCompleted | None = None  # the answer that moved later tasks to another list

        # Its activities, timers and children, open or ended
        self.activities = ActivityRecords(self.events)  # by activity id
        self.timers: dict[str, Record] = {}  # by timer id
        self.children: dict[str, Record] = {}  # by workflow id
        self.children_at: dict[str, list[Record]] = {}  # by ``control``, the position at which they were submitted
        self.tasks: dict[int, Record] = {}  # open activities and children, by the event id that later events refer to
        self.of_script: set[str] = set()  # types of activities that earlier releases named by the module of a script
        self.open_activities = 0  # how many activities are open
        self.open_timers = 0  # how many timers are open

        # Signals and requests to cancel that it has sent
        self.external: dict[int, str] = {}  # state by the id of the initiated event
        self.sent_counts: dict[tuple[str, str, str | None, str | None], int] = {}  # by name, workflow, run and input
        self.cancels_sent: set[tuple[str, str | None]] = set()  # workflow id and run id of each target

        # Its markers, and the signals that it has received
        self.markers = MarkerIndex(self.events)
        self.signals: dict[str, SomeEvents] = {}  # by name, in order

        # Time
        self.deadlines = Deadlines(self._is_current)  # of everything open that time may end
        self.times_out = True  # False: activities have no deadlines here
        self._pauses = Pauses()
        self.resumed_at = 0.0  # epoch seconds; until then no process served this execution, see ``resume``

    @property
    def started(self) -> e.WorkflowExecutionStarted:
        """Attributes of the event that started the execution: the first one."""
        assert self._started is not None
        return self._started

    def begin(self, started: e.WorkflowExecutionStarted) -> None:
        """The execution has started."""
        self._started = started

    @property
    def pauses(self) -> list[Interval]:
        """The times in which no process drove it."""
        return self._pauses.extend(self.events)

    def let_go(self, read: Reader, keep_new: bool = False) -> None:
        """Keep few events in memory (``EventLog.let_go``), and what is asked of all of them later.

        ``keep_new``: all that a decider has not seen are kept, since it reads the results in them next.
        """
        self._pauses.extend(self.events)
        self.events.let_go(read, self.last_event_id - self.decision_started_id if keep_new else 0)

    @property
    def decision_pending(self) -> bool:
        """True if a decision task is scheduled and not started."""
        return self.decision in (t.SCHEDULED, t.STARTED_AND_SCHEDULED)

    @property
    def deciding(self) -> bool:
        """True if a decision task is started."""
        return self.decision in (t.STARTED, t.STARTED_AND_SCHEDULED)

    @property
    def decision_list_after_time_out(self) -> e.DecisionTaskCompleted | None:
        """``decision_list`` once a decision task has timed out.

        A list that was named with a time-out serves only as long as tasks on it are answered; then the common list
        serves again. A list that was named without one stays.
        """
        named = self.decision_list
        return None if named is None or named.task_list_schedule_to_start_timeout else named

    @property
    def next_id(self) -> int:
        """Id of the next event."""
        return self.last_event_id + 1

    @property
    def under_way(self) -> int:
        """How many activities, timers and children are open."""
        return len(self.tasks) + self.open_timers

    def received_from_others(self, workflow_id: str) -> bool:
        """True if a signal came from outside the execution, whose own workflow id is given."""
        for events in self.signals.values():
            for event in events:
                source = getattr(event.attributes, "external_workflow_execution", None)
                if source is None or source.workflow_id != workflow_id:
                    return True
        return False

    def context_of(self, completed_id: int) -> str | None:
        """The execution context in which the DecisionTaskCompleted with that event id was decided."""
        number = bisect_right(self.contexts, completed_id, key=itemgetter(0))
        return self.contexts[number - 1][1] if number else None

    def open_records(self) -> Iterator[tuple[str, Record]]:
        """The open activities, timers and children, each with its kind."""
        for kind, records in (
            ("activity", self.activities.kept),
            ("timer", self.timers.values()),
            ("child", self.children.values()),
        ):
            for record in records:
                if record.open:
                    yield kind, record

    # Time

    def heartbeat(self, record: Record, now: float, details: str | None = None) -> None:
        """Note the heartbeat of an activity.

        SWF writes no event for a heartbeat. Its details reach the history only if the activity times out.
        """
        record.beat_details = details
        # The deadline in the heap is now too early. ``expire.forget_passed`` replaces it when its time has come: to
        # replace it here would cost a push for every heartbeat.
        record.beat_at = now

    def resume(self, now: float) -> None:
        """Give open activities their full time again: no process served this execution until ``now``."""
        self.resumed_at = now
        for kind, record in self.open_records():
            if kind == "activity":
                self.watch(kind, record)

    def give_back(self, record: Record) -> None:
        """Note that a started activity waits for another worker: its worker is gone, or has returned it."""
        record.waits_again = True

    def take_again(self, record: Record, now: float) -> None:
        """Note that another worker has begun such an activity. The work has its full time again."""
        record.waits_again = False
        record.started_at = record.beat_at = now
        self.watch("activity", record)

    def activity_deadline(self, record: Record) -> tuple[float, str] | None:
        """When an open activity times out next (epoch seconds), and its time-out type; None if it never does."""
        if not self.times_out:
            return None
        return deadlines.of_activity(record, self.resumed_at)

    def watch(self, kind: str, record: Record) -> None:
        """Add the next deadline of an open activity or timer to the heap."""
        if kind == "timer":
            self.deadlines.push(deadlines.of_timer(record), kind, record.id)
        elif (deadline := self.activity_deadline(record)) is not None:
            self.deadlines.push(deadline[0], kind, record.id)

    def _is_current(self, kind: str, id: str) -> bool:
        """True if a deadline belongs to something that is still open."""
        if kind == "activity":
            return self.activities.is_open(id)
        if kind == "timer":
            return self.timers[id].open
        if kind == "decision":
            started = self.deciding and id == str(self.decision_started_id)
            return started or (self.decision_pending and id == str(self.decision_scheduled_id))
        return True
