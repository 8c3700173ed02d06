"""The life of a process that polls: a task, its work, the next task, until somebody asks to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from simpleflow.exceptions import SimpleflowError, one_line
from simpleflow.worker.stopping import Stopping

log = logging.getLogger(__name__)

Task = TypeVar("Task")

_EMPTY_SECONDS = 0.1  # at least, between two polls that give nothing


class Pause:
    """Seconds to wait before the next try: longer and longer, until a try goes well."""

    def __init__(self, first: float = 0.5, longest: float = 30.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    def next(self) -> float:
        """How long to wait now."""
        found = self._next
        self._next = min(2 * found, self._longest)
        return found

    def reset(self) -> None:
        """It went well."""
        self._next = self._first


def serve(
    poll: Callable[[], Task | None],
    work: Callable[[Task], None],
    stopping: Stopping,
    one_task: bool = False,
    is_vital: bool = True,
) -> None:
    """Poll and work until somebody asks to stop, or until one task is done.

    Raises what the first poll raised if it was an error of ours, such as a domain that does not exist: it would stay
    so. Later ones are logged, and tried again after a pause; and so is the first one if the poll is not vital.
    """
    pause = Pause()
    begun = not is_vital
    while not stopping.requested():
        polled_at = time.monotonic()
        try:
            with stopping.polling():
                task = None if stopping.requested() else poll()
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
    """Whether the same request may be taken later: throttling, and whatever the network does."""
    return bool(getattr(error, "passing", not isinstance(error, SimpleflowError)))
