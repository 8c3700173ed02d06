"""Errors as one line, and the exit code of each."""

from __future__ import annotations

import os
import re
import traceback
from typing import TYPE_CHECKING

from simpleflow import values
from simpleflow.exceptions import (
    AggregateException,
    InputError,
    InvalidTransition,
    SimpleflowError,
    TaskException,
    TaskFailed,
    WorkflowException,
)
from simpleflow.step.report import printable

if TYPE_CHECKING:
    from simpleflow.core.decider.evaluation import Failure

OK = 0
RUN_FAILED = 1
USAGE = 2
STEP_FAILED = 3
INTERNAL = 70
INTERRUPTED = 130
TERMINATED = 143

_MAX = 1_000
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PYTHON = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_FRAME = re.compile(r'\s*File "(.+)", line (\d+)')
_TRACEBACK = "Traceback (most recent call last):"


def exit_code(error: BaseException) -> int:
    """The exit code of an error that a command raised, the end of a workflow aside."""
    if isinstance(error, InputError):
        return USAGE
    ours = not isinstance(error, SimpleflowError) or isinstance(error, InvalidTransition)
    return INTERNAL if ours else RUN_FAILED


def error_line(error: BaseException, details: str | None = None) -> str:
    """An exception in one line: type, text, and the file and line of the user's code that raised it.

    ``details``: its traceback as text, where the exception does not carry it.
    """
    if isinstance(error, AggregateException):
        return "; ".join(dict.fromkeys(error_line(each) for each in error.flatten().exceptions if each is not None))
    if isinstance(error, TaskFailed):
        return f"{error.name}: {task_failure_line(error.reason, error.details)}"
    if isinstance(error, TaskException | WorkflowException):
        return one_line(str(error))
    text = traceback_of(details) or "".join(traceback.format_exception(error))
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{_relative(error.filename)}:{error.lineno}"
        return f"{type(error).__name__}: {one_line(error.msg)} ({where})"
    kind = type(error).__name__
    return _with_source_line(f"{kind}: {error}" if str(error) else kind, text)


def run_failure_line(failure: Failure) -> str:
    """How a run fails, in one line: its own words, its task's, or what its code raised, with the place of that."""
    error = failure.error
    if isinstance(error, WorkflowException):
        details = f" ({error.details})" if error.details else ""
        return one_line((error.reason or "").removeprefix("Workflow execution failed: ") + details)
    if isinstance(error, TaskException) and not isinstance(error, TaskFailed):
        said = failure.reason.removeprefix("Workflow execution error in ")
        return _with_source_line(said if said != failure.reason else str(error), traceback_of(failure.details))
    return error_line(error, failure.details)


def task_failure_line(reason: str | None, details: str | None) -> str:
    """The same for a failed task, from what the history holds of it."""
    found = values.decode(details)
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        message = found.get("message")
        reason = f"{found['error']}: {message}" if message else found["error"]
    return _with_source_line(reason or "no reason was given", traceback_of(details))


def traceback_of(details: str | None) -> str:
    """The traceback in the details of a failed task or run; empty if there is none."""
    found = values.decode(details)
    if isinstance(found, dict):
        lines = found.get("traceback")
        return "".join(map(str, lines)) if isinstance(lines, list) else ""
    return found if isinstance(found, str) and _TRACEBACK in found else ""


def source_line(text: str) -> str:
    """``file:line`` of the innermost frame of a traceback that is the user's own code; empty if none is.

    Neither this library, nor Python's, nor installed packages; the file is relative to the current folder if inside it.
    """
    lines = text.rpartition(_TRACEBACK)[2].splitlines()
    found = ""
    for match in filter(None, map(_FRAME.match, lines)):
        path = match[1]
        installed = path.startswith((_OURS, _PYTHON, "<")) or "site-packages" in path or "dist-packages" in path
        if not installed:
            found = f"{_relative(path)}:{match[2]}"
    return found


def _with_source_line(text: str, trace: str) -> str:
    where = source_line(trace)
    return one_line(text) + (f" ({where})" if where else "")


def one_line(text: str) -> str:
    """A text of any kind in one line of bounded length."""
    text = printable(" ".join(text.split()))
    return text if len(text) <= _MAX else text[: _MAX - 3] + "..."


def _relative(path: str) -> str:
    here = os.getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else path
