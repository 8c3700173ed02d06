"""The done marks as a dry run sees them: the real ones, with its own changes laid over them in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from simpleflow import stores, values
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import InputError
from simpleflow.step import input_files, recorded_tasks, stale_marks, tasks
from simpleflow.step.fingerprints import NO_FILE, FileState
from simpleflow.step.reading_tasks import ReadMarksTask, ReadStepsTask
from simpleflow.step.recorded_tasks import Claimed, Compared, Listed, Marked, MarkRead, MarksRead, StepsRead, Unmarked
from simpleflow.stores.base import Change, Store, Stored, as_names, clean, join


class OverlayStore:
    """A store over another one. It reads from the other; its own changes stay in memory."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._changed: dict[str, bytes | None] = {}  # by key; None: removed
        self._clock = clock  # epoch seconds, as they stand in the dry run

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``."""
        found = set(self._store.names(prefix))
        for name in self._own_names(prefix):
            (found.discard if self.get(prefix, name) is None else found.add)(name)
        return sorted(found)

    def _own_names(self, prefix: str) -> list[str]:
        start = join(prefix, "") if clean(prefix) else ""
        return [key[len(start) :] for key in self._changed if key.startswith(start)]

    def contents(self, prefix: str) -> dict[str, bytes]:
        """Return the contents of the marks below ``prefix``."""
        found = self._store.contents(prefix) | {name: self.get(prefix, name) for name in self._own_names(prefix)}
        return {name: body for name, body in sorted(found.items()) if body is not None}

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark; None if there is no such mark."""
        key = join(prefix, name)
        return self._changed[key] if key in self._changed else self._store.get(prefix, name)

    def read(self, prefix: str, names: Iterable[str]) -> dict[str, Stored]:
        """Return those of the marks that exist, by name."""
        keys = {name: join(prefix, name) for name in as_names(names)}
        found = self._store.read(prefix, [name for name, key in keys.items() if key not in self._changed])
        own = {name: body for name, key in keys.items() if (body := self._changed.get(key)) is not None}
        return found | {name: Stored(body, self._clock()) for name, body in own.items()}

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark, in memory."""
        self._changed[join(prefix, name)] = body

    def delete(self, prefix: str, names: Iterable[str]) -> None:
        """Remove the marks, in memory."""
        self._changed |= dict.fromkeys([join(prefix, name) for name in as_names(names)])


class OverlayStores:
    """Executes the activities about marks without changing a store: one overlay for each store that they name."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._stores: dict[Store, OverlayStore] = {}
        self.warnings: dict[str, None] = {}  # about files that the run will need, one sentence each

    def perform(self, task: ActivityTask) -> str | None:
        """Execute the activity if it is about marks; returns its result as JSON text, None for any other activity.

        No other run exists here: every claim is granted. Raises StoreError, InputError.
        """
        parsed = recorded_tasks.parse(task.name, task.input)
        result: Any = None
        match parsed:
            case None:
                return None
            case Listed(bucket, path, owner, whole, made_with):
                result = self._execute(tasks.GetStepsDoneTask(bucket, path, made_with=made_with), task)
                if owner is not None:
                    listed = result if isinstance(result, dict) else {"names": result}
                    void = stale_marks.void_marks(stores.open_store(bucket), path, listed["names"])
                    result = listed | {"names": [each for each in listed["names"] if each not in void]}
                    result |= {"shared": not whole}
            case MarkRead(bucket, path, step_name):
                result = self._execute(tasks.GetStepMarkTask(bucket, path, step_name), task)
            case MarksRead(bucket, path, step_names, ahead):
                result = self._execute(ReadMarksTask(bucket, path, step_names, ahead), task)
            case StepsRead(bucket, path, wanted):
                reading = ReadStepsTask(bucket, path, wanted)
                reading.read_files = self._read_files
                result = self._execute(reading, task)
            case Compared(bucket, path, step_name, origins, children):
                comparing = tasks.CompareOriginsTask(bucket, path, step_name, origins, children)
                comparing.open = self._overlay
                result = self._execute(comparing, task)
            case Claimed():
                result = {}
            case Marked(bucket, path, step_name, details):
                result = self._execute(tasks.MarkStepDoneTask(bucket, path, step_name, details), task)
            case Unmarked(bucket, path, step_names):
                result = self._execute(tasks.UnmarkStepsDoneTask(bucket, path, step_names), task)
        return values.encode(result, f"result of activity {task.name}")

    def change(self, bucket: str, changes: Iterable[Change]) -> None:
        """Write and remove marks, in memory."""
        overlay = self._overlay(bucket)
        for prefix, name, body in changes:
            if body is None:
                overlay.delete(prefix, [name])
            else:
                overlay.put(prefix, name, body)

    def _overlay(self, bucket: str) -> Any:
        store = stores.open_store(bucket)
        return self._stores.setdefault(store, OverlayStore(store, self._clock))

    def _execute(self, instance: Any, task: ActivityTask) -> Any:
        instance.store = self._overlay(instance.bucket)
        instance.context = {"workflow_id": task.workflow_id, "run_id": task.run_id}
        return instance.execute()

    def _read_files(self, patterns: Sequence[Sequence[str]], step: str) -> list[FileState]:
        """The state of the files of each pattern; a step of the plan may be about to write those that are missing."""
        found: list[FileState] = []
        for each in patterns:
            try:
                found += input_files.read([each], step)
            except InputError:
                found.append(NO_FILE)
                self.warnings[
                    f"step {step!r} needs files that match {each[0]!r}, and there are none that can be read now: "
                    "unless a step before it writes them, it fails"
                ] = None
        return found
