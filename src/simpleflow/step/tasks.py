"""The activities that read and write done marks. A mark is an object ``{path}/{step name}``; only its name counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simpleflow import activity, stores


class _MarksTask:
    """An activity about the marks below ``path`` in ``bucket``."""

    context: dict[str, Any] | None = None

    @staticmethod
    def is_quick(bucket: str, *_: Any) -> bool:
        """Marks in a folder or in memory take but a moment, and may be written again: do it here and now."""
        return stores.is_local(bucket)


class GetStepsDoneTask(_MarksTask):
    """The names of the steps that are done, sorted.

    Args:
        bucket: a bucket string, see ``stores.open_store``.
        path: the prefix of the marks, with or without a slash at its end.
    """

    def __init__(self, bucket: str, path: str) -> None:
        self.bucket = bucket
        self.path = path

    def execute(self) -> list[str]:
        """Raises StoreError."""
        return stores.open_store(self.bucket).names(self.path)


class MarkStepDoneTask(_MarksTask):
    """Mark a step as done."""

    def __init__(self, bucket: str, path: str, step_name: str) -> None:
        self.bucket = bucket
        self.path = path
        self.step_name = step_name

    def execute(self) -> None:
        """Raises StoreError."""
        context = self.context or {}
        body = {key: context.get(key, "unknown") for key in ("run_id", "workflow_id", "version")}
        stores.open_store(self.bucket).put(self.path, self.step_name, json.dumps(body).encode())


class UnmarkStepsDoneTask(_MarksTask):
    """Take back the marks of steps that are about to become stale; those that are not there are fine."""

    def __init__(self, bucket: str, path: str, step_names: Sequence[str]) -> None:
        self.bucket = bucket
        self.path = path
        self.step_names = step_names

    def execute(self) -> None:
        """Raises StoreError."""
        stores.open_store(self.bucket).delete(self.path, self.step_names)


for _task in (GetStepsDoneTask, MarkStepDoneTask, UnmarkStepsDoneTask):
    activity.with_attributes()(_task)
