"""An execution that this process owns."""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Sequence

from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.engines.base import RunDescription
from simpleflow.stores.base import Change


class Run:
    """An execution that this process owns, or whose history it reads.

    Args:
        workflow_id, run_id: of the execution.
        root_id: run id of the execution that the whole family began with.
        history: an empty one, if it is not to be a strict one.
    """

    __slots__ = ("due", "history", "root_id", "run_id", "workflow_id")

    def __init__(self, workflow_id: str, run_id: str, root_id: str, history: History | None = None) -> None:
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.root_id = root_id
        self.history = History() if history is None else history
        self.due: float | None = None  # its entry in ``Deadlines``, in epoch seconds

    @property
    def execution(self) -> e.WorkflowExecution:
        """Its ids, as events name an execution."""
        return e.WorkflowExecution(run_id=self.run_id, workflow_id=self.workflow_id)

    def describe(self) -> RunDescription:
        """Its entry in lists of executions."""
        history = self.history
        started = history.started
        return RunDescription(
            self.workflow_id,
            self.run_id,
            started.workflow_type.name,
            started.workflow_type.version,
            history.state,
            history.events[0].time,
            history.closed.time if history.closed else None,
            history.open,
        )


Observer = Callable[[Run, Sequence[e.Event]], None]
"""Called with an execution and its new events once they are kept."""


Projection = Callable[[Run, e.Event], Sequence[Change]]
"""Gives the done marks that an event of an execution writes or removes. They are kept together with the event."""


def make_run_id() -> str:
    """A new run id in SWF's form: 46 characters."""
    text = binascii.b2a_base64(os.urandom(33), newline=False).decode().replace("+", "-").replace("/", "_")
    return f"2{os.urandom(1)[0] % 10}{text}"
