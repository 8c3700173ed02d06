"""One-line texts for errors, and the exit codes of commands."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simpleflow.exceptions import (
    AggregateException,
    InputError,
    InvalidTransition,
    SimpleflowError,
    TaskException,
    TaskFailed,
    WorkflowException,
    distinct,
)
from simpleflow.shown_text import escaped_lines, hide_passwords, plain_reason, printable

if TYPE_CHECKING:
    from simpleflow.core.decider.evaluation import Failure

OK = 0
RUN_FAILED = 1
USAGE = 2
STEP_FAILED = 3
INTERNAL = 70  # EX_SOFTWARE in sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
TERMINATED = 143  # 128 + SIGTERM

_MAX = 1_000

_began_in: list[str] = []  # the folder in which the command was called, in a process that runs one


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error that a command raised.

    The end of a run is no such error; ``view/run_end.py`` chooses its code.
    """
    if isinstance(error, InputError):
        return USAGE
    expected = isinstance(error, SimpleflowError | OSError) and not isinstance(error, InvalidTransition)
    return RUN_FAILED if expected else INTERNAL


def command_line(error: BaseException) -> str:
    """Describe in one line the error that ended a command."""
    if exit_code(error) == INTERNAL:
        return f"internal fault: {error_line(error)}"
    if isinstance(error, OSError) and not isinstance(error, SimpleflowError):
        # No part of the program expects it: a full disk, a folder that was removed, a limit of the system.
        name = f": {error.filename!r}" if error.filename is not None else ""
        return one_line(f"the system refused a request: {error.strerror or error}{name}")
    return one_line(str(error))


def _module(name: str) -> Any:
    """A module that only errors need: the help of a command does not wait for it."""
    return importlib.import_module(name)


def _lines() -> Any:
    return _module("simpleflow.source.source_lines")


def _decoded(details: str | None) -> Any:
    return _module("simpleflow.values").decode(details)


def error_line(error: BaseException, details: str | None = None) -> str:
    """Describe an exception in one line: its type, its text, and the file and line of the user's code that raised it.

    ``details`` is the traceback as text, for exceptions that do not carry one.
    """
    if isinstance(error, AggregateException):
        return "; ".join(distinct(error.flatten().exceptions, error_line))
    if isinstance(error, TaskFailed):
        kind = "child workflow " if error.is_child else ""
        return f"{kind}{error.name}: {task_failure_line(error.reason, error.details)}"
    if isinstance(error, TaskException | WorkflowException):
        return one_line(str(error))
    text = traceback_of(details) or "".join(_module("traceback").format_exception(error))
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{relative(error.filename)}:{error.lineno}"
        return f"{type(error).__name__}: {one_line(error.msg)} ({where})"
    kind = type(error).__name__
    return _with_source_line(f"{kind}: {error}" if str(error) else kind, text)


def run_failure_line(failure: Failure) -> str:
    """Describe in one line why a run failed.

    The text comes from the reason that the workflow gave, from the task that failed, or from the exception that the
    workflow's code raised. The line of the user's code follows where it is known.
    """
    line = _failure_line(failure)
    notes = getattr(failure.error, "__notes__", ())
    return "; ".join([line, *map(one_line, notes)])


def _failure_line(failure: Failure) -> str:
    error = failure.error
    if isinstance(error, WorkflowException):
        details = f" ({error.details})" if error.details else ""
        return one_line(plain_reason(error.reason) + details)
    if isinstance(error, TaskException) and not isinstance(error, TaskFailed):
        reason = plain_reason(failure.reason)
        return _with_source_line(reason if reason != failure.reason else str(error), traceback_of(failure.details))
    return error_line(error, failure.details)


def task_failure_line(reason: str | None, details: str | None) -> str:
    """Describe in one line why a task failed, from the reason and the details in the history."""
    text, where = task_failure(reason, details)
    return f"{text} ({where})" if where else text


def task_failure(reason: str | None, details: str | None) -> tuple[str, str]:
    """Return in one line why a task failed, and the file and line of the user's code, which may be empty."""
    found = _decoded(details)
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        message = found.get("message")
        reason = f"{found['error']}: {message}" if message else found["error"]
    return one_line(plain_reason(reason) or "no reason was given"), source_line(traceback_of(details))


def run_reason(reason: str | None, details: str | None) -> str:
    """Describe in one line why a run ended badly, from the history alone: as ``run_failure_line`` does."""
    text = plain_reason(reason)
    of_run = "Cannot replay the workflow: " in (reason or "")
    found = re.fullmatch(r"(\w+)\((.*)\)", text, re.DOTALL) if of_run else None
    if found is not None:  # an exception of run()
        text = f"{found[1]}: {found[2]}" if found[2] else found[1]
    return _with_source_line(text, traceback_of(details)) if text else ""


def traceback_of(details: str | None) -> str:
    """Return the traceback in the details of a failed task or run, its lines escaped; empty if there is none."""
    found = _decoded(details)
    if isinstance(found, dict):
        lines = found.get("traceback")
        return escaped_lines("".join(map(str, lines))) if isinstance(lines, list) else ""
    return escaped_lines(found) if isinstance(found, str) and _lines().TRACEBACK in found else ""


def source_line(text: str) -> str:
    """Return ``file:line`` of the innermost frame of a traceback that is in the user's own code, or an empty text.

    Frames of simpleflow, of the standard library and of installed packages do not count. The file is relative to the
    folder in which the command was called if it lies inside it.
    """
    return relative(_lines().source_line(text))


def last_frame(text: str) -> str:
    """Return the same frame as ``file:line in function: source``, as far as the traceback tells; or an empty text."""
    where, function, source = _lines().own_frame(text)
    return one_line(relative(where) + (f" in {function}" if function else "") + (f": {source}" if source else ""))


def _with_source_line(text: str, trace: str) -> str:
    where = source_line(trace)
    return one_line(text) + (f" ({where})" if where else "")


def one_line(text: str) -> str:
    """Return the text on one line of at most 1,000 characters, with control characters escaped."""
    text = hide_passwords(printable(" ".join(text.split())))
    return text if len(text) <= _MAX else text[: _MAX - 3] + "..."


def relative(path: str) -> str:
    """Return a path relative to the folder in which the command was called, if it lies inside it."""
    here = os.path.join(_began_in[-1] if _began_in else folder_here(), "")
    return path.removeprefix(here) if len(here) > 1 else path


@contextmanager
def from_here() -> Iterator[None]:
    """Let paths be relative to this folder: the code of a workflow may go to another one."""
    _began_in.append(folder_here())
    try:
        yield
    finally:
        _began_in.pop()


def folder_here() -> str:
    """Return the current folder; empty if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""
