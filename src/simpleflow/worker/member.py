"""One worker process of a pool, as its owner sees it."""

from __future__ import annotations

import time
from collections import deque

from simpleflow.engines.base import ActivityTask
from simpleflow.worker.messages import OwnerEnd, packed
from simpleflow.worker.output_pipe import OutputPipe
from simpleflow.worker.process import BEAT_SECONDS


class Member:
    """A worker process with the tasks that it has been sent.

    Args:
        pid: its process id.
        channel: to it.
        output: the pipe with the output of its activities; None: the output is not kept.
    """

    __slots__ = (
        "_ahead",
        "ahead_bytes",
        "beat_at",
        "began",
        "channel",
        "done",
        "heard",
        "latest",
        "output",
        "pid",
        "task",
    )

    def __init__(self, pid: int, channel: OwnerEnd, output: OutputPipe | None = None) -> None:
        self.pid = pid
        self.channel = channel
        self.output = output
        self.task: ActivityTask | None = None  # that it performs
        self.latest: ActivityTask | None = None  # that it performs, or has performed last
        self._ahead: deque[tuple[ActivityTask, int]] = deque()  # sent ahead, not started; each with its size in bytes
        self.ahead_bytes = 0  # the size of these together
        self.began = 0.0  # monotonic time at which it began ``task``
        self.beat_at = 0.0  # monotonic time at which it began ``task``, or of the latest heartbeat that it has sent
        self.heard = 0.0  # monotonic time at which it began ``task``, or of its latest heartbeat
        self.done = 0  # tasks that it has ended

    def send(self, task: ActivityTask) -> None:
        """Send it a task to perform now. Raises OSError if it has died."""
        self.task = task
        self.begin()
        self.channel.write(packed(task))

    @property
    def ahead(self) -> int:
        """How many tasks were sent ahead and have not started."""
        return len(self._ahead)

    def add_ahead(self, task: ActivityTask, size: int) -> None:
        """A task of so many bytes is sent ahead."""
        self._ahead.append((task, size))
        self.ahead_bytes += size

    def next_ahead(self) -> ActivityTask | None:
        """The next task of those that were sent ahead, which is not among them any more; None if there is none."""
        if not self._ahead:
            return None
        task, size = self._ahead.popleft()
        self.ahead_bytes -= size
        return task

    def drop_ahead(self, token: str) -> bool:
        """Take the task with that token from those that were sent ahead; False if it is not among them."""
        for each in self._ahead:
            if each[0].token == token:
                self._ahead.remove(each)
                self.ahead_bytes -= each[1]
                return True
        return False

    def begin(self) -> None:
        """Its task begins now."""
        self.latest = self.task
        self.began = self.heard = self.beat_at = time.monotonic()

    def relieve_output(self, now: float) -> None:
        """Read what its activity prints if it does not do so itself: it has sent no heartbeat for some time."""
        if self.output is None or self.latest is None:
            return
        silent = self.task is not None and now - self.beat_at >= 2 * BEAT_SECONDS
        if silent or self.output.is_reading:
            self.output.relieve(self.latest, self.began)

    def rescue_output(self) -> None:
        """Keep what its activity has printed before it died."""
        if self.output is not None:
            self.output.rescue(self.latest, self.began)
            self.output.close()
            self.output = None

    def is_silent(self, now: float) -> bool:
        """True if a heartbeat of its task is overdue."""
        limit = 2 * BEAT_SECONDS
        if self.task is not None and self.task.heartbeat_timeout is not None:
            limit = min(limit, self.task.heartbeat_timeout / 2)
        return now - self.heard >= limit

    @property
    def has_read_task(self) -> bool:
        """False if it has not received the whole of ``task``; also after it has died."""
        return self.channel.unread() <= self.ahead_bytes
