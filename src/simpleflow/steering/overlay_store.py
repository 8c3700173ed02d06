"""The done marks as a dry run sees them: the real ones, with its own changes laid over them in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow import stores, values
from simpleflow.engines.base import ActivityTask
from simpleflow.step import tasks
from simpleflow.stores.base import Store, as_names, clean, join
from simpleflow.values import arguments


class OverlayStore:
    """A store over another one. It reads from the other; its own changes stay in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed: dict[str, bytes | None] = {}  # by key; None: removed

    def names(self, prefix: str) -> list[str]:
        """Return the sorted names below ``prefix``."""
        start = join(prefix, "") if clean(prefix) else ""
        found = set(self._store.names(prefix))
        for key, body in self._changed.items():
            if key.startswith(start):
                (found.discard if body is None else found.add)(key[len(start) :])
        return sorted(found)

    def get(self, prefix: str, name: str) -> bytes | None:
        """Return the content of the mark; None if there is no such mark."""
        key = join(prefix, name)
        return self._changed[key] if key in self._changed else self._store.get(prefix, name)

    def put(self, prefix: str, name: str, body: bytes) -> None:
        """Write or replace the mark, in memory."""
        self._changed[join(prefix, name)] = body

    def delete(self, prefix: str, names: Iterable[str]) -> None:
        """Remove the marks, in memory."""
        self._changed |= dict.fromkeys([join(prefix, name) for name in as_names(names)])


def _overlaid(task: type[Any], arguments: int) -> tuple[str, tuple[Any, int]]:
    """By name: the task with its store set from outside, and how many of its arguments are not about claims."""
    return f"{task.__module__}.{task.__name__}", (type(task.__name__, (task,), {"store": None}), arguments)


_PERFORMED = dict(
    [
        _overlaid(tasks.GetStepsDoneTask, 2),
        _overlaid(tasks.GetStepMarkTask, 3),
        _overlaid(tasks.MarkStepDoneTask, 4),
        _overlaid(tasks.UnmarkStepsDoneTask, 3),
    ]
)
_LISTING = f"{tasks.__name__}.{tasks.GetStepsDoneTask.__name__}"
_CLAIMING = {
    f"{tasks.__name__}.{tasks.ClaimStepTask.__name__}": "{}",  # claimed: there are no other runs
    f"{tasks.__name__}.{tasks.ReleaseStepTask.__name__}": "null",
}


class OverlayStores:
    """Executes the activities of steps without changing a store: one overlay for each store that they name."""

    def __init__(self) -> None:
        self._stores: dict[Store, OverlayStore] = {}

    def handles(self, name: str) -> bool:
        """True if the activity of that name is one of a step, which ``perform`` executes."""
        return name in _PERFORMED or name in _CLAIMING

    def perform(self, task: ActivityTask) -> str:
        """Execute the activity on the overlay. Returns its result as JSON text. Raises StoreError, InputError."""
        if task.name in _CLAIMING:
            return _CLAIMING[task.name]
        args, _ = arguments(values.decode(task.input))
        kind, count = _PERFORMED[task.name]
        store = stores.open_store(args[0])
        instance = kind(*args[:count])
        instance.store = self._stores.setdefault(store, OverlayStore(store))
        instance.context = {"workflow_id": task.workflow_id, "run_id": task.run_id}
        result = instance.execute()
        if kind is _PERFORMED[_LISTING][0] and len(args) > count:
            _, whole = args[count:]
            result = {"names": result, "shared": not whole}  # as if there were no other runs
        return values.encode(result, f"result of activity {task.name}")
