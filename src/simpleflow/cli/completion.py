"""Shell completion of values: step names, workflow ids, run ids and files.

It reads the state folder alone. It runs no code of workflows, since a key press must not, and asks no server. Where it
finds nothing, or an error, there is nothing to complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from simpleflow import settings
from simpleflow.cli.step_names import OPTIONS

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription
    from simpleflow.engines.sqlite.engine import SqliteEngine

_RUNS_READ = 20  # for step names: at most so many runs, one for each workflow id

_Complete = Callable[[click.Context, str], list[CompletionItem]]


def install(command: click.Command) -> click.Command:
    """Let the parameters of a command complete their values."""
    for parameter in command.params:
        complete = _COMPLETE.get(parameter.name or "") or _BY_METAVAR.get(parameter.metavar or "")
        if complete is not None:
            setattr(parameter, "shell_complete", _quietly(complete))  # noqa: B010 (a method of the class)
    return command


def _quietly(complete: _Complete) -> _Complete:
    def found(context: click.Context, incomplete: str) -> list[CompletionItem]:
        try:
            return complete(context, incomplete)
        except Exception:  # noqa: BLE001 (a message would be written into the line that somebody is typing)
            return []

    return found


def _names(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Complete the last name of a list that is separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    with _engine(context) as engine:
        names = _step_names(engine, _wanted_runs(context, engine))
    from simpleflow.step.rules import patterns_covering

    every = dict.fromkeys(pattern for name in sorted(names) for pattern in patterns_covering(name) if pattern != "*")
    given = set(before.split(","))
    return [CompletionItem(f"{before}{comma}{name}") for name in every if name.startswith(last) and name not in given]


def _workflow_ids(context: click.Context, incomplete: str) -> list[CompletionItem]:
    with _engine(context) as engine:
        latest = _latest(engine.list_runs())
    return [CompletionItem(id, help=run.status) for id, run in latest.items() if id.startswith(incomplete)]


def _run_ids(context: click.Context, incomplete: str) -> list[CompletionItem]:
    given = context.params.get("arguments") or ()
    with _engine(context) as engine:
        runs = [run for run in engine.list_runs() if not given or run.workflow_id == given[0]]
    return [
        CompletionItem(run.run_id, help=f"{run.workflow_id} {run.status}")
        for run in runs
        if run.run_id.startswith(incomplete)
    ]


def _run_arguments(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Complete the arguments of a command about runs: a workflow id or run id, then a run id or the name of a step."""
    given = context.params.get("arguments") or ()
    if not given:
        return [*_workflow_ids(context, incomplete), *(_run_ids(context, incomplete) if incomplete else [])]
    if (context.info_name or "").startswith("task."):
        with _engine(context) as engine:
            runs = [run for run in engine.list_runs() if given[0] == run.workflow_id or run.run_id.startswith(given[0])]
            names = _step_names(engine, runs[:1])
        return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]
    return _run_ids(context, incomplete) if len(given) == 1 else []


def _file(context: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _level(context: click.Context, incomplete: str) -> list[CompletionItem]:
    levels = ("debug", "info", "warning", "error", "critical")
    return [CompletionItem(each) for each in levels if each.startswith(incomplete.lower())]


def _folder(context: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


@contextmanager
def _engine(context: click.Context) -> Iterator[SqliteEngine]:
    """Open the state folder that the command would use. Raises StateError, LookupError or FileNotFoundError."""
    if context.params.get("domain"):
        raise LookupError("the runs are on Amazon SWF")
    from simpleflow.engines.sqlite.reading import ReadingEngine

    folder = context.params.get("state") or settings.SIMPLEFLOW_STATE
    if not os.path.exists(os.path.join(folder, "history.sqlite")):
        raise FileNotFoundError(folder)
    engine = ReadingEngine(folder)
    try:
        yield engine
    finally:
        engine.close()


def _latest(runs: Sequence[RunDescription]) -> dict[str, RunDescription]:
    """Return the latest run of each workflow id. The latest runs come first."""
    found: dict[str, RunDescription] = {}
    for run in runs:
        found.setdefault(run.workflow_id, run)
    return found


def _wanted_runs(context: click.Context, engine: SqliteEngine) -> list[RunDescription]:
    """Return the runs that know the names of steps that the command may mean."""
    latest = _latest(engine.list_runs())
    workflow_id = context.params.get("workflow_id")
    if workflow_id is not None:
        return [run for id, run in latest.items() if id == workflow_id]
    return list(latest.values())[:_RUNS_READ]


def _step_names(engine: SqliteEngine, runs: Sequence[RunDescription]) -> set[str]:
    """Return the names of the steps that these runs have come to."""
    from simpleflow.core import events as e
    from simpleflow.core.packed_markers import unpacked
    from simpleflow.step import report
    from simpleflow.step.constants import MARKER_NAME

    found = set()
    for run in runs:
        for event in unpacked(engine.history(run.workflow_id, run.run_id)):
            attributes: Any = event.attributes
            if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == MARKER_NAME:
                step = report.read(attributes.details)
                found |= set() if step is None else {step.step}
    return found


_COMPLETE: dict[str, _Complete] = {
    **dict.fromkeys((*OPTIONS, "steps", "step"), _names),
    "workflow_id": _workflow_ids,
    "run_id": _run_ids,
    "arguments": _run_arguments,
    **dict.fromkeys(("workflow", "workflows", "before", "after"), _file),
    **dict.fromkeys(("input_file", "report", "path"), _file),
    "state": _folder,
    "folder": _folder,
    "new_folder": _folder,
}
"""How the values of parameters are completed, by the names of the parameters."""

_BY_METAVAR: dict[str, _Complete] = {"FILE": _file, "FOLDER": _folder, "LEVEL": _level}
"""The same by what stands for the value in the help."""
