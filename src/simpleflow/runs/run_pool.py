"""Which pool performs the activities of a local run: this process, worker processes here, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow.checks import check_name
from simpleflow.constants import INSTALL_DASK, MOST_WORKERS
from simpleflow.exceptions import InputError
from simpleflow.shown_text import value_text
from simpleflow.worker.dispatch import Middlewares

if TYPE_CHECKING:
    from simpleflow.cluster.pool import ClusterPool
    from simpleflow.cluster.target import Cluster
    from simpleflow.worker.late_pool import LatePool
    from simpleflow.worker.output import OutputTarget
    from simpleflow.worker.pool import Pool

    Made = LatePool | ClusterPool

Given = Mapping[str, Sequence[str | Callable[..., Any]]]
"""Middlewares as the user gives them."""


class PoolChoice:
    """The arguments of a run that choose its pool. Raises InputError for values that are not allowed.

    Args:
        nb_workers: that many worker processes; None: none.
        slots: how many tasks of a task list are performed at the same time, at most.
        workers: a cluster, or the address of its scheduler; None: none.
        middlewares: functions or dotted paths, called around every activity.
        on_wait: called with a line of text about a wait of the run.
    """

    def __init__(
        self,
        nb_workers: int | None,
        slots: Mapping[str, int] | None,
        workers: str | Cluster | None,
        middlewares: Given | None,
        on_wait: Callable[[str], None],
    ) -> None:
        if nb_workers is not None and not _is_count(nb_workers):
            given = value_text(nb_workers)
            raise InputError(f"nb_workers is {given}; expected 1 to {MOST_WORKERS}, or None for this process")
        if nb_workers is not None and workers is not None:
            raise InputError("nb_workers and workers exclude each other: activities run here, or on a cluster")
        self.middlewares = Middlewares.load(middlewares)
        self._given = middlewares or {}
        self._nb_workers = nb_workers
        self._slots = _checked_slots(slots)
        self._cluster: Cluster | None = None
        if workers is not None:
            from simpleflow.cluster.target import check_cluster

            self._cluster = check_cluster(workers)
        self._on_wait = on_wait

    @property
    def is_inline(self) -> bool:
        """True: activities are performed in this process."""
        return self._nb_workers is None and self._cluster is None

    def make(self, workflow: type, keeps_output: bool, output: Callable[[], OutputTarget | None]) -> Made | None:
        """A new pool; None: activities are performed in this process. Raises InputError, ClusterError.

        ``output`` gives where what activities print goes; ``keeps_output`` tells if it goes anywhere.
        """
        if self._cluster is not None:
            return self._on_cluster(self._cluster, workflow, output())
        if self._nb_workers is None:
            return None
        from simpleflow.worker.late_pool import LatePool
        from simpleflow.worker.limits import check_forks, workers_allowed

        check_forks()
        size = workers_allowed(self._nb_workers, keeps_output)  # a run that could have no worker does not begin

        def make() -> Pool:
            from simpleflow.worker.pool import Pool

            return Pool(size, self.middlewares, output=output(), slots=self._slots)

        return LatePool(size, self.middlewares, make)

    def _on_cluster(self, cluster: Cluster, workflow: type, output: OutputTarget | None) -> ClusterPool:
        from simpleflow.cluster import code

        pre, post = (tuple(map(_dotted, self._given.get(key) or ())) for key in ("pre", "post"))
        described = code.of_workflow(workflow, cluster.upload, pre, post)
        try:
            from simpleflow.cluster.pool import ClusterPool
        except ImportError as error:
            raise InputError(
                f"workers on other machines need Dask, which cannot be imported ({error}); install it with: "
                f"{INSTALL_DASK}"
            ) from error
        return ClusterPool(cluster, described, self.middlewares, output, self._slots, self._on_wait)


def _dotted(middleware: str | Callable[..., Any]) -> str:
    """The path by which workers elsewhere import a middleware. Raises InputError if there is none."""
    if isinstance(middleware, str):
        return middleware
    module, name = getattr(middleware, "__module__", None), getattr(middleware, "__qualname__", "")
    if module in (None, "__main__") or not name.isidentifier():
        raise InputError(
            f"middleware {middleware!r} cannot be imported by workers elsewhere; give its dotted path, such as "
            "package.module.function"
        )
    return f"{module}.{name}"


def _checked_slots(slots: Mapping[str, int] | None) -> dict[str, int]:
    if slots is not None and not isinstance(slots, Mapping):
        raise InputError(f"slots are {slots!r}; expected a dict such as {{'gpu': 1}}")
    for name, count in (slots or {}).items():
        check_name(name, "task list in slots")
        if not _is_count(count):
            raise InputError(f"slots of task list {name!r} are {value_text(count)}; expected 1 to {MOST_WORKERS}")
    return dict(slots or {})


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_WORKERS
