"""A pool of worker processes that is made when there is the first task for it.

Many runs have none: all their steps are done. To load the pool would take a good part of the time of such a run. Such a
run reads its marks all the same, which is quick: that is done here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simpleflow.activity import Activity
from simpleflow.engines.base import ActivityTask
from simpleflow.worker.base import Accepts
from simpleflow.worker.dispatch import Middlewares, quick
from simpleflow.worker.inline import do_quickly

if TYPE_CHECKING:
    from simpleflow.worker.pool import Pool


class LatePool:
    """See ``base.ActivityPool``. Set ``source`` and ``known`` as those of a ``Pool``.

    Args:
        size: how many workers the pool will have, at most.
        middlewares: see ``dispatch.perform``.
        make: makes the pool; called at most once.
    """

    source: Any
    begins = True

    def __init__(self, size: int, middlewares: Middlewares, make: Callable[[], Pool]) -> None:
        self.known: Mapping[str, Activity] = {}
        self._size = size
        self._middlewares = middlewares
        self._make = make
        self._pool: Pool | None = None

    @property
    def free(self) -> int:
        return self._size if self._pool is None else self._pool.free

    @property
    def accepts(self) -> Accepts | None:
        return None if self._pool is None else self._pool.accepts

    def accepts_ahead(self, waiting: int) -> bool:
        return self._pool is not None and self._pool.accepts_ahead(waiting)

    def send_ahead(self, task: ActivityTask) -> None:
        self._made().send_ahead(task)

    def may_block(self, task: ActivityTask) -> bool:
        return False

    def start(self, task: ActivityTask) -> None:
        given = quick(task, self.known) if self._pool is None else None
        if given is None:
            self._made().start(task)
        else:
            do_quickly(self.source, task, given, self.known, self._middlewares)

    def wait(self, seconds: float) -> bool:
        if self._pool is not None:
            return self._pool.wait(seconds)
        time.sleep(seconds)
        return False

    def reap(self) -> None:
        if self._pool is not None:
            self._pool.reap()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def _made(self) -> Pool:
        if self._pool is None:
            self._pool = self._make()
            self._pool.source, self._pool.known = self.source, self.known
        return self._pool
