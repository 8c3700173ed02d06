"""Finding the run that a command names, in a domain of Amazon SWF or in a state folder."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from simpleflow import settings
from simpleflow.cli import swf
from simpleflow.cli.options import common, state_option
from simpleflow.exceptions import InputError, StateError, UnknownResource

if TYPE_CHECKING:
    from simpleflow.core.events import Event
    from simpleflow.engines.base import RunDescription
    from simpleflow.engines.sqlite.engine import SqliteEngine
    from simpleflow.engines.swf.engine import SwfEngine

_Command = TypeVar("_Command", bound=Callable[..., Any])

_DAY = 86_400


def location_options(command: _Command) -> _Command:
    """Add ``--state`` and ``--local``, and the options that every command takes."""
    for add in (
        common,
        click.option(
            "--local", is_flag=True, help="Use the runs in the folder SIMPLEFLOW_STATE, instead of Amazon SWF."
        ),
        state_option("Use the runs in this folder, instead of Amazon SWF."),
    ):
        command = add(command)
    return command


class RunLocation(NamedTuple):
    """Where runs are kept: in a domain of Amazon SWF or in a state folder. The other member is None."""

    domain: str | None
    folder: Path | None

    def __str__(self) -> str:
        if self.folder is None:
            return f"domain {self.domain}"
        return f"folder {os.path.abspath(self.folder)}"


class RunQuery(NamedTuple):
    """The run that a command names. Without a run id it is the latest run of the workflow id."""

    location: RunLocation
    workflow_id: str
    run_id: str | None

    @classmethod
    def from_arguments(cls, given: Sequence[str], options: Mapping[str, Any]) -> RunQuery:
        """Read ``DOMAIN WORKFLOW_ID [RUN_ID]``, without DOMAIN for runs in a folder. Raises InputError."""
        domain, workflow_id, run_id = split_arguments(given, options, ["WORKFLOW_ID"], "RUN_ID")
        return cls(location_of(domain, options), workflow_id or "", run_id)


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

    def describe(self, workflow_id: str, run_id: str | None) -> RunDescription:
        """Describe a run; without a run id, the latest one of the workflow id. Raises UnknownResource."""
        return self.engine.describe(workflow_id, run_id)

    def events(self, workflow_id: str, run_id: str | None) -> Sequence[Event]:
        """Return the history of a run; without a run id, of the latest one. Raises UnknownResource."""
        return self.engine.history(workflow_id, run_id)

    def find(self, status: str, wanted: Mapping[str, Any], oldest: float, tag: str | None) -> list[RunDescription]:
        """Return the runs started since ``oldest`` (epoch seconds), the latest first.

        ``status``: open, closed or all. ``wanted``: what members of RunDescription have to be.
        The tag is one of theirs.
        """
        if self._engine is None:
            return []
        if self.location.domain is not None:
            engine: Any = self._engine
            found = engine.find_runs(status, wanted, oldest, tag)
        else:
            found = [
                run
                for run in self._engine.list_runs()
                if status == "all" or (run.status == "open") is (status == "open")
            ]
        return [
            run
            for run in found
            if run.started >= oldest
            and all(getattr(run, name) == value for name, value in wanted.items())
            and (tag is None or self.location.domain is not None or tag in self._tags(run))
        ]

    def _tags(self, run: RunDescription) -> Sequence[str | None]:
        started: Any = self.engine.history(run.workflow_id, run.run_id)[0].attributes
        return started.tag_list or ()


def location_of(domain: str | None, options: Mapping[str, Any]) -> RunLocation:
    """Return the location that the options name. Raises InputError if they name none."""
    folder = options["state"] or (settings.SIMPLEFLOW_STATE if options["local"] else None)
    if folder is None:
        if not (domain or settings.SWF_DOMAIN):
            raise InputError(
                "say where the runs are: give --state FOLDER, --local, a domain of Amazon SWF, or SWF_DOMAIN"
            )
        return RunLocation(swf.swf_domain(domain), None)
    if domain is not None:
        raise InputError("--domain is for Amazon SWF; leave it out with --state or --local")
    return RunLocation(None, Path(folder))


def is_local(options: Mapping[str, Any]) -> bool:
    """Return True if the options name a folder."""
    return bool(options["state"] or options["local"])


def split_arguments(
    given: Sequence[str], options: Mapping[str, Any], names: Sequence[str], optional: str
) -> list[str | None]:
    """Split arguments into the domain, one value for each of ``names``, and the ``optional`` one, which may be empty.

    A value that is not given is None. For runs in a folder no domain is expected, and its value is None. Raises
    InputError if the number of arguments is wrong.
    """
    local = is_local(options)
    needed = list(names) if local else ["DOMAIN", *names]
    if not len(needed) <= len(given) <= len(needed) + bool(optional):
        expected = " ".join([*needed, *([f"[{optional}]"] if optional else [])]) or "nothing"
        hint = " with --state or --local" if local else " (use --state or --local for runs in a folder)"
        raise InputError(f"expected {expected}{hint}; got {' '.join(map(repr, given)) or 'nothing'}")
    found: list[str | None] = [None, *given] if local else list(given)
    return found + [None] * (1 + len(names) + bool(optional) - len(found))


def since(days: float) -> float:
    """Return the time so many days ago, in epoch seconds."""
    return max(0.0, time.time() - days * _DAY)


def epoch(date: datetime.datetime, option: str) -> float:
    """Return a date in the local time zone as epoch seconds. Raises InputError if the year is out of range."""
    try:
        return max(0.0, date.timestamp())
    except (OverflowError, ValueError, OSError) as error:
        raise InputError(f"{option} is the year {date.year}; expected a date such as 2026-11-23") from error


@contextmanager
def open_runs(location: RunLocation) -> Iterator[Runs]:
    """Open the runs at a location. A folder that does not exist is not created. Raises StateError."""
    if location.folder is None:
        yield Runs(location, swf.swf_engine(location.domain or ""))
        return
    if not _has_history(location.folder):
        yield Runs(location, None)
        return
    from simpleflow.engines.sqlite.reading import open_engine

    engine = open_engine(location.folder)
    try:
        yield Runs(location, engine)
    finally:
        engine.close()


def _has_history(folder: Path) -> bool:
    try:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"state folder {folder} is a file; expected a folder")
        return (folder / "history.sqlite").exists()
    except OSError as error:
        advice = "check the folder, or name another one with --state or SIMPLEFLOW_STATE"
        raise StateError(f"state folder {folder} cannot be read: {error.strerror}; {advice}") from error
