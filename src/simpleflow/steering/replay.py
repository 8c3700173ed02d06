"""Replay a history up to the place where ``run`` submits a step, and let a caller look at that place.

The decider evaluates the workflow's own ``run`` on the history, as it did when the history was made. When the step is
submitted for the first time, ``look`` is called with the frame of the user's code. Nothing is executed: the answers of
the decider go nowhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from simpleflow.core import events as e
from simpleflow.core.decider.decide import Decider
from simpleflow.core.decider.executor import Executor
from simpleflow.futures import Future
from simpleflow.steering.history_check import decider_for, pieces
from simpleflow.step.submittable import Step
from simpleflow.workflow import Workflow

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

Look = Callable[[FrameType, int], object]
"""Called with the frame of the user's code that submits the step, and the id of the last event that it knows of."""


def replay(
    workflow_class: type[Workflow], events: Sequence[e.Event], step: str, look: Look, workflow_id: str | None = None
) -> bool:
    """Call ``look`` where the step is submitted. Returns False if the run never submits it.

    Raises InputError if the history does not begin with WorkflowExecutionStarted.
    """
    reached, known = False, 0

    class Watching(Executor):
        def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
            nonlocal reached
            if isinstance(submittable, Step) and submittable.step_name == step and not reached:
                reached = True
                look(_user_frame(sys._getframe(1)), known)
            return super().submit(submittable, *args, **kwargs)

    class Replaying(Decider):
        executor_class = Watching

    decider = decider_for(workflow_class, events, workflow_id, Replaying)
    try:
        for piece in pieces(events):
            known = piece[-1].id
            decider.advance(piece)
            if reached:
                return True
    finally:
        decider.discard()
    return False


def _user_frame(frame: FrameType) -> FrameType:
    """The innermost frame of code that is not this library's; the given one if there is none."""
    found: FrameType | None = frame
    while found is not None and os.path.abspath(found.f_code.co_filename).startswith(_HERE):
        found = found.f_back
    return found or frame
