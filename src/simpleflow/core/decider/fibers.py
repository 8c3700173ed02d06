"""Fibers: user code that waits without holding up anything else.

``run`` is evaluated in a greenlet, so that reading a future that is not there yet parks it and the decider goes on when
the history has the answer, instead of starting over. Everything stays in the calling thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from greenlet import getcurrent, greenlet

from simpleflow.exceptions import ExecutionBlocked
from simpleflow.futures import Future


class Fiber(greenlet):
    """One piece of user code on a stack of its own; and then another one, since a new stack costs a system call."""

    piece: Callable[[], None] | None = None


class Fibers:
    """The parked pieces of one evaluation, and what is ready to go on."""

    def __init__(self) -> None:
        self._parked: dict[Fiber, Future] = {}
        self._spare: list[Fiber] = []  # whose pieces have ended
        self._ready: deque[Callable[[], None] | Fiber] = deque()
        self._idle: deque[Callable[[], None]] = deque()
        self.discarded = False

    def start(self, function: Callable[[], None]) -> None:
        """Run ``function`` until it ends or waits."""
        if self._spare:
            fiber = self._spare.pop()
            fiber.gr_context = None  # a piece finds no context variables that the one before it has set
        else:
            fiber = Fiber(self._serve)
        fiber.piece = function
        self._enter(fiber)

    @property
    def current(self) -> object:
        """The piece of user code that is running; None outside one."""
        return getattr(getcurrent(), "piece", None)

    def soon(self, function: Callable[[], None]) -> None:
        """Run ``function``, in a fiber of its own, when ``settle`` gets to it."""
        self._ready.append(function)

    def when_idle(self, function: Callable[[], None]) -> None:
        """Run ``function``, in a fiber of its own, when nothing else can go on."""
        self._idle.append(function)

    def wait(self, future: Future) -> None:
        """Park the current fiber until ``future`` is final. Raises ExecutionBlocked if it will not be."""
        fiber = getcurrent()
        if self.discarded or not isinstance(fiber, Fiber) or fiber.parent is None:
            raise ExecutionBlocked
        self._parked[fiber] = future
        future._when_done(lambda _: self._wake(fiber))
        fiber.parent.switch()
        if self.discarded:
            raise ExecutionBlocked

    def settle(self, resume: Callable[[], bool]) -> None:
        """Let everything that is ready go on, until nothing is; parked fibers only while ``resume()`` says so."""
        while self._ready or (self._idle and resume()):
            item = self._ready.popleft() if self._ready else self._idle.popleft()
            if not isinstance(item, Fiber):
                self.start(item)
            elif resume():
                self._enter(item)

    def discard(self) -> None:
        """End every parked fiber, with ExecutionBlocked where it waits."""
        self.discarded = True
        self._ready.clear()
        self._idle.clear()
        for fiber in list(self._parked):
            fiber.parent = getcurrent()
            fiber.throw(ExecutionBlocked)
        self._parked.clear()
        for fiber in self._spare:
            self._enter(fiber)
        self._spare.clear()

    @property
    def waits_for(self) -> list[Future]:
        """What the parked fibers wait for."""
        return list(self._parked.values())

    def _serve(self) -> None:
        """The life of a fiber: its piece, and the next ones, until all is given up."""
        fiber = getcurrent()
        assert isinstance(fiber, Fiber)
        while fiber.piece is not None:
            fiber.piece()
            fiber.piece = None
            if self.discarded:
                return
            self._spare.append(fiber)
            assert fiber.parent is not None
            fiber.parent.switch()

    def _wake(self, fiber: Fiber) -> None:
        if self._parked.pop(fiber, None) is not None:
            self._ready.append(fiber)

    def _enter(self, fiber: Fiber) -> None:
        # Whoever lets a fiber go on gets control back when it waits or ends.
        fiber.parent = getcurrent()
        fiber.switch()
