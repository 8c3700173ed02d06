"""Messages between the driver of a run and workers elsewhere: JSON text there, events of plain values back.

A *batch* is one Dask task: some activity tasks of one task list that one slot performs one after the other. A task that
takes long is a batch alone. Short ones share a batch, since Dask takes milliseconds for each of its tasks.

The events of a worker are lists: a kind and the token of the activity task come first, values after them.

| kind | values | |
|---|---|---|
| BEGUN | | the task begins |
| BEAT | | it goes on |
| PRINTED | bytes | it has printed this |
| ENDED | the members of its Outcome | |
| LARGE | | it has ended, and the result of the Dask task holds its outcome, which is too long for an event |
| STOPPED | | it was stopped on request |
| RETURNED | | it has not begun, and is not going to: the driver hands it out again |
| CLOSED | | about a batch: nothing more comes |
| LEAVING | | about no task: the worker takes no more |
"""

from __future__ import annotations

import json
from typing import Any

from simpleflow.engines.base import ActivityTask
from simpleflow.named_tuple import NamedTuple

BEGUN = "begun"
BEAT = "beat"
PRINTED = "printed"
ENDED = "ended"
LARGE = "large"
STOPPED = "stopped"
RETURNED = "returned"
CLOSED = "closed"
LEAVING = "leaving"

Event = list[Any]


class Batch(NamedTuple):
    """Some activity tasks for one slot."""

    id: str
    topic: str  # to which the worker sends events; there is one for each driver
    process: str  # of the worker: in any other process the batch is refused
    tasks: tuple[ActivityTask, ...]
    log_bytes: int  # what is sent of the output of a task, at most

    def to_text(self) -> str:
        """The batch as JSON."""
        return json.dumps(self)

    @classmethod
    def of_text(cls, text: str) -> Batch:
        """The batch that became this JSON."""
        id, topic, process, tasks, log_bytes = json.loads(text)
        return cls(id, topic, process, tuple(map(_task, tasks)), log_bytes)


def _task(members: list[Any]) -> ActivityTask:
    task = ActivityTask(*members)
    return task._replace(tag_list=tuple(task.tag_list))
