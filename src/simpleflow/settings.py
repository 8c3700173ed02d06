"""Settings by name.

A value comes from the environment, else from the module that SIMPLEFLOW_SETTINGS_MODULE names, else it is the default.
Each setting is an attribute of this module (``settings.STEP_BUCKET``). It is read anew at every access, so a change of
the environment takes effect at once. An access raises InputError if the value cannot be read.

For a text setting, an empty text counts as not set: ``STEP_BUCKET=`` in a shell script means "the default", and an
empty host must not turn ``{host}/{bucket}`` into a folder below ``/``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simpleflow import nearest_state
from simpleflow.constants import MOST_SECONDS
from simpleflow.exceptions import InputError, one_line
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import value_text

MODULE_VARIABLE = "SIMPLEFLOW_SETTINGS_MODULE"

# Declared for type checkers and readers; the values come from __getattr__ below.
SIMPLEFLOW_S3_HOST: str  # host of bucket strings that name no host
SIMPLEFLOW_S3_SSE: bool  # encrypt marks on S3 (server-side, AES256)
STEP_BUCKET: str  # bucket string of the done marks
SIMPLEFLOW_STEP_CLAIMS: bool | None  # claim steps against other runs; None: where marks are on this machine
SIMPLEFLOW_STEP_CHANGES: str | None  # tell, run or ignore steps that have changed; None: tell where reading is cheap
SIMPLEFLOW_MAX_TASKS_PER_WORKER: int  # a worker is replaced after so many activities; 0: never
SIMPLEFLOW_LOG_BYTES: int  # size of the log of an activity, at most; 0: what activities print is not kept
SIMPLEFLOW_STEP_RETRY_SECONDS: int  # how long marks are tried again before a run is left open; 0: never
SIMPLEFLOW_ON_FAILURE: str | None  # shell command that is told of a run that has failed
SIMPLEFLOW_ON_SUCCESS: str | None  # shell command that is told of a run that has succeeded
SIMPLEFLOW_ESTIMATE_FROM: int  # seconds that the last run took, from which on the end of the next one is estimated
SIMPLEFLOW_REPORT: str | None  # file for the report of a run that has ended
SIMPLEFLOW_ON_END_TIMEOUT: int  # seconds that these commands may take
SIMPLEFLOW_STATE: str  # state folder of the embedded engine
SIMPLEFLOW_KEEP_RUNS: int | None  # at the end of a run, all but so many runs of each workflow are removed; None: none
SIMPLEFLOW_KEEP_DAYS: int | None  # likewise the runs that ended so many days ago
WORKFLOW_DEFAULT_TASK_LIST: str  # for workflow classes that set none
WORKFLOW_DEFAULT_VERSION: str  # for workflow classes that set none
WORKFLOW_DEFAULT_EXECUTION_TIME: int  # seconds until an execution times out
WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT: int  # seconds that one decision may take
ACTIVITY_DEFAULT_TASK_LIST: str  # default of with_attributes(task_list=)
ACTIVITY_DEFAULT_VERSION: str  # default of with_attributes(version=)
ACTIVITY_DEFAULT_TIMEOUT: int | None  # default of the next one; None here and below: no limit
ACTIVITY_START_TO_CLOSE_TIMEOUT: int | None  # seconds that the work may take
ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT: int | None  # seconds from scheduling to the end
ACTIVITY_SCHEDULE_TO_START_TIMEOUT: int | None  # seconds that a task may wait for a worker
ACTIVITY_HEARTBEAT_TIMEOUT: int | None  # seconds between two heartbeats
ACTIVITY_SIGTERM_WAIT_SEC: int  # seconds between SIGTERM and SIGKILL for an activity that is stopped
SIMPLEFLOW_WORKERS: str | None  # address of the scheduler whose workers run the activities of local runs
SWF_DOMAIN: str | None  # domain of commands that name none
SWF_CONNECTION_RETRIES: int  # further tries of a request to SWF that is not a poll
SWF_DECISION_LIMIT: int  # seconds that one decision may take in a decider process; 0: any time
SWF_MAX_OPEN_ACTIVITY_COUNT: int  # most open activities of one execution
SIMPLEFLOW_JUMBO_FIELDS_BUCKET: str | None  # bucket string of texts that are too long for a field of SWF
SIMPLEFLOW_ACTIVITY_MODULES: str | None  # modules that activities of a worker may come from, separated by commas
SIMPLEFLOW_IDENTITY: str | None  # name of a worker or decider in the history

_MOST = 999_999_999_999_999  # bytes of a log, and whatever else is counted
_MOST_DIGITS = len(str(_MOST))
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def _boolean(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InputError(f"{name} is {value!r}: expected 1, true, yes or on, or 0, false, no, off or nothing")


def _whole(name: str, value: object, what: str, most: int, bounds: str) -> int:
    """Return a whole number from 0 to ``most``, given as such or as text. Raises InputError for anything else."""
    number = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, str):
        text = value.strip()
        number = text.isascii() and text.isdigit()
        value = int(text) if number and len(text) <= _MOST_DIGITS else value
    if number and isinstance(value, int) and 0 <= value <= most:
        return value
    is_negative = isinstance(value, int) and value < 0
    expected = f"at most {most}" if number and not is_negative else bounds
    raise InputError(f"{name} is {value_text(value)}: expected {what}, {expected}")


def _seconds(name: str, value: object, bounds: str = "0 or more") -> int:
    return _whole(name, value, "a whole number of seconds", MOST_SECONDS, bounds)


def _limit(name: str, value: object) -> int | None:
    if isinstance(value, str) and value.strip().upper() == "NONE":
        return None
    return _seconds(name, value, "0 or more, or NONE for no limit")


def _count(name: str, value: object) -> int:
    return _whole(name, value, "a whole number", _MOST, "0 or more")


def _positive(name: str, value: object) -> int:
    found = _whole(name, value, "a whole number", _MOST, "1 or more")
    if found < 1:
        raise InputError(f"{name} is {value_text(value)}: expected a whole number, 1 or more")
    return found


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise InputError(f"{name} is {value!r}: expected text")


def _folder(name: str, value: object) -> str:
    return os.path.expanduser(_text(name, value))  # cron and systemd leave the ~ as it is


_TEXTS = (_text, _folder)  # an empty text counts as not set


def activity_modules(name: str, value: object) -> str | None:
    """Return the names of modules in a text, separated by commas; None if there are none. Raises InputError."""
    names = [each.strip() for each in _text(name, value).split(",")]
    if names == [""]:
        return None
    for each in names:
        if not each or not all(part.isidentifier() for part in each.split(".")):
            raise InputError(f"{name} is {value!r}: expected names of modules, separated by commas, such as a,b.c")
    return ",".join(names)


def _change_mode(name: str, value: object) -> str | None:
    word = str(value).strip().lower()
    if word in ("tell", "run", "ignore", ""):
        return word or None
    raise InputError(f"{name} is {value!r}: expected tell, run or ignore")


def _keep(name: str, value: object) -> int | None:
    return None if value == "" else _positive(name, value)


class _Setting(NamedTuple):
    parse: Callable[[str, object], Any]  # called with name and raw value; raises InputError
    default: object  # as parsed, or a function that returns it
    follows: str | None = None  # the setting whose value is the default, instead of ``default``


_SETTINGS: dict[str, _Setting] = {
    "SIMPLEFLOW_S3_HOST": _Setting(_text, "s3.amazonaws.com"),
    "SIMPLEFLOW_S3_SSE": _Setting(_boolean, False),
    "STEP_BUCKET": _Setting(_text, "step_bucket"),
    "SIMPLEFLOW_STEP_CLAIMS": _Setting(_boolean, None),  # None: where marks are on this machine
    "SIMPLEFLOW_STEP_CHANGES": _Setting(_change_mode, None),  # None: tell where marks are on this machine
    "SIMPLEFLOW_MAX_TASKS_PER_WORKER": _Setting(_count, 0),
    "SIMPLEFLOW_LOG_BYTES": _Setting(_count, 10_000_000),
    "SIMPLEFLOW_STEP_RETRY_SECONDS": _Setting(_seconds, 600),
    "SIMPLEFLOW_STATE": _Setting(_folder, nearest_state.find),
    "SIMPLEFLOW_ON_FAILURE": _Setting(_text, None),
    "SIMPLEFLOW_ON_SUCCESS": _Setting(_text, None),
    "SIMPLEFLOW_REPORT": _Setting(_text, None),
    "SIMPLEFLOW_ESTIMATE_FROM": _Setting(_seconds, 60),
    "SIMPLEFLOW_ON_END_TIMEOUT": _Setting(_positive, 60),
    "SIMPLEFLOW_KEEP_RUNS": _Setting(_keep, None),
    "SIMPLEFLOW_KEEP_DAYS": _Setting(_keep, None),
    "WORKFLOW_DEFAULT_TASK_LIST": _Setting(_text, "default"),
    "WORKFLOW_DEFAULT_VERSION": _Setting(_text, "default"),
    "WORKFLOW_DEFAULT_EXECUTION_TIME": _Setting(_seconds, 31_536_000),  # a year: the longest that SWF allows
    "WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT": _Setting(_seconds, 300),
    "ACTIVITY_DEFAULT_TASK_LIST": _Setting(_text, "default"),
    "ACTIVITY_DEFAULT_VERSION": _Setting(_text, "default"),
    # No limit that only the user can know: work may be long, and so may the queue before it. Workers send heartbeats by
    # themselves, so their time-out tells a dead worker from long work.
    "ACTIVITY_DEFAULT_TIMEOUT": _Setting(_limit, None),
    "ACTIVITY_START_TO_CLOSE_TIMEOUT": _Setting(_limit, None, follows="ACTIVITY_DEFAULT_TIMEOUT"),
    "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT": _Setting(_limit, None),
    "ACTIVITY_SCHEDULE_TO_START_TIMEOUT": _Setting(_limit, None),
    "ACTIVITY_HEARTBEAT_TIMEOUT": _Setting(_limit, 300),
    "ACTIVITY_SIGTERM_WAIT_SEC": _Setting(_seconds, 3),
    "SIMPLEFLOW_WORKERS": _Setting(_text, None),
    "SWF_DOMAIN": _Setting(_text, None),
    "SWF_CONNECTION_RETRIES": _Setting(_count, 5),
    "SWF_DECISION_LIMIT": _Setting(_seconds, 30),
    "SWF_MAX_OPEN_ACTIVITY_COUNT": _Setting(_positive, 1_000),
    "SIMPLEFLOW_JUMBO_FIELDS_BUCKET": _Setting(_text, None),
    "SIMPLEFLOW_ACTIVITY_MODULES": _Setting(activity_modules, None),
    "SIMPLEFLOW_IDENTITY": _Setting(_text, None),
}

NAMES: tuple[str, ...] = tuple(sorted(_SETTINGS))
"""The names of all settings, sorted."""


_configured: dict[str, Any] = {}  # by ``configure``


def _from_module(name: str) -> tuple[object, str] | None:
    """Return the settings module's value for ``name`` and the module's name; None if the module does not set it."""
    module_name = os.environ.get(MODULE_VARIABLE)
    if not module_name:
        return None
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = one_line(error)
        raise InputError(
            f"the settings module {module_name!r}, named by {MODULE_VARIABLE}, cannot be imported "
            f"({reason}): correct the name or the module, or unset {MODULE_VARIABLE}"
        ) from error
    value = getattr(module, name, None)
    return None if value is None else (value, module_name)


def _given(name: str) -> tuple[object, str] | None:
    """Return the raw value from the environment or the settings module, and its origin; None if neither sets it."""
    parse = _SETTINGS[name].parse
    if name in _configured:
        return _configured[name], "configure"
    if (text := os.environ.get(name)) is not None and (text or parse not in _TEXTS):
        return text, "environment"
    found = _from_module(name)
    return None if found is None or (found[0] == "" and parse in _TEXTS) else found


def _resolve(name: str) -> tuple[Any, str]:
    setting = _SETTINGS[name]
    found = _given(name)
    if found is not None:
        return setting.parse(name, found[0]), found[1]
    if setting.follows is not None:
        return _resolve(setting.follows)[0], setting.follows
    return setting.default() if callable(setting.default) else setting.default, "default"


def configure(given: Mapping[str, Any]) -> None:
    """Set settings in this process and those that it starts. Names that are no settings here are ignored."""
    _configured.update({name: value for name, value in given.items() if name in _SETTINGS})


def is_set(name: str) -> bool:
    """Return True if the environment or the settings module sets ``name``, False if its default applies.

    Raises InputError if ``name`` is not a setting, or if the settings module cannot be imported.
    """
    if name not in _SETTINGS:
        raise InputError(f"{name!r} is not a setting: expected one of {', '.join(NAMES)}")
    return _given(name) is not None


def describe() -> list[tuple[str, object, str]]:
    """Return every setting as ``(name, value, origin)``, sorted by name.

    ``origin`` is ``environment``, the name of the settings module, ``default``, or the name of the setting whose value
    it takes by default (``ACTIVITY_START_TO_CLOSE_TIMEOUT`` follows ``ACTIVITY_DEFAULT_TIMEOUT``). Raises InputError
    for the first value that cannot be read.
    """
    return [(name, *_resolve(name)) for name in NAMES]


if not TYPE_CHECKING:  # hidden from type checkers, so that they report a setting that does not exist

    def __getattr__(name: str) -> Any:
        if name not in _SETTINGS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _resolve(name)[0]


def __dir__() -> list[str]:
    return sorted({*globals(), *_SETTINGS})
