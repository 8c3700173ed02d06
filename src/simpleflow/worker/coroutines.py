"""Activities that are ``async def``: each runs in a new event loop, which ends with it.

Theory of operation
-------------------
The loop runs in the thread of the activity, so signals reach it. A handler that raises, as that of a worker does when
it is stopped, may raise anywhere: inside the loop's own code, a task would be forgotten, and the loop would wait for it
for ever. So the exception is raised at once only where the code of a task is under way. Else it is held, the coroutine
is cancelled, and the exception is raised once the loop has ended. Either way all ``finally`` clauses run, and no task
outlives its activity.

Where the thread runs a loop already, which a thread can do only once, another thread takes its place. That is so if a
program that is itself asynchronous, such as a notebook, calls ``Executor.run`` without workers.
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import signal
import threading
from collections.abc import Coroutine, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a new event loop; returns its result, or raises its exception.

    It finds the context variables of the caller. Its changes to them end with it.
    """
    import asyncio  # slow to load, and few activities need it

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        is_inside = False
    else:
        is_inside = True
    # Outside of the handler: else what the coroutine raises would have that error as its context.
    return _Run(coroutine).in_a_thread() if is_inside else _Run(coroutine).here()


class _Run:
    """One coroutine, from its begin to its end."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._held: BaseException | None = None
        self._canceled = False
        self._ended = threading.Event()
        self._outcome: tuple[Any, BaseException | None] = (None, None)

    def here(self) -> Any:
        """Run it in this thread."""
        import asyncio

        if threading.current_thread() is not threading.main_thread():
            return asyncio.run(self._main())
        try:
            with self._signals():
                return asyncio.run(self._main())
        finally:
            if self._held is not None:
                raise self._held

    def in_a_thread(self) -> Any:
        """Run it in another thread, and wait for that."""
        run = contextvars.copy_context().run
        threading.Thread(target=run, args=(self._keep_outcome,), daemon=True).start()
        try:
            self._ended.wait()  # ``join`` of a thread takes it for ended after an interrupt
        except BaseException:  # such as KeyboardInterrupt: end the coroutine, too
            self._cancel()
            self._ended.wait()
            raise
        result, error = self._outcome
        if error is not None:
            raise error
        return result

    async def _main(self) -> Any:
        import asyncio

        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._canceled:  # before it began
            self._coroutine.close()
            raise asyncio.CancelledError
        return await self._coroutine

    def _keep_outcome(self) -> None:
        try:
            self._outcome = self.here(), None
        except BaseException as error:  # noqa: BLE001 (it is raised in the thread that waits)
            self._outcome = None, error
        finally:
            self._ended.set()

    def _cancel(self) -> None:
        self._canceled = True
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._task.cancel)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let what the handlers of signals raise reach the coroutine."""
        handlers = {number: found for number in _SIGNALS if callable(found := signal.getsignal(number))}

        def handle(number: int, frame: FrameType | None) -> None:
            try:
                handlers[signal.Signals(number)](number, frame)
            except BaseException as error:
                if self._held is not None or _is_in_a_task(frame):
                    raise
                self._held = error
                self._cancel()

        for number in handlers:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, before in handlers.items():
                if signal.getsignal(number) is handle:
                    signal.signal(number, before)


def _is_in_a_task(frame: FrameType | None) -> bool:
    """True if this is the code of a task or a callback, which the loop has called; False for the loop's own code."""
    innermost = frame
    while frame is not None and not str(frame.f_globals.get("__name__", "")).startswith("asyncio."):
        frame = frame.f_back
    if frame is None or frame is innermost:
        return False
    code = frame.f_code
    return code.co_name == "_run" or bool(code.co_flags & inspect.CO_COROUTINE)
