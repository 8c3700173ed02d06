"""Finding the run that a command names, in a state folder or in a domain of Amazon SWF."""

from __future__ import annotations

import datetime
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from simpleflow import settings
from simpleflow.cli import suggestions, swf
from simpleflow.cli.options import common, state_option
from simpleflow.cli.run_ids import ambiguous_run, short_ids, unknown_run
from simpleflow.constants import DAY
from simpleflow.exceptions import InputError, StateError, UnknownResource
from simpleflow.named_tuple import NamedTuple

if TYPE_CHECKING:
    from simpleflow.core.events import Event
    from simpleflow.engines.base import RunDescription, RunFilter
    from simpleflow.engines.sqlite.engine import SqliteEngine
    from simpleflow.engines.swf.engine import SwfEngine

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OF_WORKFLOW = r"\.py(:\w*)?$|:\w+$"  # such as flow.py:Class
_RECENT_DAYS = (1, 30, 400)
_FULL_ID_LENGTH = 40  # run ids have 46 characters; a longer text than this is no prefix
_COMPARED = 1_000  # runs whose workflow ids are compared with one that is not known


run_argument = click.argument("arguments", metavar="ID [RUN_ID]", nargs=-1)
"""The run that a command is about, see ``RunQuery``."""
run_or_latest_argument = click.argument("arguments", metavar="[ID [RUN_ID]]", nargs=-1)
"""The same for a command that is about the latest run otherwise."""


def location_options(command: _Command) -> _Command:
    """Add ``--state``, ``--local`` and ``--domain``, and the options that every command takes."""
    for add in (
        common,
        click.option("--domain", metavar="NAME", help="Use the runs in this Amazon SWF domain. Default: SWF_DOMAIN."),
        click.option("--local", is_flag=True, help="Use the runs in the state folder, even if SWF_DOMAIN is set."),
        state_option("Use the runs in this folder. Default: SIMPLEFLOW_STATE."),
    ):
        command = add(command)
    return command


class RunLocation(NamedTuple):
    """Where runs are kept: in a domain of Amazon SWF or in a state folder. The other member is None."""

    domain: str | None
    folder: str | None

    def __str__(self) -> str:
        if self.folder is None:
            return f"domain {self.domain}"
        missing = "" if os.path.lexists(self.folder) else ", which does not exist"
        return f"folder {os.path.abspath(self.folder)}{missing}"


class RunQuery(NamedTuple):
    """The run that a command names, as it was typed: ``id`` is a workflow id, or the run id or the begin of one.

    Without ``run_id`` it is the latest run of a workflow id.
    """

    location: RunLocation
    id: str
    run_id: str | None

    @classmethod
    def from_arguments(cls, given: Sequence[str], options: Mapping[str, Any]) -> RunQuery:
        """Read ``ID [RUN_ID]``. Raises InputError."""
        id, run_id = split_arguments(given, ["ID"], "RUN_ID")
        return cls(location_of(options), id or "", run_id)


class FoundRun(NamedTuple):
    """A run that a command means. Without a run id, it is the open one of the workflow id, or else the latest one."""

    workflow_id: str
    run_id: str | None


