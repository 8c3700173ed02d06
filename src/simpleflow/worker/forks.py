"""Forking without other threads: a thread that may pause is joined before a fork, and goes on after it.

A forked process has copies of all locks, but only of the thread that forked. A lock that another thread held at that
moment is never released in it. So Python warns of a fork in a process with several threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol


class Pausable(Protocol):
    """Something with a thread that can stop for a moment."""

    def pause(self) -> None:
        """End the thread."""

    def resume(self) -> None:
        """Start the thread again."""


_pausable: list[Pausable] = []


def add(thread: Pausable) -> None:
    """Have that thread paused during forks."""
    _pausable.append(thread)


def remove(thread: Pausable) -> None:
    """Pause it no longer."""
    _pausable.remove(thread)


@contextmanager
def alone() -> Iterator[None]:
    """A block in which the threads that can pause do not run. A child that is forked there does not resume them."""
    with ExitStack() as stack:
        for each in _pausable:
            each.pause()
            stack.callback(each.resume)
        yield
