"""A run as rows for those who follow it: the rows of what is open, and of what ended badly.

A command that shows a run as it goes on says once how a step has ended. It never looks back at the activities of that
step. A run may have a hundred thousand steps, so their rows go then. All that stays is what the counts at the end need.
"""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from simpleflow.core import events as e
from simpleflow.step import report
from simpleflow.step.constants import FAILED
from simpleflow.step.report import StepReport
from simpleflow.views.rows import AttemptRow, StepRow
from simpleflow.views.run_view import RunView, first_id


class FollowedView(RunView):
    """The rows of one run that goes on; see ``RunView``.

    Args:
        parent_id: workflow id of the run that has started this one, if one has.

    Attributes:
        ended: by name, the latest reports of the steps whose rows are gone; many steps share one (``report.shared``).
    """

    def __init__(self, run_id: str = "", workflow_id: str = "", parent_id: str | None = None) -> None:
        super().__init__(run_id, workflow_id)
        self.parent_id = parent_id
        self.ended: dict[str, StepReport] = {}
        self._known = ChainMap[str, Any](self.steps, self.ended)  # only the keys count

    def _ended_well(self, event: e.Event, attributes: Any) -> None:
        """What has ended so needs no row any more."""
        RunView.HANDLERS[type(attributes)](self, event, attributes)
        row = self.rows.pop(first_id(attributes), None)
        if isinstance(row, AttemptRow):
            self._tries.pop(row.id, None)

    def forget(self, row: StepRow) -> None:
        """Let the rows of a step go, if it has ended well: it has been shown."""
        if row.end is None or row.state == FAILED:
            return
        if any(name in self.steps for name in row.outer):
            return  # the work of the step around it is that of its parts
        for name in (row.name, *row.inner):
            gone = self.steps.get(name)
            if gone is not None and gone.end is not None and gone.state != FAILED:
                del self.steps[name]
                self.ended.pop(name, None)
                self.ended[name] = report.shared(gone.report)

    def reports(self) -> dict[str, StepReport]:
        return self.ended | super().reports()

    HANDLERS = {
        **RunView.HANDLERS,
        **dict.fromkeys(
            (e.ActivityTaskCompleted, e.ChildWorkflowExecutionCompleted, e.TimerFired, e.TimerCanceled), _ended_well
        ),
        e.MarkerRecorded: RunView._step_marker,  # its own row would never change
        e.WorkflowExecutionSignaled: lambda view, event, attributes: None,  # likewise
    }