class Runs:
    """The runs at a location. ``engine`` is None for a folder that holds no runs."""

    def __init__(self, location: RunLocation, engine: SwfEngine | SqliteEngine | None) -> None:
        self.location = location
        self._engine = engine

    @property
    def engine(self) -> SwfEngine | SqliteEngine:
        """The engine of the location. Raises UnknownResource if the folder holds no runs."""
        if self._engine is None:
            raise UnknownResource(f"there are no runs in {self.location}")
        return self._engine

    @property
    def local_engine(self) -> SqliteEngine | None:
        """The engine of a folder; None if the folder holds no runs, and for a domain."""
        return None if self.location.folder is None else cast("SqliteEngine | None", self._engine)

    def resolve(self, query: RunQuery) -> FoundRun:
        """Return the ids of the run that a command names. Raises UnknownResource if there is no such run, or several.

        A workflow id comes first; else the id is the run id, or the begin of one that no other run has.
        """
        from simpleflow.engines.base import RunFilter

        hint = "" if query.run_id is None else "; a domain of Amazon SWF is given with --domain"
        if self._engine is None:
            raise UnknownResource(f"there are no runs in {self.location}{hint}")
        if query.run_id is not None and len(query.run_id) > _FULL_ID_LENGTH:
            return FoundRun(query.id, query.run_id)
        own = self.engine.list_runs(RunFilter(workflow_id=query.id), limit=1)
        if query.run_id is None:
            if own:
                return FoundRun(query.id, None)
            found = self.engine.list_runs(RunFilter(run_prefix=query.id)) if query.id else []
        else:
            found = self.engine.list_runs(RunFilter(workflow_id=query.id, run_prefix=query.run_id)) if own else []
        if len(found) == 1:
            return FoundRun(found[0].workflow_id, found[0].run_id)
        typed = query.id if query.run_id is None else query.run_id
        if found:
            raise UnknownResource(ambiguous_run(typed, found))
        known = self.engine.list_runs(RunFilter(workflow_id=query.id)) if own else list(self._recent())
        close = suggestions.of(query.id, {run.workflow_id for run in known[:_COMPARED]})
        if not own and re.search(_OF_WORKFLOW, query.id):
            close += "; a run is named by its workflow id or run id, and not by its workflow"
        text = unknown_run(query.id, query.run_id if own else None, known, str(self.location), close)
        raise UnknownResource(text + ("" if own else hint))

    def describe(self, query: RunQuery) -> RunDescription:
        """Describe the run that a command names. Raises UnknownResource."""
        found = self.resolve(query)
        return self.engine.describe(*found)

    def latest(self) -> RunDescription:
        """Describe the latest run that is no child of another one. Raises UnknownResource."""
        for run in self._recent():
            started: Any = self.engine.event(run.workflow_id, run.run_id, 1).attributes
            if started.parent_workflow_execution is None:
                return run
        raise UnknownResource(f"there are no runs in {self.location}")

    def _recent(self) -> Iterator[RunDescription]:
        """Yield the runs, the latest first; of a domain, whose list may be long, those of the last days with any."""
        from simpleflow.engines.base import RunFilter

        if self.location.folder is not None:
            yield from self.engine.list_runs()
            return
        for days in _RECENT_DAYS:
            if found := self.engine.list_runs(RunFilter(oldest=since(days))):
                yield from found
                return

    def events(self, run: RunDescription) -> Sequence[Event]:
        """Return the history of a run."""
        return self.engine.history(run.workflow_id, run.run_id)

    def context(self, run: RunDescription) -> str | None:
        """Return the execution context that the latest answer of a run gave; None if none did, or it is not known.

        Raises StateError.
        """
        if self.location.folder is None:
            return run.context
        engine = self.local_engine
        found = [] if engine is None else engine.executions.journal.contexts(run.run_id)
        return found[-1] if found else None

    def stood_still(self, run: RunDescription) -> float | None:
        """Return when the process of an open run died, as far as known; None if it has not.

        That is the time of its last event, or when an activity has printed last, if that is later. Raises StateError.
        """
        from simpleflow.state_folder import logs

        if self.location.folder is None or run.status != "open" or run.alive:
            return None
        last = self.engine.last_events(run.workflow_id, run.run_id, 1)
        return max(last[0].time if last else run.started, logs.last_written(self.location.folder, run.run_id))

    def find(self, wanted: RunFilter, limit: int | None = None) -> list[RunDescription]:
        """Return the runs that the filter accepts, the latest first; at most ``limit``."""
        return [] if self._engine is None else self._engine.list_runs(wanted, limit=limit)

    def short_ids(self, shown: Sequence[RunDescription]) -> dict[str, str]:
        """Return the short forms of the run ids that a table shows, by run id.

        In a folder they are unique among all its runs; in a domain among those shown, as its list may be long.
        """
        from simpleflow.engines.base import EVERY_RUN

        every = self.find(EVERY_RUN) if self.location.folder is not None else shown
        return short_ids([run.run_id for run in every])


def location_of(options: Mapping[str, Any]) -> RunLocation:
    """Return the location that the options name: a domain if one is given or SWF_DOMAIN is set, else a state folder.

    Raises InputError if they name both.
    """
    domain, folder = options["domain"], options["state"]
    if domain is not None and (folder is not None or options["local"]):
        other = "--state" if folder is not None else "--local"
        raise InputError(f"{other} and --domain exclude each other: runs are kept either in a folder or on Amazon SWF")
    if folder is None and not options["local"] and (domain is not None or settings.SWF_DOMAIN):
        return RunLocation(swf.swf_domain(domain), None)
    return RunLocation(None, folder or settings.SIMPLEFLOW_STATE)


