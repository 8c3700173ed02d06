"""Stopping a run with Ctrl-C or SIGTERM.

How it works: the signal handler raises ``Stopped`` in the main thread, wherever that is, often inside a wait or inside
user code. ``Stopped`` is a ``BaseException``, so an ``except Exception`` in a workflow does not swallow it. It unwinds
to the command, and the ``finally`` blocks on its way stop the workers and release the run. The command
then says how to go on.

Stopping needs no saving: every decision and result was committed to the history when it was made, so the next start of
the same command continues there. For the same reason a second signal may end the process at once, without cleaning
up: the worker processes end with the process that owns them, and so does its hold on the run. But some programs that
start commands send one signal twice, see ``SAME_SIGNAL_SECONDS``.

A process that user code forks in here gets the handlers of a plain process: ``multiprocessing`` ends its processes with
SIGTERM, and waits for their ends. Python forgets signals that come between a fork and its hooks, so SIGTERM is blocked
then. In a hook an exception would be lost, so a signal that comes there is sent once more.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType

from simpleflow.constants import SAME_SIGNAL_SECONDS

_HOOK_SECONDS = 0.05  # more than the hooks of a fork take

_stop: Callable[[int, FrameType | None], None] | None = None  # the handler of the context that is open
_unblocked: dict[int, set[int | signal.Signals]] = {}  # by thread that forks: its mask before that


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
    global _stop
    first: tuple[int, float] | None = None  # number and monotonic time of the signal that stops

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if threading.get_ident() in _unblocked:
            threading.Thread(target=_send_soon, args=(number,), daemon=True).start()
            return
        now = time.monotonic()
        if first is None:
            first = number, now
            raise Stopped(number)
        if number != first[0] or now - first[1] > SAME_SIGNAL_SECONDS:
            os._exit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    _look_at_forks()
    _stop = stop
    try:
        yield
    finally:
        _stop = None
        if first is None:
            for number, handler in before.items():
                signal.signal(number, handler)


@cache
def _look_at_forks() -> None:
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_forked)


def _before_fork() -> None:
    if _stop is not None:
        _unblocked[threading.get_ident()] = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))


def _after_fork() -> None:
    mask = _unblocked.get(threading.get_ident())
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # a signal that has come is handled in here
        del _unblocked[threading.get_ident()]


def _forked() -> None:
    for number, plain in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if _stop is not None and signal.getsignal(number) is _stop:
            signal.signal(number, plain)
    _after_fork()


def _send_soon(number: int) -> None:
    """Send a signal to this process, when the hooks of a fork are over."""
    time.sleep(_HOOK_SECONDS)
    os.kill(os.getpid(), number)
