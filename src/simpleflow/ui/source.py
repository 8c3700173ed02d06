"""Where the page reads runs from: a state folder that others write to, or a domain of Amazon SWF.

Theory of operation. The requests of viewers come in threads, and a connection to SQLite or to Amazon SWF is used by one
of them at a time. ``version`` tells cheaply whether there may be anything new, so that a live view costs nothing while
nothing happens.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from simpleflow.constants import DAY
from simpleflow.engines.base import EVERY_RUN, RunDescription, RunFilter
from simpleflow.engines.sqlite.reading import ReadingEngine
from simpleflow.exceptions import UnknownResource
from simpleflow.state_folder.database import FILE

if TYPE_CHECKING:
    from simpleflow.core.events import Event
    from simpleflow.engines.swf.engine import SwfEngine

_DOMAIN_SECONDS = 3.0  # a domain is asked for news so often
_LIST_DAYS = 30  # of a domain, whose list may be long


class Source(Protocol):
    """The data that the pages read."""

    folder: str | None  # the state folder; None on Amazon SWF
    domain: str | None  # of Amazon SWF; None for a folder

    def version(self) -> object:
        """A value that changes when there may be something new."""

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription]:
        """See RunReader. An empty list if the folder holds no runs."""

    def find(self, id: str) -> RunDescription:
        """The run with this run id, or else the latest run of this workflow id. Raises UnknownResource."""

    def events(self, run: RunDescription, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """See RunReader."""

    def last_events(self, run: RunDescription, limit: int) -> Sequence[Event]:
        """See RunReader."""

    def event(self, run: RunDescription, id: int) -> Event:
        """See RunReader."""

    def close(self) -> None:
        """Give up the connection."""


class FolderSource:
    """The runs of a state folder, which may be made, removed and made again while the page looks on.

    Args:
        folder: need not exist.

    Every method raises StateError if the folder cannot be read.
    """

    domain: str | None = None

    def __init__(self, folder: str) -> None:
        self.folder: str | None = os.path.abspath(folder)
        self._path = os.path.join(self.folder, FILE)
        self._lock = threading.Lock()
        self._engine: ReadingEngine | None = None
        self._identity: tuple[int, int] | None = None

    def version(self) -> object:
        with self._opened() as engine:
            return None if engine is None else (self._identity, engine.data_version)

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription]:
        with self._opened() as engine:
            return [] if engine is None else engine.list_runs(wanted, before, limit)

    def find(self, id: str) -> RunDescription:
        return _find(self, id, f"folder {self.folder}")

    def events(self, run: RunDescription, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        with self._with_runs() as engine:
            return engine.history(run.workflow_id, run.run_id, after, limit)

    def last_events(self, run: RunDescription, limit: int) -> Sequence[Event]:
        with self._with_runs() as engine:
            return engine.last_events(run.workflow_id, run.run_id, limit)

    def event(self, run: RunDescription, id: int) -> Event:
        with self._with_runs() as engine:
            return engine.event(run.workflow_id, run.run_id, id)

    def close(self) -> None:
        with self._lock:
            self._forget()

    @contextmanager
    def _with_runs(self) -> Iterator[ReadingEngine]:
        with self._opened() as engine:
            if engine is None:
                raise UnknownResource(f"there are no runs in folder {self.folder}")
            yield engine

    @contextmanager
    def _opened(self) -> Iterator[ReadingEngine | None]:
        """The engine of the folder as it is now; None if it holds no runs."""
        with self._lock:
            try:
                found = os.stat(self._path)
                identity = found.st_dev, found.st_ino
            except OSError:
                identity = None
            if identity != self._identity:
                self._forget()
            if identity is not None and self._engine is None:
                self._engine = ReadingEngine(str(self.folder))
                self._identity = identity
            yield self._engine

    def _forget(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = self._identity = None


class DomainSource:
    """The runs of a domain of Amazon SWF.

    Its lists cost requests, so they are read again after some seconds only. Every method raises SwfError.
    """

    folder: str | None = None

    def __init__(self, domain: str, clock: Callable[[], float] = time.time) -> None:
        from simpleflow.engines.swf.engine import SwfEngine

        self.domain: str | None = domain
        self._engine: SwfEngine = SwfEngine(domain)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, RunDescription] = {}  # by run id
        self._lists: dict[RunFilter, tuple[float, list[RunDescription]]] = {}

    def version(self) -> object:
        return int(self._clock() / _DOMAIN_SECONDS)

    def list_runs(
        self, wanted: RunFilter = EVERY_RUN, before: str | None = None, limit: int | None = None
    ) -> list[RunDescription]:
        if not wanted.oldest:
            begin = (self._clock() // DAY - _LIST_DAYS) * DAY
            wanted = wanted._replace(oldest=begin)
        with self._lock:
            read_at, found = self._lists.get(wanted, (0.0, []))
            if self._clock() - read_at > _DOMAIN_SECONDS:
                found = self._engine.list_runs(wanted)
                self._lists = {wanted: (self._clock(), found), **dict(list(self._lists.items())[:20])}
                self._known |= {run.run_id: run for run in found}
        first = 1 + next((at for at, run in enumerate(found) if run.run_id == before), -1)
        return found[first:] if limit is None else found[first : first + limit]

    def find(self, id: str) -> RunDescription:
        known = self._known.get(id)
        if known is None:
            return _find(self, id, f"domain {self.domain}")
        if known.status == "open":
            with self._lock:
                self._known[id] = known = self._engine.describe(known.workflow_id, known.run_id)
        return known

    def events(self, run: RunDescription, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        with self._lock:
            return self._engine.history(run.workflow_id, run.run_id, after, limit)

    def last_events(self, run: RunDescription, limit: int) -> Sequence[Event]:
        with self._lock:
            return self._engine.last_events(run.workflow_id, run.run_id, limit)

    def event(self, run: RunDescription, id: int) -> Event:
        with self._lock:
            return self._engine.event(run.workflow_id, run.run_id, id)

    def close(self) -> None:
        """Nothing: connections to Amazon SWF are shared by the process."""


def _find(source: Source, id: str, where: str) -> RunDescription:
    for wanted in (RunFilter(run_prefix=id), RunFilter(workflow_id=id)):
        for run in source.list_runs(wanted, limit=1):
            if id in (run.run_id, run.workflow_id):
                return run
    raise UnknownResource(f"there is no run {id!r} in {where}")