def without_domain(given: Sequence[str], least: int, most: int, options: MutableMapping[str, Any]) -> Sequence[str]:
    """Return the arguments without a domain before them, which the existing library has there; ``options`` takes it.

    It is known as such if it is the domain that is used anyway, or one argument more than the command can need.

    Args:
        given: the arguments.
        least, most: how many the command takes without a domain.
        options: those of ``location_options``.
    """
    if len(given) <= least or options["state"] is not None or options["local"]:
        return given
    is_used = given[0] == (options["domain"] or settings.SWF_DOMAIN)
    if is_used or (least and len(given) == most + 1 and options["domain"] is None):
        options["domain"] = given[0]
        return given[1:]
    return given


def split_arguments(given: Sequence[str], names: Sequence[str], optional: str = "") -> list[str | None]:
    """Return one value for each of ``names``, and one for the ``optional`` name; None for a value that is not given.

    Raises InputError if the number of arguments is wrong.
    """
    if not len(names) <= len(given) <= len(names) + bool(optional):
        expected = " ".join([*names, *([f"[{optional}]"] if optional else [])]) or "nothing"
        hint = "; a domain of Amazon SWF is given with --domain" if len(given) > len(names) else ""
        hint += ", a workflow id with workflow.filter --workflow-id" if hint and not names else ""
        raise InputError(f"expected {expected}, got {' '.join(map(repr, given)) or 'nothing'}{hint}")
    return [*given, *[None] * (len(names) + bool(optional) - len(given))]


def since(days: float) -> float:
    """Return the time so many days ago, in epoch seconds."""
    return max(0.0, time.time() - days * DAY)


def epoch(date: datetime.datetime, option: str) -> float:
    """Return a date in the local time zone as epoch seconds. Raises InputError if the year is out of range."""
    try:
        return max(0.0, date.timestamp())
    except (OverflowError, ValueError, OSError) as error:
        raise InputError(f"{option} is the year {date.year}; expected a date such as 2026-11-23") from error


@contextmanager
def open_runs(location: RunLocation, writes: bool = False) -> Iterator[Runs]:
    """Open the runs at a location, to read them or, with ``writes``, to act on them.

    A folder that does not exist is not created. One that is only read stays as it is. Raises StateError.
    """
    if location.folder is None:
        yield Runs(location, swf.swf_engine(location.domain or ""))
        return
    if not _has_history(location.folder):
        yield Runs(location, None)
        return
    engine: SqliteEngine
    if writes:
        from simpleflow.engines.sqlite.engine import SqliteEngine

        engine = SqliteEngine(location.folder)
    else:
        from simpleflow.engines.sqlite.reading import ReadingEngine

        engine = ReadingEngine(location.folder, upgrades=True)
    try:
        yield Runs(location, engine)
    finally:
        engine.close()


@contextmanager
def open_run(
    given: Sequence[str], options: Mapping[str, Any], or_latest: bool = False
) -> Iterator[tuple[Runs, RunDescription]]:
    """Open the runs at the location in the options, to read the one that ``ID [RUN_ID]`` names.

    ``or_latest``: without arguments it is the latest one. Raises InputError, UnknownResource and StateError.
    """
    query = None if or_latest and not given else RunQuery.from_arguments(given, options)
    with open_runs(location_of(options)) as runs:
        yield runs, runs.latest() if query is None else runs.describe(query)


def _has_history(folder: str) -> bool:
    try:
        mode = _mode(folder)
        if mode is not None and not stat.S_ISDIR(mode):
            raise InputError(f"state folder {folder} is a file; expected a folder")
        return _mode(os.path.join(folder, "history.sqlite")) is not None
    except OSError as error:
        advice = "check the folder, or name another one with --state or SIMPLEFLOW_STATE"
        raise StateError(f"state folder {folder} cannot be read: {error.strerror}; {advice}") from error


def _mode(path: str) -> int | None:
    """The mode of a file or folder; None if there is none. Raises OSError."""
    try:
        return os.stat(path).st_mode
    except ValueError:  # a NUL character
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return None
        raise
