"""Where the output of activities in the worker processes of a local run goes, and which of it is shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from simpleflow import settings
from simpleflow.exceptions import InputError
from simpleflow.shown_text import escaped
from simpleflow.step import activity_steps

if TYPE_CHECKING:
    from simpleflow.engines.base import ActivityTask
    from simpleflow.worker.output import OutputTarget

ALL = "all"
NONE = "none"
"""Which lines of it are shown while a run is under way."""


def check_output(output: object) -> str:
    """Return the value. Raises InputError if it is not one of these."""
    if output not in (ALL, NONE):
        raise InputError(f"output is {output!r}; expected {ALL!r} or {NONE!r}")
    return str(output)


def keeps_output(state: str | None) -> bool:
    """True if there are a state folder and room for logs."""
    return state is not None and settings.SIMPLEFLOW_LOG_BYTES > 0


def output_target(
    state: str | None, workflow_id: str | None, output: str, paint: Callable[[str], str] | None = None
) -> OutputTarget | None:
    """Where the output of activities goes; None if there is no state folder or no room for logs: it is not redirected.

    Lines of child workflows have the workflow id in front of the step, those of ``workflow_id`` do not.
    """
    limit = settings.SIMPLEFLOW_LOG_BYTES
    if state is None or not limit:
        return None
    from simpleflow.worker.output import OutputTarget

    def title(task: ActivityTask) -> str:
        step = activity_steps.title(task.activity_id, task.name)
        text = escaped(step if task.workflow_id == workflow_id else f"{task.workflow_id}: {step}")
        return text if paint is None else paint(text)

    return OutputTarget(state, limit, title if output == ALL else None, stamps=not os.isatty(2))
