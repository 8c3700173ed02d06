"""The garbage collector while a command loads its modules.

It would look at all of them again and again, and once more at the end, and find next to nothing: a tenth of the
instructions of a short command.
"""

from __future__ import annotations

import atexit
import gc
from typing import Any

_LOADING = 50_000  # objects at which it is called nevertheless; a run loads about 40,000

_usual: tuple[int, int, int] | None = None  # the thresholds that stand at other times; None: they stand now


def pause() -> None:
    """Hold it back until ``resume``, or until there are many objects."""
    global _usual
    _usual = gc.get_threshold()
    gc.set_threshold(_LOADING)
    gc.callbacks.append(_called)
    atexit.register(gc.freeze)


def resume() -> None:
    """Let it work as usual on what is made from here on. Called before code of users runs.

    What was loaded stays until the process ends.
    """
    global _usual
    if _usual is not None:
        gc.freeze()
        gc.set_threshold(*_usual)
        gc.callbacks.remove(_called)
        atexit.unregister(gc.freeze)
        _usual = None


def _called(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop":
        resume()
