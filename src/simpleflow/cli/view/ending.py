"""The facts about a run when its command ends, for all reports of the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simpleflow.cli import errors

if TYPE_CHECKING:
    from simpleflow.cli.view.progress import Progress
    from simpleflow.core.decider.evaluation import Failure
    from simpleflow.engines.embedded import Run
    from simpleflow.local import Executor


class Ending:
    """The facts about a run when its command ends. The command fills them in as it goes."""

    def __init__(self) -> None:
        self.code = errors.OK  # the exit code
        self.workflow_id: str | None = None
        self.run_id: str | None = None
        self.executor: Executor | None = None  # of a run in this process; it knows both
        self.state: str | None = None  # the state folder; None: the run is on Amazon SWF
        self.run: Run | None = None
        self.failure: Failure | None = None
        self.progress: Progress | None = None
        self.domain: str | None = None  # on Amazon SWF
        self.again: Callable[[], tuple[str, str]] | None = None  # see ``WhatNext.again``
        self.report: str | None = None  # path of the report that was written
        self.missed: list[str] = []  # options of which no name is that of a step
