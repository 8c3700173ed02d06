"""The output of activities on other machines, in the process that drives the run: logs, and lines on the terminal."""

from __future__ import annotations

import os
import sys
import time

from simpleflow.engines.base import ActivityTask
from simpleflow.state_folder import logs
from simpleflow.state_folder.bounded import BoundedFile
from simpleflow.worker.output import OutputTarget
from simpleflow.worker.output_lines import OutputLines


class _Log:
    """The output of one task."""

    def __init__(self, target: OutputTarget, task: ActivityTask) -> None:
        self.file: BoundedFile | None = None
        self.lines: OutputLines | None = None
        try:
            opened = logs.open_log(target.state, task.run_id, task.activity_id, task.tries, time.time())
            self.file = BoundedFile(*opened, target.limit)
        except OSError:
            pass  # nothing can be kept: the run does not fail for that
        if target.title is not None:
            try:
                encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
                self.lines = OutputLines(os.dup(2), target.stamps, encoding)
                self.lines.begin(target.title(task))
            except OSError:
                pass  # standard error is closed: nobody sees lines

    def write(self, data: bytes) -> None:
        if self.file is not None:
            try:
                self.file.write(data)
            except OSError:
                pass
        if self.lines is not None:
            self.lines.write(data)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        if self.lines is not None:
            self.lines.end_line()
            self.lines.close()


class DriverOutput:
    """The output of all tasks. ``target``: where it goes; None: nowhere."""

    def __init__(self, target: OutputTarget | None) -> None:
        self._target = target
        self._logs: dict[str, _Log] = {}  # by token

    @property
    def limit(self) -> int:
        """The most bytes of the output of a task that workers send."""
        return 0 if self._target is None else self._target.limit

    def add(self, task: ActivityTask, data: bytes) -> None:
        """A task has printed this."""
        if self._target is None:
            return
        log = self._logs.get(task.token)
        if log is None:
            log = self._logs[task.token] = _Log(self._target, task)
        log.write(data)

    def end(self, task: ActivityTask) -> None:
        """A task has ended."""
        log = self._logs.pop(task.token, None)
        if log is not None:
            log.close()

    def close(self) -> None:
        """Close all logs."""
        for log in self._logs.values():
            log.close()
        self._logs.clear()
