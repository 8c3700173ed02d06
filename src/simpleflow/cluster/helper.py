"""The helper of one slot: a process beside the Dask worker that has each activity performed in a child process.

Theory of operation
-------------------
A Dask worker has many threads, so it must not fork, and nothing can stop a thread. So each slot has this process, a
fresh Python with one thread. It imports the workflow's module once, and forks a child (``worker.child``), which
performs one task after the other. To stop a task it kills the child with everything that the task has started; the next
child is forked in milliseconds and has the module already.

It waits for three things at once: messages of the Dask worker, which come on standard input; messages of the child; and
the output of the child, which comes through a pipe. If standard input ends, the Dask worker has died or wants this
process to end: then the child is killed. Events of short tasks are sent together.

While a task goes on, it sends a heartbeat now and then, as long as the child lives and is not stopped by a signal. If a
task takes longer than a moment, the tasks behind it in the batch are returned, so that they do not wait for it.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections import deque
from typing import Any

from simpleflow.cluster import batch as b
from simpleflow.cluster.code import Code, load
from simpleflow.cluster.printed import Printed
from simpleflow.engines.base import ActivityTask
from simpleflow.worker.child import Child
from simpleflow.worker.dispatch import Middlewares, Outcome
from simpleflow.worker.messages import WorkerEnd, readable
from simpleflow.worker.process import BEAT_SECONDS

HELD_UP_SECONDS = 0.2
"""A task that takes longer holds up the tasks behind it, which are returned."""

STOP = "stop"
"""A message with a token: stop that task, and go on with the others of the batch."""

ABORT = "abort"
"""A message: stop the task, and return the others."""

_LOOK_SECONDS = 0.2  # between two checks of the child
_SOON_SECONDS = 0.001  # for how long a child may take before the events so far are sent
_TOGETHER_SECONDS = 0.003  # for how long the events of several tasks are collected
_CHUNK = 65_536


class Pipe:
    """The output of the children. All of them have the same pipe."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)

    def redirect(self) -> None:
        """In a child: send its output into the pipe."""
        os.close(self.reader)
        os.dup2(self._writer, 1)
        os.dup2(self._writer, 2)

    def read(self) -> bytes:
        """The bytes in the pipe, up to a chunk."""
        try:
            return os.read(self.reader, _CHUNK)
        except BlockingIOError:
            return b""


class Helper:
    """The life of the process.

    Args:
        channel: to the Dask worker.
        descriptor: of the channel's end that is read.
    """

    def __init__(self, channel: WorkerEnd, middlewares: Middlewares) -> None:
        self._channel = channel
        self._pipe = Pipe()
        self._child = Child(middlewares, output=self._pipe)
        self._waiting: deque[ActivityTask] = deque()
        self._events: list[b.Event] = []  # that are sent together soon
        self._flushed_at = 0.0  # monotonic time
        self._early: set[str] = set()  # tokens that are to be stopped, and whose batch has not come
        self._printed = Printed(0)

    def run(self) -> None:
        """Perform batches until the channel ends."""
        try:
            while True:
                message = self._channel.receive()
                if not isinstance(message, b.Batch):
                    self._early.add(message[-1])
                else:
                    for task in message.tasks:
                        if task.token in self._early:
                            self._send(b.STOPPED, task)
                        else:
                            self._waiting.append(task)
                    self._early.clear()
                    while self._waiting:
                        self._perform(self._waiting.popleft(), message.log_bytes)
                    self._events.append([b.CLOSED, message.id])
                    self._flush()
        except (EOFError, OSError):
            pass
        finally:
            self._child.close()

    def _perform(self, task: ActivityTask, log_bytes: int) -> None:
        """Perform one task, and send its end."""
        self._printed = Printed(log_bytes)
        every = BEAT_SECONDS
        if task.heartbeat_timeout is not None:
            every = max(0.05, min(task.heartbeat_timeout / 3, BEAT_SECONDS))
        self._send(b.BEGUN, task)
        self._child.start(task)
        begun = beat_at = time.monotonic()
        outcome: Outcome | None = None
        while outcome is None:
            channel = self._child.open()
            descriptors = [self._channel.fileno(), channel.fileno(), self._pipe.reader]
            ready = readable(descriptors, _SOON_SECONDS)
            if not ready and not self._child.is_exchanging:
                self._flush()
                ready = readable(descriptors, min(every, _LOOK_SECONDS))
            if self._pipe.reader in ready:
                self._show(task, self._pipe.read())
            if self._channel.fileno() in ready and self._is_stopped_by(self._channel.receive(), task):
                self._child.stop()
                self._end_output(task)
                self._send(b.STOPPED, task)
                return
            message = self._child.receive(0)
            outcome = message if isinstance(message, Outcome) else None
            now = time.monotonic()
            if outcome is None and self._waiting and now - begun > HELD_UP_SECONDS:
                self._return_waiting()
            if outcome is None and now - beat_at >= every and self._child.is_running:
                beat_at = now
                self._printed_now(task)
                self._send(b.BEAT, task)
        self._end_output(task)
        self._events.append([b.ENDED, task.token, *outcome])
        if time.monotonic() - self._flushed_at > _TOGETHER_SECONDS:
            self._flush()

    def _is_stopped_by(self, message: Any, task: ActivityTask) -> bool:
        """True if a message of the Dask worker stops the task that is under way."""
        if message[0] == ABORT:
            self._return_waiting()
            return True
        _, token = message
        for each in list(self._waiting):
            if each.token == token:
                self._waiting.remove(each)
                self._send(b.STOPPED, each)
        return bool(token == task.token)

    def _return_waiting(self) -> None:
        while self._waiting:
            self._send(b.RETURNED, self._waiting.popleft())

    def _show(self, task: ActivityTask, data: bytes) -> None:
        self._printed.add(data)
        self._printed_now(task, whole=False)

    def _printed_now(self, task: ActivityTask, whole: bool = True) -> None:
        for data in self._printed.take(whole):
            self._events.append([b.PRINTED, task.token, data])
            self._flush()

    def _end_output(self, task: ActivityTask) -> None:
        """Send what the task has printed and was not sent."""
        while data := self._pipe.read():
            self._printed.add(data)
        self._printed.end()
        self._printed_now(task)

    def _send(self, kind: str, task: ActivityTask) -> None:
        self._events.append([kind, task.token])

    def _flush(self) -> None:
        """Send the events."""
        self._flushed_at = time.monotonic()
        if self._events:
            self._channel.send(self._events)
            self._events = []


def main() -> None:
    """Import the code that the first message describes, send its versions, and perform batches."""
    channel = WorkerEnd(os.dup(0), os.dup(1))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with tempfile.TemporaryDirectory(prefix="simpleflow-") as scratch:
        try:
            code: Code = channel.receive()
        except (EOFError, OSError):
            return
        found = load(code, scratch)
        channel.send(found)
        if found.error or not found.digest:
            return
        Helper(channel, Middlewares.load({"pre": code.pre, "post": code.post})).run()


if __name__ == "__main__":
    main()
