"""Activities in a pool of worker processes: a Group uses all cores, and a stuck activity can be stopped.

Theory of operation
-------------------
A worker is forked from its owner, so it knows every activity that the owner knows; see ``child`` for its life. It
performs one task at a time. Each worker is in one of these states:

- idle: ``task`` is None, and it is in ``_idle``;
- busy: ``task`` is the task that it performs; it may have more tasks *ahead*;
- dying: it is not in ``_workers`` any longer, and has until a deadline to end.

*Tasks sent ahead.* For tasks that take less than a moment, the time between two tasks matters: the worker would wait
for its owner to see the outcome and send the next task. So while the latest tasks were all short, tasks are sent to
busy workers too, and wait in the worker's pipe. When the owner gets an outcome, it takes the next task of ``ahead`` as
the one that the worker performs now, and records that it has started. Tasks that are sent ahead one after the other
reach the worker in one write, when the owner has nothing else to do: each write may wake it. If a task takes long after
all, the worker's watching thread reads what waits in the pipe and gives it back (``Returned``); the owner offers it
again. The owner may by then believe that the worker has begun that task: ``_take_back`` corrects this. The tasks ahead
of one worker never fill its pipe. The fewer tasks wait, the fewer are ahead of each worker, so that all workers end at
about the same time.

*Spinning.* While a worker is busy, ``wait`` spins for SPIN_SECONDS before it sleeps; see ``messages``. It does not if
the latest task took so long that spinning would hardly have found its end.

*Logs.* Before it spins, ``wait`` makes logs of activities that have completed, as long as no worker has sent anything;
see ``output_handover``. It spins for less time then.

*Ends that come together* are kept in one transaction: ``wait`` reads all outcomes that are there in one operation.

*Nothing waits for a worker.* The channels never block (``messages``). ``reap`` looks for workers that have died, since
a process that an activity has started may hold the channel open. A task that a worker had not read when it died goes to
another one, unless the worker was new: something might kill every new one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from simpleflow import settings
from simpleflow.activity import Activity
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import UnknownResource
from simpleflow.worker.base import Accepts
from simpleflow.worker.channels import Channels
from simpleflow.worker.child import (
    Closable,
    death_reason,
    fork,
    has_ended,
    is_dead,
    is_running,
    signal_group,
    stop_group,
)
from simpleflow.worker.dispatch import Middlewares, Outcome, find, perform, quick
from simpleflow.worker.guard import Guard
from simpleflow.worker.imports import NOTHING
from simpleflow.worker.inline import do_quickly, respond
from simpleflow.worker.latest_tasks import LatestTasks
from simpleflow.worker.limits import cannot_fork
from simpleflow.worker.member import Member
from simpleflow.worker.messages import packed
from simpleflow.worker.output import OutputTarget
from simpleflow.worker.output_pipe import OutputPipe
from simpleflow.worker.process import BEAT, Last, Returned

SPIN_SECONDS = 0.0002
"""How long the owner spins for the end of a task; the shortest tasks take less."""

_READ_SECONDS = 0.02  # for how long messages are read at most before the owner turns to other things
_AHEAD = 32  # tasks that are sent ahead to one worker, at most
_AHEAD_BYTES = 32_768  # of these tasks together, at most; a pipe holds twice as much
_AHEAD_OF = attrgetter("ahead")


class Pool:
    """Up to ``size`` worker processes. Each is forked when there is a task for it, and kept from then on.

    Args:
        size: how many, at most; see ``limits.workers_allowed``.
        middlewares: see ``dispatch.perform``.
        output: where what activities print goes; None: it is left alone.
        slots: how many tasks of a task list are performed at the same time, at most; of other lists, as many as fit.

    Set ``source``, an EmbeddedEngine, before the first task is started, and ``known`` if there are any (see
    ``dispatch.perform``). For the methods see ``base.ActivityPool``.
    """

    source: Any
    begins = True

    def __init__(
        self,
        size: int,
        middlewares: Middlewares,
        output: OutputTarget | None = None,
        slots: Mapping[str, int] | None = None,
    ) -> None:
        self._size = size
        self._middlewares = middlewares
        self.known: Mapping[str, Activity] = {}
        self._output = output
        self._slots = slots or {}
        self._workers: list[Member] = []
        self._idle: list[Member] = []
        self._dying: dict[Member, float] = {}  # the monotonic time at which each is killed
        self._closed = False
        try:
            self._guard = Guard()
        except OSError as error:
            raise cannot_fork(error) from error
        self._channels = Channels()
        self._latest = LatestTasks()
        self._printing: dict[Member, None] = {}  # workers that have logs to be made

    @property
    def free(self) -> int:
        """How many tasks could be started now."""
        return len(self._idle) + self._size - len(self._workers)

    @property
    def accepts(self) -> Accepts | None:
        """Tells the task lists that have room; None if all have."""
        return self._has_room if self._slots else None

    def _has_room(self, task_list: str) -> bool:
        slots = self._slots.get(task_list)
        if slots is None:
            return True
        busy = [worker.task for worker in self._workers if worker.task is not None]
        return sum(task.task_list == task_list for task in busy) < slots

    def accepts_ahead(self, waiting: int) -> bool:
        """True if the latest tasks were short, and a busy worker has few ahead for so many that wait.

        None is sent ahead where task lists are limited: it might begin while its list is full.
        """
        if not self._latest.are_short or self._slots:
            return False
        most = min(_AHEAD, waiting // (2 * len(self._workers) or 1))
        for worker in self._workers:  # noqa: SIM110 (a generator takes longer)
            if worker.ahead < most and worker.task is not None:
                return True
        return False

    def send_ahead(self, task: ActivityTask) -> None:
        """Send a task to the busy worker that has the fewest ahead. A worker that is held up gives it back."""
        if quick(task, self.known) is not None or find(task.name, self.known) is None:
            self.source.begin_activity_task(task.token)
            self.start(task)
            return
        data = packed(task)
        busy = [each for each in self._workers if each.task is not None]
        worker = min(busy, key=_AHEAD_OF)
        if worker.ahead_bytes + len(data) > _AHEAD_BYTES:
            self._latest.forget()
            self._offer(task.token)
            return
        worker.add_ahead(task, len(data))
        self._channels.put(worker, data)

    def may_block(self, task: ActivityTask) -> bool:
        """False: a task is handed to another process."""
        return False

    def start(self, task: ActivityTask) -> None:
        """Give a task to an idle worker; a quick one is performed at once, in this process."""
        if find(task.name, self.known) is None:  # a worker may not import what this process has not
            respond(self.source, task.token, perform(task, self.known, imports=NOTHING))
            return
        given = quick(task, self.known)
        if given is not None:
            self._channels.send_all()  # a decision may come next, which may take long
            do_quickly(self.source, task, given, self.known, self._middlewares)
            return
        try:
            worker = self._idle.pop() if self._idle else self._fork()
        except OSError as error:
            if not self._workers:
                raise cannot_fork(error) from error
            self._size = len(self._workers)  # the system has no room for more
            self._offer(task.token)
            return
        try:
            worker.send(task)
        except OSError:  # the worker died while it was idle: another one is as good
            worker.task = None
            self._remove(worker)
            self.start(task)
        else:
            self._channels.watch_writing(worker)

    def wait(self, seconds: float) -> bool:
        """Report outcomes. Returns True once there was a message of a worker, False after so many seconds."""
        self._channels.send_all()
        if len(self._idle) < len(self._workers):
            spins = SPIN_SECONDS - self._make_logs() if self._printing else SPIN_SECONDS
            if self._latest.end_soon:
                self._channels.spin(min(seconds, spins))
        ready = self._channels.ready(seconds)
        found = bool(ready)
        if ready:
            end = time.monotonic() + _READ_SECONDS
            with self.source.operation():  # outcomes that come together are kept together
                while ready:
                    for descriptor in ready:
                        if (worker := self._channels.of(descriptor)) is not None:
                            self._exchange(worker, descriptor)
                    ready = self._channels.ready(0) if time.monotonic() < end else []
        self._kill_the_dying()
        return found

    def reap(self) -> None:
        """Stop the tasks that are not open any longer, and record heartbeats for live workers that cannot send any.

        A worker cannot send them while its activity keeps Python's interpreter lock, as a long call into C code may.
        """
        now = time.monotonic()
        self._guard.check()
        for worker in list(self._workers):
            worker.relieve_output(now)
            if is_dead(worker.pid):
                self._read(worker, worker.channel.receive_all())
                if worker in self._workers:
                    self._died(worker)
            elif worker.task is None:
                continue
            elif not self.source.is_open(worker.task.token):
                self._stop(worker)
            elif worker.is_silent(now) and is_running(worker.pid):
                self._beat(worker, worker.task)

    def close(self) -> None:
        """Stop every worker."""
        if self._closed:
            return
        self._closed = True
        for worker in list(self._workers):
            if worker.task is None:
                self._remove(worker)  # it sees that its pipe is closed, and ends
            else:
                self._stop(worker)
        while self._dying:
            self._kill_the_dying()
            time.sleep(0.001)
        self._guard.close()

    def _make_logs(self) -> float:
        """Make the logs of activities, until a worker has sent something; returns how many seconds that took."""
        began = time.monotonic()
        while self._printing and not self._channels.ready(0):
            worker, _ = self._printing.popitem()
            if worker.output is not None and worker.output.has_logs_to_make:  # else the worker was quicker
                worker.output.make_logs()
        return time.monotonic() - began

    def _exchange(self, worker: Member, descriptor: int) -> None:
        """The channel of a worker can be read, or written where that was wanted."""
        channel = worker.channel
        if descriptor != channel.fileno():
            try:
                channel.flush()
            except OSError:
                pass  # it has died, which ``reap`` finds
            else:
                self._channels.watch_writing(worker)
                return
            self._channels.stop_writing(worker)
            return
        self._read(worker, channel.receive())
        if channel.ended and worker in self._workers:
            self._died(worker)

    def _read(self, worker: Member, messages: Sequence[Any]) -> None:
        for message in messages:
            if worker not in self._workers:
                return  # it was stopped because of an earlier one
            self._receive(worker, message)

    def _receive(self, worker: Member, message: Any) -> None:
        task = worker.task
        if task is None:
            return
        if message == BEAT:
            worker.beat_at = time.monotonic()
            self._beat(worker, task)
            return
        if isinstance(message, Returned):
            self._take_back(worker, message.token)
            return
        outcome = message.outcome if isinstance(message, Last) else message
        self._latest.ended(time.monotonic() - worker.began)
        worker.task = None
        worker.done += 1
        if worker.output is not None and worker.output.has_logs_to_make:
            self._printing[worker] = None
        respond(self.source, task.token, outcome)
        if isinstance(message, Last):
            self._remove(worker)
        else:
            self._begin_next(worker)

    def _died(self, worker: Member) -> None:
        """A worker has ended, and has not answered."""
        task, was_read = worker.task, worker.done == 0 or worker.has_read_task
        self._remove(worker)
        reason = death_reason(worker.pid)
        signal_group(worker.pid, signal.SIGKILL)  # processes that its activity has started
        worker.rescue_output()  # before the failure of its task is seen
        if task is None:
            return
        if was_read:
            respond(self.source, task.token, Outcome(reason=reason))
        else:
            self.start(task)

    def _beat(self, worker: Member, task: ActivityTask) -> None:
        """Record a heartbeat, and stop the task if it is to be cancelled."""
        worker.heard = time.monotonic()
        try:
            cancel = self.source.record_activity_task_heartbeat(task.token)
        except UnknownResource:
            return  # ``reap`` stops it
        if cancel:
            self._stop(worker)
            respond(self.source, task.token, Outcome(canceled=True))

    def _begin_next(self, worker: Member) -> None:
        """The worker is done with its task: it begins the next one of those that were sent ahead, or is idle."""
        worker.task = worker.next_ahead()
        if worker.task is None:
            self._idle.append(worker)
            return
        worker.begin()
        try:
            self.source.begin_activity_task(worker.task.token)
        except UnknownResource:
            pass  # ``reap`` will stop it

    def _take_back(self, worker: Member, token: str) -> None:
        """A worker has given back a task that was sent ahead. By now its owner may believe that it has begun it."""
        if not worker.drop_ahead(token) and worker.task is not None and worker.task.token == token:
            self._begin_next(worker)
        self._offer(token)

    def _offer(self, token: str) -> None:
        try:
            self.source.put_back_activity_task(token)
        except UnknownResource:
            pass  # it is not open any longer

    def _stop(self, worker: Member) -> None:
        """End a busy worker, and all that it has started."""
        stop_group(worker.pid)
        self._remove(worker)

    def _kill_the_dying(self) -> None:
        now = time.monotonic()
        for worker, deadline in list(self._dying.items()):
            worker.relieve_output(now)
            if has_ended(worker.pid):
                signal_group(worker.pid, signal.SIGKILL)  # processes that it left behind
                worker.rescue_output()
                self._guard.remove(worker.pid)
                del self._dying[worker]
            elif now >= deadline:
                signal_group(worker.pid, signal.SIGKILL)

    def _remove(self, worker: Member) -> None:
        self._workers.remove(worker)
        while (task := worker.next_ahead()) is not None:
            self._offer(task.token)
        if worker in self._idle:
            self._idle.remove(worker)
        self._channels.remove(worker)
        worker.channel.close()
        self._dying[worker] = time.monotonic() + settings.ACTIVITY_SIGTERM_WAIT_SEC

    def _fork(self) -> Member:
        others: list[Closable] = [worker.channel for worker in self._workers]
        others += [worker.output for worker in (*self._workers, *self._dying) if worker.output is not None]
        path = self.source.workers_path
        output = None if self._output is None else OutputPipe(self._output)
        try:
            state = self.source.state_folder
            found = fork(self._guard, others, self.known, self._middlewares, lock=path, output=output, state=state)
        except OSError:
            if output is not None:
                output.close()
            raise
        if output is not None:
            output.close_writer()
        worker = Member(*found, output)
        self._workers.append(worker)
        self._channels.add(worker)
        return worker
