"""Which pool performs the activities of a local run: this process, worker processes here, or a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simpleflow.base import check_name
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.worker.dispatch import Middlewares
    from simpleflow.worker.output import OutputTarget
    from simpleflow.worker.pool import Pool


class PoolChoice:
    """What a run was given to choose its pool. Raises InputError for values that are not allowed.

    Args:
        nb_workers: that many worker processes; None: none.
        slots: how many tasks of a task list are performed at the same time, at most.
    """

    def __init__(self, nb_workers: int | None, slots: Mapping[str, int] | None = None) -> None:
        if nb_workers is not None and not _is_count(nb_workers):
            raise InputError(f"nb_workers is {nb_workers!r}; expected 1 or more, or None for this process")
        self._nb_workers = nb_workers
        self._slots = _checked_slots(slots)

    @property
    def is_inline(self) -> bool:
        """True: activities are performed in this process."""
        return self._nb_workers is None

    def make(self, middlewares: Middlewares, output: OutputTarget | None) -> Pool | None:
        """A new pool; None: activities are performed in this process."""
        if self._nb_workers is None:
            return None
        from simpleflow.worker.pool import Pool

        return Pool(self._nb_workers, middlewares, output=output, slots=self._slots)


def _checked_slots(slots: Mapping[str, int] | None) -> dict[str, int]:
    if slots is not None and not isinstance(slots, Mapping):
        raise InputError(f"slots are {slots!r}; expected a dict such as {{'gpu': 1}}")
    for name, count in (slots or {}).items():
        check_name(name, "task list in slots")
        if not _is_count(count):
            raise InputError(f"slots of task list {name!r} are {count!r}; expected 1 or more")
    return dict(slots or {})


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
