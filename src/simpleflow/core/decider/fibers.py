"""Fibers: pieces of user code that wait without blocking one another.

A *piece* is one call of user code: ``run``, the function of a FuncGroup, a hook, or a callback of a promise. Each piece
runs in a *fiber*, a greenlet with a separate stack. When a piece reads a promise that is not final, its fiber parks and
control returns to the caller. Once the promise is final, the fiber is ready, and ``settle`` lets it go on from exactly
there, so the piece need not start over. Everything stays in the calling thread, and fibers switch only where they wait.
So the order is the same in every evaluation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from greenlet import getcurrent, greenlet

from simpleflow.exceptions import ExecutionBlocked
from simpleflow.futures import Promise


class Fiber(greenlet):
    """A stack that runs one piece after another. A new stack for each piece would cost a system call."""

    piece: Callable[[], None] | None = None  # the piece that it runs; None for a spare fiber


class Fibers:
    """The fibers of one evaluation: those that are parked, and those that are ready to go on."""

    def __init__(self) -> None:
        self._parked: dict[Fiber, Promise] = {}  # each with the promise that it waits for
        self._spare: list[Fiber] = []  # fibers whose piece has ended
        self._ready: deque[Callable[[], None] | Fiber] = deque()  # pieces to start, and fibers that can go on
        self._idle: deque[Callable[[], None]] = deque()  # pieces to start when nothing else can go on
        self.discarded = False  # the evaluation was given up

    def start(self, function: Callable[[], None]) -> None:
        """Run ``function`` until it ends or waits."""
        if self._spare:
            fiber = self._spare.pop()
            fiber.gr_context = None  # a piece must not see the context variables of the piece before it
        else:
            fiber = Fiber(self._serve)
        fiber.piece = function
        self._enter(fiber)

    @property
    def current(self) -> object:
        """The piece of user code that is running; None outside of user code."""
        return getattr(getcurrent(), "piece", None)

    def soon(self, function: Callable[[], None]) -> None:
        """Run ``function`` in a new fiber when ``settle`` gets to it."""
        self._ready.append(function)

    def when_idle(self, function: Callable[[], None]) -> None:
        """Run ``function`` in a new fiber when nothing else can go on."""
        self._idle.append(function)

    def wait(self, promise: Promise) -> None:
        """Park the current fiber until ``promise`` is final. Raises ExecutionBlocked if it will not be."""
        fiber = getcurrent()
        if self.discarded or not isinstance(fiber, Fiber) or fiber.parent is None:
            raise ExecutionBlocked
        self._parked[fiber] = promise
        promise.when_done(lambda _: self._wake(fiber))
        fiber.parent.switch()
        if self.discarded:
            raise ExecutionBlocked

    def settle(self, resume: Callable[[], bool]) -> None:
        """Let every ready piece go on, until none is ready; parked fibers go on only while ``resume()`` is true."""
        while self._ready or (self._idle and resume()):
            item = self._ready.popleft() if self._ready else self._idle.popleft()
            if not isinstance(item, Fiber):
                self.start(item)
            elif resume():
                self._enter(item)

    def discard(self) -> None:
        """Give up: raise ExecutionBlocked in every parked fiber, where it waits, so that each ends."""
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
    def waits_for(self) -> list[Promise]:
        """The promises that the parked fibers wait for."""
        return list(self._parked.values())

    def _serve(self) -> None:
        """The life of a fiber: it runs one piece after another until the evaluation is given up."""
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
        # Control returns here when the fiber waits or ends.
        fiber.parent = getcurrent()
        fiber.switch()
