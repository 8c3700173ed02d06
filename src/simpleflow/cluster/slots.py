"""The slots of a Dask worker, and the functions that drivers of runs have performed there. Runs inside the worker.

Theory of operation
-------------------
A driver calls ``hello`` in each worker once: it starts a helper (see ``helper``), which imports the workflow's module,
and tells what it has found. Then the driver submits batches to that very process, by its address and by ``PROCESS``, a
random text. ``perform`` is the function of these Dask tasks. It takes a helper, sends it the batch, and sends events to
the driver's topic while messages of the helper come.

Each driver has its own helpers, so that edited code is loaded anew in its next run. They end with the driver, or when
they have been idle for a minute.

*Nothing is performed twice.* Dask may begin a task a second time: when it believes a worker lost, when a result was
lost, when a worker leaves. A batch begins only in the process that it was made for, and only once there.

*Who stops a task.* The driver, with ``stop``; and Dask, by cancelling the task of the batch: that happens when the
driver dies or closes its connection, so that nothing goes on for a driver that is gone. If the worker dies, its helpers
see the end of their input, and kill their children.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import distributed

from simpleflow.cluster import batch as b
from simpleflow.cluster.batch import Batch
from simpleflow.cluster.code import Code, Found
from simpleflow.cluster.helper import ABORT, STOP
from simpleflow.cluster.helper_process import HelperProcess
from simpleflow.cluster.reporter import SOON_SECONDS, Reporter
from simpleflow.worker.dispatch import Outcome
from simpleflow.worker.messages import readable

PROCESS = uuid.uuid4().hex
"""This process, for drivers: another worker at the same address is another one."""

IDLE_SECONDS = 60.0
"""A helper that has nothing to do for so long ends."""

LARGE_BYTES = 32_768
"""A longer result is not sent as an event, since a scheduler keeps events for a while."""

_LOOK_SECONDS = 0.1  # between two checks that the Dask task was not cancelled
_REMEMBERED = 100_000  # batches
_DRIVERS = 200  # whose code is remembered; one that is forgotten introduces itself again


class Slots:
    """The slots of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: OrderedDict[str, Code] = OrderedDict()  # by the topic of a driver
        self._idle: list[HelperProcess] = []
        self._busy: dict[str, tuple[Batch, HelperProcess]] = {}  # by the id of the batch
        self._begun: deque[str] = deque(maxlen=_REMEMBERED)  # ids of batches
        self._seen: set[str] = set()
        self._dropped: deque[str] = deque(maxlen=_REMEMBERED)  # tokens that were to be stopped before they came
        self.leaving = False

    @property
    def busy(self) -> bool:
        """True while activities are under way."""
        return bool(self._busy)

    def meet(self, topic: str, code: Code) -> Found:
        """Start a helper for a driver, if there is none; returns the versions that it has found."""
        with self._lock:
            self._codes[topic] = code
            while len(self._codes) > _DRIVERS:
                self._codes.popitem(last=False)
        self.expire()
        helper = self._take(topic, most=None)
        if helper.found.digest:
            self._give_back(helper)
        else:
            helper.close()
        return helper.found

    def perform(self, batch: Batch, most: int, is_cancelled: Callable[[], bool], reporter: Reporter) -> dict[str, Any]:
        """Perform a batch; returns the outcomes that are too long for events, by token."""
        large: dict[str, Any] = {}
        if not self._may_begin(batch):
            for task in batch.tasks:
                reporter.add([b.RETURNED, task.token])
        else:
            rest = [task.token for task in batch.tasks]
            try:
                for token in [each for each in rest if each in self._dropped]:
                    rest.remove(token)
                    reporter.add([b.STOPPED, token])
                batch = batch._replace(tasks=tuple(task for task in batch.tasks if task.token in rest))
                helper = self._take(batch.topic, most)
                self._busy[batch.id] = batch, helper
                _converse(batch, helper, is_cancelled, reporter, rest, large)
                self._give_back(helper)
            except (EOFError, OSError) as error:
                self._lost(batch, error, reporter, rest)
            finally:
                self._busy.pop(batch.id, None)
        reporter.add([b.CLOSED, batch.id])
        reporter.flush()
        return large

    def stop(self, tokens: list[str]) -> None:
        """Stop tasks that are under way, or wait in a batch that is."""
        wanted = set(tokens)
        for batch, helper in list(self._busy.values()):
            for token in wanted & {task.token for task in batch.tasks}:
                wanted.discard(token)
                try:
                    helper.send([STOP, token])
                except OSError:
                    pass  # ``perform`` finds that it has ended
        self._dropped += wanted

    def stop_all(self) -> None:
        """Stop everything that is under way. The drivers did not ask for that, so to them these are failures."""
        for _, helper in list(self._busy.values()):
            try:
                helper.send([ABORT])
            except OSError:
                pass

    def leave(self, send: Callable[[str, Any], None]) -> None:
        """Take no more tasks, and tell all drivers."""
        self.leaving = True
        for topic in list(self._codes):
            send(topic, {"process": PROCESS, "events": [[b.LEAVING]]})

    def close(self) -> None:
        """End all helpers, with what they perform."""
        for helper in [*self._idle, *(each for _, each in self._busy.values())]:
            helper.close()
        self._idle.clear()

    def take_back(self, batch: str) -> bool:
        """True: the batch has not begun, and is not going to."""
        with self._lock:
            return self._is_first(batch)

    def _may_begin(self, batch: Batch) -> bool:
        with self._lock:
            if self.leaving or batch.process != PROCESS or batch.topic not in self._codes:
                return False
            return self._is_first(batch.id)

    def _is_first(self, batch: str) -> bool:
        """True once for each batch."""
        if batch in self._seen:
            return False
        if len(self._begun) == self._begun.maxlen:
            self._seen.discard(self._begun[0])
        self._begun.append(batch)
        self._seen.add(batch)
        return True

    def expire(self, seconds: float = IDLE_SECONDS) -> None:
        """End the helpers that have been idle for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            old = [each for each in self._idle if each.idle_since <= before]
            self._idle = [each for each in self._idle if each.idle_since > before]
        for each in old:
            each.close()

    def forget(self, topic: str) -> None:
        """A driver has ended: it needs its helpers no longer."""
        with self._lock:
            self._codes.pop(topic, None)
            old = [each for each in self._idle if each.topic == topic]
            self._idle = [each for each in self._idle if each.topic != topic]
        for each in old:
            each.close()

    def _take(self, topic: str, most: int | None) -> HelperProcess:
        """An idle helper of a driver, or a new one; then one of another driver ends if there are too many."""
        with self._lock:
            for each in reversed(self._idle):
                if each.topic == topic:
                    self._idle.remove(each)
                    if each.lives:
                        return each
                    each.close()
            surplus = None
            if most is not None and len(self._idle) + len(self._busy) >= most and self._idle:
                surplus = self._idle.pop(0)
        if surplus is not None:
            surplus.close()
        return HelperProcess(topic, self._codes[topic])

    def _give_back(self, helper: HelperProcess) -> None:
        helper.idle_since = time.monotonic()
        with self._lock:
            if helper.topic in self._codes:
                self._idle.append(helper)
                return
        helper.close()

    def _lost(self, batch: Batch, error: Exception, reporter: Reporter, rest: list[str]) -> None:
        """The helper has ended in the middle of a batch, or could not be started."""
        found = self._busy.get(batch.id)
        if found is None:
            reason = f"WorkerDied: no process can be started: {error}"
            for token in rest:
                reporter.add([b.ENDED, token, *Outcome(reason=reason)])
            return
        found[1].close()
        if rest:
            reason = "WorkerDied: the helper process of the slot ended while it did the activity"
            reporter.add([b.ENDED, rest[0], *Outcome(reason=reason)])
        for token in rest[1:]:
            reporter.add([b.RETURNED, token])


def _converse(
    batch: Batch,
    helper: HelperProcess,
    is_cancelled: Callable[[], bool],
    reporter: Reporter,
    rest: list[str],
    large: dict[str, Any],
) -> None:
    """Send a batch to a helper, and pass on its messages. ``rest``: tokens whose end was not told; it is kept true."""
    helper.send(batch)
    looked_at = time.monotonic()
    aborted = False
    while True:
        if not readable([helper.channel.fileno()], SOON_SECONDS if reporter.waits else _LOOK_SECONDS):
            reporter.flush()
        else:
            for event in helper.channel.receive():
                kind, token, *values = event
                if kind == b.CLOSED:
                    return
                if kind in (b.ENDED, b.STOPPED, b.RETURNED):
                    rest.remove(token)
                if kind == b.ENDED and sum(len(each) for each in values if isinstance(each, str)) > LARGE_BYTES:
                    large[token] = values
                    event = [b.LARGE, token]
                reporter.add(event)
        now = time.monotonic()
        if not aborted and now - looked_at >= _LOOK_SECONDS:
            looked_at = now
            if is_cancelled():
                aborted = True
                helper.send([ABORT])


SLOTS = Slots()


# The functions that drivers call


def perform(text: str) -> str:
    """The function of Dask tasks: perform a batch. Returns the outcomes that are too long for events, as JSON."""
    worker = distributed.get_worker()
    key = worker.get_current_task()
    batch = Batch.of_text(text)

    def is_cancelled() -> bool:
        task = worker.state.tasks.get(key)
        gone = worker.status.name in ("closing", "closed", "failed")  # its scheduler counts the task as lost
        return gone or task is None or task.state not in ("executing", "long-running")

    found = SLOTS.perform(batch, worker.state.nthreads, is_cancelled, Reporter(PROCESS, batch.topic, worker.log_event))
    return json.dumps(found)


async def hello(topic: str, text: str) -> list[Any]:
    """Get to know a driver and its code; returns this process and what its helper has found."""
    code = Code.of_json(json.loads(text))
    found = await asyncio.to_thread(SLOTS.meet, topic, code)
    return [PROCESS, SLOTS.leaving, *found]


def stop(tokens: list[str]) -> None:
    """Stop tasks."""
    SLOTS.stop(tokens)


def take_back(batch: str) -> bool:
    """True: a batch has not begun, and is not going to."""
    return SLOTS.take_back(batch)


def forget(topic: str) -> None:
    """A driver ends."""
    SLOTS.forget(topic)
