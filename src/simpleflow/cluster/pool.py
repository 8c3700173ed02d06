"""Activities on a Dask cluster, as a pool of the loop that drives a run.

Theory of operation
-------------------
The engine decides, not Dask. The driver chooses the worker of each task itself, so it knows which tasks are lost with a
worker, and how much room there is for each task list. A task that was given to a worker has not begun: it begins when
the worker says so, and its time-outs count from then on.

*Lost workers.* The scheduler notices a worker whose connection breaks; ``Workers`` tells it within a second. A task
that had begun there has failed, and the workflow's rules say whether it is tried again. So has one that must have begun
although the worker could not say so any more: of each lane, as many as it has slots. The tasks behind them have not
begun, and are handed out again.

*A lost scheduler.* Its workers stop their tasks. The driver hands out everything again once it has another connection,
as a run does that is started again after its process died; without one it raises ClusterError, and the run stays open.

*Marks.* Activities about marks and claims are performed by this process, the short ones in the loop, the others in
threads: the state folder is here.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from simpleflow.activity import Activity
from simpleflow.cluster import batch as b
from simpleflow.cluster import connection as c
from simpleflow.cluster.batch import Batch
from simpleflow.cluster.code import Code
from simpleflow.cluster.crew import Crew
from simpleflow.cluster.driver_output import DriverOutput
from simpleflow.cluster.engine_calls import beat, begin, offer
from simpleflow.cluster.given_tasks import GivenTasks
from simpleflow.cluster.members import Given, Lane, WorkerSeen
from simpleflow.cluster.missing import Missing
from simpleflow.cluster.own_tasks import OwnTasks
from simpleflow.cluster.settling import tokens_over
from simpleflow.cluster.target import Cluster
from simpleflow.constants import WORKER_STOPPED
from simpleflow.engines.base import ActivityTask
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import ClusterError
from simpleflow.worker.base import Accepts, NothingAhead
from simpleflow.worker.dispatch import Middlewares, Outcome, quick
from simpleflow.worker.inline import do_quickly, respond
from simpleflow.worker.output import OutputTarget

_LOOK_SECONDS = 1.0  # between two looks at the workers
_BACK_SECONDS = 2.0  # for how long a batch waits at a worker before it is given to another one
_AVOID_SECONDS = 10.0  # for how long that worker is not the first choice
_END_SECONDS = 5.0  # for how long stopped tasks are waited for at the end


class ClusterPool(NothingAhead):
    """Performs activities on the workers of a Dask scheduler. Raises ClusterError if there is none.

    Args:
        cluster: where the scheduler is.
        code: of the workflow.
        middlewares: for the activities that this process performs.
        output: where what activities print goes; None: it is dropped.
        slots: how many tasks of a task list are performed at the same time, at most, on all workers together.
        on_wait: called with a line of text about what the run waits for, and about workers that are not used.

    Set ``source``, an EmbeddedEngine, before the first task is started. For the methods see ``base.ActivityPool``.
    """

    source: EmbeddedEngine
    begins = False

    def __init__(
        self,
        cluster: Cluster,
        code: Code,
        middlewares: Middlewares = Middlewares(),
        output: OutputTarget | None = None,
        slots: Mapping[str, int] | None = None,
        on_wait: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._cluster = cluster
        self._middlewares = middlewares
        self.known: Mapping[str, Activity] = {}
        self._slots = slots or {}
        self._on_wait = on_wait
        self._output = DriverOutput(output)
        self._topic = f"simpleflow-{uuid.uuid4().hex}"
        self._inbox = c.Inbox()
        self._own = OwnTasks(self._inbox.put, middlewares)
        self._missing = Missing(cluster.address, on_wait)
        self._crew = Crew(code, on_wait)
        self._given = GivenTasks()
        self._held: dict[str, ActivityTask] = {}  # one task of each list that no worker performs
        self._looked_at = 0.0
        self._connector = c.Connector(cluster, self._topic, self._inbox)
        self._connection: c.Connection | None = self._connector.connect()
        try:
            self._crew.meet_the_first(self._connection, self._inbox)
        except ClusterError:
            self._connection.close()
            raise

    @property
    def free(self) -> int:
        """1 while there is a connection: ``accepts`` says of which task lists a task can be started."""
        return 0 if self._connection is None else 1

    @property
    def accepts(self) -> Accepts | None:
        """Tells the task lists that have room."""
        return self._has_room

    def may_block(self, task: ActivityTask) -> bool:
        """False: a task is handed to another process."""
        return False

    def start(self, task: ActivityTask) -> None:
        """Give a task to the worker that has the least to do; tasks about marks stay here."""
        given = quick(task, self.known)
        if given is not None:
            begin(self.source, task.token)
            do_quickly(self.source, task, given, self.known, self._middlewares)
            return
        if self._own.takes(task):
            begin(self.source, task.token)
            self._own.start(task, partial(respond, self.source))
            return
        lane = self._lane(task.task_list)
        if lane is not None:
            lane.pending.append(task)
        else:
            self._held[task.task_list] = task

    def wait(self, seconds: float) -> bool:
        """Report what workers have said. Returns True once there was something, False after so many seconds."""
        self._send()
        messages = self._inbox.take(seconds)
        if messages:
            with self.source.operation():  # ends that come together are kept together
                for message in messages:
                    self._receive(message)
        return bool(messages)

    def reap(self) -> None:
        """Stop the tasks that are not open any longer, cancel those that are to be, and look at the workers."""
        now = time.monotonic()
        if self._connection is not None and not self._connection.works:
            self._lose_connection()
        if self._connection is not None and now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._connection.ask_for_workers()
        self._missing.check(now)
        for task_list, task in list(self._held.items()):
            if not self.source.is_open(task.token):
                del self._held[task_list]
        self._take_back(now)
        for token, given in list(self._given.by_token.items()):
            if token in given.stopped:
                continue
            if not self.source.is_open(token):
                self._stop(token, given)
            elif self.source.is_to_be_cancelled(token):
                self._stop(token, given)
                respond(self.source, token, Outcome(canceled=True))

    def close(self) -> None:
        """Stop everything, and wait until the workers have stopped it."""
        self._connector.close()
        connection = self._connection
        if connection is not None:
            for given in self._given:
                for token in list(given.rest):
                    if given.begun:
                        self._stop(token, given)
                    else:
                        self._take_from(given, token)
            end = time.monotonic() + _END_SECONDS
            while self._given.by_token and connection.works and (left := end - time.monotonic()) > 0:
                for message in self._inbox.take(left):
                    for kind, *values in message.events if isinstance(message, c.Events) else ():
                        if kind == b.PRINTED:
                            self._take_event(message.process, kind, *values)
                    for token in tokens_over(message, self._given.by_token):
                        self._take_from(self._given.by_token[token], token)
            connection.close([member.address for member in self._crew.members.values()])
            self._connection = None
        self._own.close()
        self._output.close()

    # Workers

    def _look(self, message: c.Workers, connection: c.Connection) -> None:
        for member in self._crew.look(message, connection):
            self._lose(member)

    def _meet(self, message: c.Met) -> None:
        member, before = self._crew.meet(message)
        for each in before:
            self._lose(each)
        self._crew.add(member)
        for task_list in [each for each in self._held if member is not None and member.lane(each) is not None]:
            offer(self.source, self._held.pop(task_list).token)

    def _lose(self, member: WorkerSeen) -> None:
        """A worker is gone: tasks that it had begun have failed, tasks that waited there are handed out again."""
        self._crew.remove(member, greet_again=True)
        why = f"worker {member.address} was lost"
        for lane in member.lanes.values():
            for at, given in enumerate(list(lane.given.values())):
                self._lose_batch(given, why, may_have_begun=at < lane.slots)
            for task in lane.pending:
                offer(self.source, task.token)
            lane.pending = []

    def _lose_batch(self, given: Given, why: str, may_have_begun: bool) -> None:
        """``may_have_begun``: its first task may have begun, although the worker has not said so."""
        for at, token in enumerate(list(given.rest)):
            has_begun = token in given.begun or (may_have_begun and at == 0)
            self._end_with_worker(given, token, why if has_begun else None)
        self._forget(given)

    def _end_with_worker(self, given: Given, token: str, why: str | None) -> None:
        """``why``: the task had begun, and has failed for that; None: it is handed out again."""
        self._take_from(given, token)
        if why is None:
            offer(self.source, token)
            return
        begin(self.source, token, given.lane.member.identity)
        respond(self.source, token, Outcome(reason=f"WorkerDied: {why} while it did the activity"))

    def _lose_connection(self) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        for lane in self._crew.lanes:
            for task in lane.pending:
                offer(self.source, task.token)
        for token in list(self._given.by_token):
            offer(self.source, token)
        self._crew.clear()
        self._given.clear()
        connection.close()
        self._on_wait(
            f"the scheduler {self._cluster.address} is lost; waits for it for up to {self._cluster.reconnect_for:g} s"
        )
        self._connector.connect_again()

    # Tasks

    def _has_room(self, task_list: str) -> bool:
        """True for a list that no worker performs, too, once: the task may be one that this process performs."""
        return self._lane(task_list) is not None or not (self._crew.of(task_list) or task_list in self._held)

    def _lane(self, task_list: str) -> Lane | None:
        """The lane that has the least to do, of those that have room for a task of this list; None if there is none."""
        lanes = self._crew.of(task_list)
        self._missing.note(task_list, bool(lanes))
        limit = self._slots.get(task_list)
        short = limit is None and self._given.are_short
        if limit is not None and self._crew.count(task_list) >= limit:
            return None
        return min((lane for lane in lanes if lane.room(short)), key=lambda lane: lane.load, default=None)

    def _send(self) -> None:
        """Send the tasks that were started since the last time."""
        if self._connection is None or not self._connection.works:
            return
        for lane in self._crew.lanes:
            for part in lane.split() if lane.pending else ():
                self._submit(self._connection, lane, tuple(part))

    def _submit(self, connection: c.Connection, lane: Lane, tasks: tuple[ActivityTask, ...]) -> None:
        batch = Batch(uuid.uuid4().hex, self._topic, lane.member.process, tasks, self._output.limit)
        given = Given(batch.id, lane, tasks)
        self._given.add(given)
        priority = max(int(task.priority or 0) for task in tasks)
        connection.submit(lane.member.address, batch, lane.task_list, priority)

    def _take_back(self, now: float) -> None:
        """Take back what waits at a worker, which does something for another run, while a slot is free elsewhere."""
        if self._connection is None:
            return
        for given in self._given:
            if given.begun or given.is_taken_back or now - given.at < _BACK_SECONDS:
                continue
            lanes = self._crew.of(next(iter(given.tasks.values())).task_list)
            if any(lane is not given.lane and lane.room(short=False) for lane in lanes):
                given.is_taken_back, given.lane.avoid_until = True, now + _AVOID_SECONDS
                self._connection.take_back(given.lane.member.address, given.id)

    def _stop(self, token: str, given: Given) -> None:
        given.stopped.add(token)
        if self._connection is not None:
            self._connection.stop(given.lane.member.address, token)

    def _receive(self, message: Any) -> None:
        match message:
            case c.Events():
                for kind, *values in message.events:
                    self._take_event(message.process, kind, *values)
            case c.Workers() if self._connection is not None:
                self._look(message, self._connection)
            case c.Met():
                self._meet(message)
            case c.NotMet():
                self._crew.not_met(message)
            case c.Finished() if (given := self._given.batch(message.batch)) is not None and (
                not message.error or (self._connection is not None and self._connection.works)
            ):  # else the connection is lost, and everything with it
                self._finish(given, message)
            case c.TakenBack() if (given := self._given.batch(message.batch)) is not None:
                self._lose_batch(given, "", may_have_begun=False)
            case c.Connected():
                self._connection = message.connection
                self._looked_at = 0.0
                self._on_wait(f"the scheduler {self._cluster.address} is there again; the run goes on")
            case c.GaveUp():
                raise ClusterError(
                    f"the scheduler {self._cluster.address} was lost, and did not come back within "
                    f"{self._cluster.reconnect_for:g} s; the run stays open and goes on when the same command is run "
                    "again"
                )
            case partial():
                message()  # the end of a task that this process has performed

    def _take_event(self, process: str, kind: str, token: str = "", *values: Any) -> None:
        if kind == b.LEAVING:
            if process in self._crew.members:
                self._crew.members[process].leaving = True
            return
        given = self._given.by_token.get(token)
        if given is None or given.lane.member.process != process:
            return  # about a batch, or about a task that is over for this process
        if kind == b.BEGUN:
            self._given.begin(given, token)
            begin(self.source, token, given.lane.member.identity)
        elif kind == b.BEAT:
            beat(self.source, token)
        elif kind == b.PRINTED:
            self._output.add(given.tasks[token], *values)
        elif kind == b.ENDED:
            self._end(given, token, Outcome(*values))
        elif kind == b.STOPPED and token in given.stopped:
            self._take_from(given, token)
        elif kind == b.STOPPED:
            self._end(given, token, Outcome(reason=WORKER_STOPPED))
        elif kind == b.RETURNED:
            self._take_from(given, token)
            offer(self.source, token)

    def _end(self, given: Given, token: str, outcome: Outcome) -> None:
        self._given.count_time(token)
        self._take_from(given, token)
        begin(self.source, token, given.lane.member.identity)
        respond(self.source, token, outcome)

    def _finish(self, given: Given, message: c.Finished) -> None:
        """The Dask task of a batch is over, and so are the tasks left in it."""
        for token, outcome in message.large.items():
            if token in given.rest:
                self._end(given, token, Outcome(*outcome))
        member = given.lane.member
        if message.is_lost:
            self._lose(member)
        elif message.error:
            place = list(given.lane.given).index(given.id)
            why = f"worker {member.address} gave it up: {message.error},"
            self._lose_batch(given, why, may_have_begun=place < given.lane.slots)
        else:
            if given.rest and not given.begun:  # refused: another process has the address now
                self._crew.remove(member, greet_again=True)
            self._lose_batch(given, f"worker {member.address} gave it up", may_have_begun=False)

    def _take_from(self, given: Given, token: str) -> None:
        """The end of a task is known, for its worker."""
        self._output.end(given.tasks[token])
        self._given.remove(given, token)

    def _forget(self, given: Given) -> None:
        self._given.forget(given)
        if self._connection is not None:
            self._connection.forget(given.id)
