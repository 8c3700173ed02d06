"""The end of a run: its report is written, and commands run.

These are ``--on-failure``, ``--on-success`` and the settings of these names; ``--report`` is in ``end_report``.

Theory of operation. The command runs in a shell, once the run has closed and its result is written. It leads a new
session, so that it and all processes that it starts can be ended together. It gets a summary as JSON on standard input,
and the main parts of it in the environment. The exit code stays that of the run even if the command fails; then a line
says so.

The settings are not handed on to it. A command that starts a workflow would be started by that one's end, and so on.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from simpleflow import settings
from simpleflow.cli import end_report, errors
from simpleflow.cli.options import Session
from simpleflow.cli.signals import Stopped, stoppable
from simpleflow.cli.view.ending import Ending
from simpleflow.shown_text import escaped

if TYPE_CHECKING:
    import subprocess  # slow to load, and most runs have no such command

_KILL_SECONDS = 2.0  # between SIGTERM and SIGKILL

_LONGEST = 4_000  # characters of a value in the environment, for which systems have a limit

_IN_ENVIRONMENT = ("run_id", "workflow_id", "status", "reason", "state")
"""The keys of the summary that the environment has too, as ``SIMPLEFLOW_...``."""

_SETTINGS = ("SIMPLEFLOW_ON_FAILURE", "SIMPLEFLOW_ON_SUCCESS", "SIMPLEFLOW_REPORT")


@contextmanager
def ending_of(options: Mapping[str, Any], here: Session) -> Iterator[Ending]:
    """Run the command of the options, or of the settings, after the block inside, which fills in the ``Ending``.

    The report is written first, so that the command may send it. Raises InputError if its path is a folder.
    """
    ending = Ending()
    report = end_report.target_of(options)
    try:
        yield ending
    except Exception as error:
        ending.code = errors.exit_code(error)
        _end_with(report, ending, options, here, error)
        raise
    _end_with(report, ending, options, here)


def _end_with(
    report: str | None, ending: Ending, options: Mapping[str, Any], here: Session, error: Exception | None = None
) -> None:
    if report is not None:
        ending.report = end_report.write_report(report, ending, here)
    found = _command_for(ending.code, options)
    if found is not None:
        from simpleflow.cli.view.run_summary import summarise  # it takes long to load

        run_command(*found, summarise(ending, error), here)


def _command_for(code: int, options: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the option and the command to run after a run with this exit code; None if there is none.

    A run that was interrupted goes on later, so no command runs after it.
    """
    if code in (errors.INTERRUPTED, errors.TERMINATED):
        return None
    name = "on_success" if code == errors.OK else "on_failure"
    command = options.get(name) or getattr(settings, f"SIMPLEFLOW_{name.upper()}")
    return ("--" + name.replace("_", "-"), command) if command else None


def run_command(option: str, command: str, summary: Mapping[str, Any], here: Session) -> None:
    """Run a command with this summary. Its failure is a warning."""
    environment = {key: value for key, value in os.environ.items() if key not in _SETTINGS}
    for key in _IN_ENVIRONMENT:
        value = summary.get(key)
        environment[f"SIMPLEFLOW_{key.upper()}"] = "" if value is None else escaped(str(value))[:_LONGEST]
    if not summary.get("state"):
        del environment["SIMPLEFLOW_STATE"]  # of a run on Amazon SWF
    text = json.dumps(summary, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace") + b"\n"
    problem = _run(command, text, environment, settings.SIMPLEFLOW_ON_END_TIMEOUT)
    if problem is not None:
        here.warn(f"the command of {option} {problem}: {command}")


def _run(command: str, text: bytes, environment: dict[str, str], seconds: int) -> str | None:
    """Run a command to its end; returns what went wrong, or None."""
    import subprocess

    process: subprocess.Popen[bytes] | None = None
    try:
        with stoppable():
            process = subprocess.Popen(
                command, shell=True, stdin=subprocess.PIPE, env=environment, start_new_session=True
            )
            process.communicate(text, seconds)  # a command that does not read is no error
        code = process.returncode
        if code == 0:
            return None
        return f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
    except (OSError, ValueError) as error:
        return f"could not be run ({getattr(error, 'strerror', None) or error})"
    except subprocess.TimeoutExpired:
        return f"was ended after {seconds} s (SIMPLEFLOW_ON_END_TIMEOUT)"
    except Stopped:
        return "was interrupted"
    finally:
        if process is not None and process.returncode is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and its child processes."""
    import subprocess

    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_SECONDS)
            break
    with suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # processes that the shell has left
