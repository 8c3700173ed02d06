"""The time that one decision may take, so that a workflow whose code never returns holds up no other one.

Theory of operation
-------------------
A process makes one decision at a time, and nothing inside it can end one for certain: user code may catch every
exception, and a call into C may keep the interpreter lock for ever. So the process ends, by a timer of the kernel. The
alarm first lets ``faulthandler`` write the stack of the main thread into a file, which needs no lock of Python, and
then ends the process by its default action. The supervisor starts another process. That one finds out which execution
was being decided, and where (``worker.deadly_runs``).
"""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from simpleflow import settings
from simpleflow.core import events as e
from simpleflow.core.records import timeout
from simpleflow.engines.base import DecisionTask

_LEAST_SECONDS = 1.0  # on a busy machine, the first decision of a workflow may take that long


def seconds_for(task: DecisionTask) -> float:
    """How many seconds the decision of a task may take: SWF_DECISION_LIMIT, or half of the task's time-out if that is
    less, so that there is time to read the history before, and to send the answer after it. 0: no limit.
    """
    limit = float(settings.SWF_DECISION_LIMIT)
    started = task.events[0].attributes if task.events else None
    if not limit or not isinstance(started, e.WorkflowExecutionStarted):
        return limit
    task_timeout = timeout(started.task_start_to_close_timeout)
    return limit if task_timeout is None else min(limit, max(_LEAST_SECONDS, task_timeout / 2))


class DecisionLimit:
    """Ends this process if workflow code runs for too long. It uses SIGALRM and the timer of the process.

    Args:
        stacks: descriptor of the file into which the stack is written then; None: it is not written.

    Attributes:
        seconds: how long each ``running`` block may take; 0 for any time.
        is_running: this is inside such a block.
    """

    def __init__(self, stacks: int | None = None) -> None:
        self.seconds = 0.0
        self.is_running = False
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        if stacks is not None:
            faulthandler.register(signal.SIGALRM, file=stacks, all_threads=False, chain=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """A block that runs workflow code. An inner block counts as a part of the outer one."""
        if self.is_running:
            yield
            return
        self.is_running = True
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.is_running = False
