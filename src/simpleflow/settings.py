"""Settings by name: the environment, then the module named by SIMPLEFLOW_SETTINGS_MODULE, then a default.

Each is an attribute of this module (``settings.STEP_BUCKET``) and is read again at every access, so that a
change of the environment is seen at once. A text that is empty counts as not given: ``STEP_BUCKET=`` in a
shell script means "the default", and an empty host must not turn ``{host}/{bucket}`` into a folder of ``/``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from simpleflow.exceptions import InputError, one_line

MODULE_VARIABLE = "SIMPLEFLOW_SETTINGS_MODULE"

# Declared for type checkers and readers; the values come from __getattr__ below.
SIMPLEFLOW_S3_HOST: str
SIMPLEFLOW_S3_SSE: bool
STEP_BUCKET: str
SIMPLEFLOW_STEP_CLAIMS: bool | None
SIMPLEFLOW_STATE: str
WORKFLOW_DEFAULT_TASK_LIST: str
WORKFLOW_DEFAULT_VERSION: str
WORKFLOW_DEFAULT_EXECUTION_TIME: int
WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT: int
ACTIVITY_DEFAULT_TASK_LIST: str
ACTIVITY_DEFAULT_VERSION: str
ACTIVITY_DEFAULT_TIMEOUT: int
ACTIVITY_START_TO_CLOSE_TIMEOUT: int
ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT: int
ACTIVITY_SCHEDULE_TO_START_TIMEOUT: int
ACTIVITY_HEARTBEAT_TIMEOUT: int
ACTIVITY_SIGTERM_WAIT_SEC: int
SWF_DOMAIN: str | None
SWF_CONNECTION_RETRIES: int
SWF_MAX_OPEN_ACTIVITY_COUNT: int
SIMPLEFLOW_JUMBO_FIELDS_BUCKET: str | None
SIMPLEFLOW_IDENTITY: str | None

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


def _seconds(name: str, value: object) -> int:
    text = str(value).strip()
    if isinstance(value, int | str) and not isinstance(value, bool) and text.isascii() and text.isdigit():
        return int(text)
    raise InputError(f"{name} is {value!r}: expected a whole number of seconds, 0 or more")


def _count(name: str, value: object) -> int:
    text = str(value).strip()
    if isinstance(value, int | str) and not isinstance(value, bool) and text.isascii() and text.isdigit():
        return int(text)
    raise InputError(f"{name} is {value!r}: expected a whole number, 0 or more")


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise InputError(f"{name} is {value!r}: expected a text")


class _Setting(NamedTuple):
    parse: Callable[[str, object], Any]
    default: object
    follows: str | None = None  # the setting whose value is the default, instead of ``default``


_ACTIVITY_TIMEOUT = _Setting(_seconds, None, follows="ACTIVITY_DEFAULT_TIMEOUT")

_SETTINGS: dict[str, _Setting] = {
    "SIMPLEFLOW_S3_HOST": _Setting(_text, "s3.amazonaws.com"),
    "SIMPLEFLOW_S3_SSE": _Setting(_boolean, False),
    "STEP_BUCKET": _Setting(_text, "step_bucket"),
    "SIMPLEFLOW_STEP_CLAIMS": _Setting(_boolean, None),  # None: where marks are on this machine
    "SIMPLEFLOW_STATE": _Setting(_text, ".simpleflow"),
    "WORKFLOW_DEFAULT_TASK_LIST": _Setting(_text, "default"),
    "WORKFLOW_DEFAULT_VERSION": _Setting(_text, "default"),
    "WORKFLOW_DEFAULT_EXECUTION_TIME": _Setting(_seconds, 31_536_000),  # a year: the longest that SWF takes
    "WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT": _Setting(_seconds, 300),
    "ACTIVITY_DEFAULT_TASK_LIST": _Setting(_text, "default"),
    "ACTIVITY_DEFAULT_VERSION": _Setting(_text, "default"),
    "ACTIVITY_DEFAULT_TIMEOUT": _Setting(_seconds, 300),
    "ACTIVITY_START_TO_CLOSE_TIMEOUT": _ACTIVITY_TIMEOUT,
    "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT": _ACTIVITY_TIMEOUT,
    "ACTIVITY_SCHEDULE_TO_START_TIMEOUT": _ACTIVITY_TIMEOUT,
    "ACTIVITY_HEARTBEAT_TIMEOUT": _ACTIVITY_TIMEOUT,
    "ACTIVITY_SIGTERM_WAIT_SEC": _Setting(_seconds, 3),
    "SWF_DOMAIN": _Setting(_text, None),
    "SWF_CONNECTION_RETRIES": _Setting(_count, 5),
    "SWF_MAX_OPEN_ACTIVITY_COUNT": _Setting(_count, 1_000),
    "SIMPLEFLOW_JUMBO_FIELDS_BUCKET": _Setting(_text, None),
    "SIMPLEFLOW_IDENTITY": _Setting(_text, None),
}

NAMES: tuple[str, ...] = tuple(sorted(_SETTINGS))


def _from_module(name: str) -> tuple[object, str] | None:
    """What the settings module gives for ``name``, and that module's name; None if it gives nothing."""
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
    """The value that a person gave, not parsed yet, and its origin; None if there is none."""
    parse = _SETTINGS[name].parse
    if (text := os.environ.get(name)) is not None and (text or parse is not _text):
        return text, "environment"
    found = _from_module(name)
    return None if found is None or (found[0] == "" and parse is _text) else found


def _resolve(name: str) -> tuple[Any, str]:
    setting = _SETTINGS[name]
    found = _given(name)
    if found is not None:
        return setting.parse(name, found[0]), found[1]
    if setting.follows is not None:
        return _resolve(setting.follows)[0], setting.follows
    return setting.default, "default"


def is_set(name: str) -> bool:
    """Whether the environment or the settings module gives ``name``, rather than its default.

    Raises InputError for a name that is no setting, or if the settings module cannot be imported.
    """
    if name not in _SETTINGS:
        raise InputError(f"{name!r} is not a setting: expected one of {', '.join(NAMES)}")
    return _given(name) is not None


def describe() -> list[tuple[str, object, str]]:
    """Every setting as ``(name, value, origin)``, sorted by name.

    ``origin`` is ``environment``, the name of the settings module, ``default``, or the name of the setting
    that it follows (``ACTIVITY_HEARTBEAT_TIMEOUT`` follows ``ACTIVITY_DEFAULT_TIMEOUT``). Raises InputError
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
