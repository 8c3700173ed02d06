"""Notes for the errors that an ``Executor`` raises: the step and the activity that failed, and its traceback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from simpleflow.core import transitions
from simpleflow.core.history import History
from simpleflow.engines.run import Run
from simpleflow.exceptions import AggregateException, TaskFailed
from simpleflow.exceptions import TimeoutError as TaskTimedOut
from simpleflow.shown_text import escaped_lines
from simpleflow.source.source_lines import source_line, traceback_in
from simpleflow.step import report
from simpleflow.step.constants import MARKER_NAME
from simpleflow.step.host import step_at
from simpleflow.taskids import clean

_MAX = 5  # notes of one error


def add_notes(error: BaseException, runs: Iterable[Run]) -> None:
    """Add notes to the error that has failed a run: one for each task that failed, up to five. Set its ``where``.

    ``runs`` are the run and its children. Python shows notes below the error; they are in its ``__notes__``.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error  # the code of the workflow may have raised it because of a task
    while cause is not None and cause not in chain and len(chain) < _MAX:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    tasks = [each for one in chain for each in _leaves(one) if isinstance(each, TaskFailed | TaskTimedOut)]
    for each in tasks:
        if isinstance(each, TaskFailed):
            each.where = source_line(traceback_in(each.details)) or None
    found = list(runs)
    notes = dict.fromkeys(filter(None, (_note(each, found) for each in tasks)))
    for note in list(notes)[:_MAX]:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    if len(notes) > _MAX:
        error.add_note(f"and {len(notes) - _MAX} more")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, AggregateException):
        yield from filter(None, error.flatten().exceptions)
    else:
        yield error


def _note(error: TaskFailed | TaskTimedOut, runs: list[Run]) -> str:
    for run in runs:
        for record in run.history.activities.values():
            if record.state in (transitions.FAILED, transitions.TIMED_OUT) and _is_of(record.closed, record, error):
                return _text(run, record, error)
    return _indented(traceback_in(error.details)) if isinstance(error, TaskFailed) else ""


def _is_of(closed: Any, record: Any, error: TaskFailed | TaskTimedOut) -> bool:
    attributes = None if closed is None else closed.attributes
    if isinstance(error, TaskTimedOut):
        return getattr(attributes, "timeout_type", None) == error.timeout_type
    if error.is_child:  # its details are those of the task that failed it
        return error.details is not None and getattr(attributes, "details", None) == error.details
    mine = (error.name, error.reason, error.details)
    return mine == (record.type_name, getattr(attributes, "reason", None), getattr(attributes, "details", None))


def _text(run: Run, record: Any, error: TaskFailed | TaskTimedOut) -> str:
    scheduled = record.scheduled
    name = scheduled.activity_type.name
    path = scheduled.control or record.id.removeprefix(f"activity-{clean(name)}-")
    step = step_at(path, _steps(run.history))
    where = [f"step {step}"] if step is not None else []
    where += [f"activity {name}"] + ([f"try {record.tries}"] if record.tries > 1 else [])
    where += [f"workflow {run.workflow_id}"] if run.run_id != run.root_id else []
    trace = traceback_in(error.details) if isinstance(error, TaskFailed) else ""
    return ", ".join(where) + (f":\n{_indented(trace)}" if trace else "")


def _indented(trace: str) -> str:
    return "\n".join(f"  {line}" for line in escaped_lines(trace).rstrip().split("\n")) if trace else ""


def _steps(history: History) -> set[str]:
    reports = (report.read(event.attributes.details) for event in history.markers.named(MARKER_NAME))  # type: ignore[attr-defined]
    return {each.step for each in reports if each is not None}
