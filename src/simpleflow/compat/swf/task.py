"""``simpleflow.swf.task`` of the existing library: the tasks are the same on each engine. Use ``simpleflow.task``."""

from simpleflow.task import (
    ActivityTask,
    CancelTimerTask,
    ContinueAsNewWorkflowTask,
    MarkerTask,
    SignalTask,
    TimerTask,
    WorkflowTask,
)

__all__ = [
    "ActivityTask",
    "CancelTimerTask",
    "ContinueAsNewWorkflowTask",
    "MarkerTask",
    "SignalTask",
    "TimerTask",
    "WorkflowTask",
]
