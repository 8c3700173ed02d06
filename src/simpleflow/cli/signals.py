"""Stopping a run with Ctrl-C or SIGTERM.

How it works: the signal handler raises ``Stopped`` in the main thread, wherever that is, often inside a wait or inside
user code. ``Stopped`` is a ``BaseException``, so an ``except Exception`` in a workflow does not swallow it. It unwinds
to the command, and the ``finally`` blocks on its way stop the workers and release the run. The command
then says how to go on.

Stopping needs no saving: every decision and result was committed to the history when it was made, so the next start of
the same command continues there. For the same reason a second signal may end the process at once, without cleaning
up: the worker processes end with the process that owns them, and so does its hold on the run. But some programs that
start commands send one signal twice, see ``SAME_SIGNAL_SECONDS``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from simpleflow.constants import SAME_SIGNAL_SECONDS


class Stopped(BaseException):
    """A signal asked the process to stop. This is no ``Exception``, because it has to pass through user code."""

    stops_process = True  # see ``exceptions.passes_through``

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number  # of the signal


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside this context the first SIGINT or SIGTERM raises Stopped, and a second one ends the process at once.

    The earlier signal handlers are restored at the end, unless a signal has stopped the process: it ends soon, and the
    same signal may come once more before that.
    """
    first: tuple[int, float] | None = None  # number and monotonic time of the signal that stops

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None:
            first = number, now
            raise Stopped(number)
        if number != first[0] or now - first[1] > SAME_SIGNAL_SECONDS:
            os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if first is None:
            for number, handler in before.items():
                signal.signal(number, handler)
