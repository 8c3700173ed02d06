"""The loop of a process that polls: take a task, work, take the next one, until a stop is requested."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from simpleflow.engines.base import TaskUnreadable
from simpleflow.exceptions import SimpleflowError, one_line
from simpleflow.worker.stopping import Stopping

log = logging.getLogger(__name__)

Task = TypeVar("Task")

_EMPTY_SECONDS = 0.1  # between two polls without a task, at least


class Pause:
    """The pauses between tries: each twice as long as the one before, until a try succeeds. In seconds."""

    def __init__(self, first: float = 0.5, longest: float = 30.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """The pause before the next try."""
        found = self._next
        self._next = min(2 * found, self._longest)
        return found

    def reset(self) -> None:
        """A try succeeded: begin with the first pause again."""
        self._next = self._first


def serve(
    poll: Callable[[], Task | None],
    work: Callable[[Task], None],
    stopping: Stopping,
    one_task: bool = False,
    is_vital: bool = True,
) -> None:
    """Poll and work until a stop is requested, or until one task is done (``one_task``).

    A poll that fails is logged and retried after a pause. But if the very first poll raises an error of this library
    that does not pass, such as a domain that does not exist, this raises it; unless ``is_vital`` is False.
    """
    pause = Pause()
    begun = not is_vital
    while not stopping.requested():
        polled_at = time.monotonic()
        try:
            with stopping.polling():
                task = None if stopping.requested() else poll()
        except TaskUnreadable as error:  # it concerns one execution
            begun = True
            pause.reset()
            log.warning("a decision task is left to its time-out: %s", error)
            continue
        except Exception as error:
            if stopping.requested():
                return
            if not begun and isinstance(error, SimpleflowError) and not is_passing(error):
                raise
            seconds = pause.next()
            log.warning("poll failed, next one in %.1f s: %s", seconds, one_line(error)[:1_000])
            stopping.nap(seconds)
            continue
        begun = True
        pause.reset()
        if task is not None:
            work(task)
            if one_task:
                return
        elif time.monotonic() - polled_at < _EMPTY_SECONDS:
            stopping.nap(_EMPTY_SECONDS)


def is_passing(error: BaseException) -> bool:
    """True if the same request may succeed later: after throttling, and after errors of the network."""
    return bool(getattr(error, "passing", not isinstance(error, SimpleflowError)))
