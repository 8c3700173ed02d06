"""Running the decider and worker processes of a command, their log, and the values that these commands share."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simpleflow import settings
from simpleflow.base import type_name
from simpleflow.cli import errors, log_level
from simpleflow.exceptions import InputError, SimpleflowError
from simpleflow.shown_text import escaped, hide_passwords
from simpleflow.worker import log_fields
from simpleflow.worker.dispatch import Middlewares
from simpleflow.worker.supervisor import Kind, Supervisor

if TYPE_CHECKING:
    from simpleflow.engines.base import ActivityTask
    from simpleflow.workflow import Workflow

_LOG_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"


def run_processes(wanted: Sequence[Kind], stop_after: float | None = None) -> int:
    """Run processes until all of them have ended, and return the exit code of the command.

    After SIGTERM or SIGINT the code is 0 if all processes could finish their current task. ``stop_after``: see
    ``Supervisor``.
    """
    supervisor = Supervisor()
    supervisor.stop_after = stop_after
    try:
        for kind in wanted:
            supervisor.add(kind)
        supervisor.run()
    finally:
        supervisor.close()
    return exit_code(supervisor)


def exit_code(supervisor: Supervisor) -> int:
    """Return the exit code of a command whose processes have ended."""
    if supervisor.gave_up:
        return errors.RUN_FAILED
    if supervisor.killed and supervisor.signal is not None:
        return 128 + supervisor.signal
    return errors.OK


def load_workflow_classes(targets: Sequence[str]) -> dict[str, type[Workflow]]:
    """Load workflow classes and return them by the name of their type. Raises InputError if one is not a workflow."""
    from simpleflow.cli.load_workflow import find_modules_here, load_workflow

    find_modules_here()
    found = [load_workflow(target) for target in targets]
    return {type_name(each): each for each in found}


def common_task_list(classes: Mapping[str, type[Workflow]]) -> str:
    """Return the task list that the workflows share, or the default one. Raises InputError if they have several."""
    lists = list(dict.fromkeys(each.task_list or settings.WORKFLOW_DEFAULT_TASK_LIST for each in classes.values()))
    if len(lists) > 1:
        raise InputError(f"the workflows have the task lists {', '.join(lists)}; choose one with --task-list")
    return lists[0] if lists else settings.WORKFLOW_DEFAULT_TASK_LIST


def load_middlewares(pre: Sequence[str], post: Sequence[str]) -> Middlewares:
    """Load middlewares by their dotted paths. Raises InputError if one cannot be loaded."""
    try:
        return Middlewares.load({"pre": pre, "post": post})
    except SimpleflowError:
        raise
    except Exception as error:
        raise InputError(f"a middleware cannot be imported: {errors.error_line(error)}") from error


def decode_poll_data(text: str, task_list: str) -> ActivityTask:
    """Decode the activity task in ``--poll-data``: a response of PollForActivityTask as JSON in Base64.

    Raises InputError if the text is not such a response.
    """
    from simpleflow.engines.base import ActivityTask

    try:
        found: Any = json.loads(base64.b64decode(text, validate=True))
        execution, kind = found["workflowExecution"], found["activityType"]
        parts = (found["taskToken"], execution["workflowId"], execution["runId"], found["activityId"])
        members = (*parts, kind["name"], kind["version"])
        if not all(isinstance(each, str) for each in members):
            raise TypeError("a member is not a string")
        return ActivityTask(*members, found.get("input"), task_list, None)
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError) as error:
        expected = "a response of PollForActivityTask as JSON in Base64"
        raise InputError(f"--poll-data is not {expected} ({type(error).__name__}: {error})") from error


class _JsonLines(logging.Formatter):
    """Formats each record as a JSON object.

    Its members: ``time`` (ISO 8601, in UTC), ``level``, ``logger``, ``process``, ``message``; then, as far as the
    record is about a task, ``workflow``, ``run``, ``activity``, ``activity_id`` and ``attempt``, or ``workflow_type``;
    and ``error``, a traceback. Passwords are hidden.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": hide_passwords(record.getMessage()),
            **log_fields.current(),
        }
        if record.exc_info:
            members["error"] = hide_passwords("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(members, default=str)


class _OneLine(logging.Formatter):
    """Escapes line breaks and control characters in messages, and hides passwords. Tracebacks keep their lines."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        twin = logging.makeLogRecord(record.__dict__)
        twin.msg, twin.args = escaped(hide_passwords(record.getMessage())), None
        first, *more = super().format(twin).split("\n")
        return "\n".join([first, *(escaped(hide_passwords(line)) for line in more)])


def log_to_stderr() -> None:
    """Write log records from the level LOG_LEVEL on to standard error.

    Raises InputError for an unknown level, and for a setting that is not valid: processes would find it too late.
    """
    settings.describe()
    level = log_level.requested_level(None) or logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    form = os.environ.get("SIMPLEFLOW_LOG_FORMAT") or "text"
    if form == "json":
        handler.setFormatter(_JsonLines())
    elif form == "text":
        handler.setFormatter(_OneLine(_LOG_FORMAT))
    else:
        raise InputError(f"SIMPLEFLOW_LOG_FORMAT is {form!r}: expected text or json")
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("simpleflow").setLevel(level)
