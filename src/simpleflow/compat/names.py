"""Names that modules of the existing library have, for those modules here; each with what to use instead."""

from __future__ import annotations

import importlib
from typing import Any


def get_result_or_raise(future: Any) -> Any:
    """The result of a future; raises its exception if its task has failed."""
    if future.exception is not None:
        raise future.exception
    return future.result


def get_actual_value(value: Any) -> Any:
    """The result of a future; any other value as it is."""
    from simpleflow.futures import Future

    return value.result if isinstance(value, Future) else value


_HERE = __name__

_LOADED = (
    *("base", "canvas", "constants", "exceptions", "history", "log", "logging_context"),
    *("settings", "signal", "swf", "task", "workflow"),
)
"""The modules that are loaded there with ``simpleflow``."""

NAMES: dict[str, dict[str, Any]] = {
    "simpleflow": {
        "Activity": "simpleflow.activity:Activity",  # simpleflow.activity.Activity
        "logger": "simpleflow.compat.log:logger",  # logging.getLogger(__name__)
        **{name: f"simpleflow.{name}:" for name in _LOADED},  # import simpleflow.NAME
    },
    "simpleflow.canvas": {
        "AggregateException": "simpleflow.exceptions:AggregateException",  # from that module
    },
    "simpleflow.futures": {
        "get_result_or_raise": f"{_HERE}:get_result_or_raise",  # future.result, after a look at future.exception
        "FIRST_COMPLETED": "FIRST_COMPLETED",  # nothing: futures.wait waits for all
        "FIRST_EXCEPTION": "FIRST_EXCEPTION",  # nothing
        "ALL_COMPLETED": "ALL_COMPLETED",  # nothing
    },
    "simpleflow.task": {
        "get_actual_value": f"{_HERE}:get_actual_value",  # future.result
    },
    "simpleflow.step.workflow": {
        "Step": "simpleflow.step.submittable:Step",  # simpleflow.step.submittable.Step
        "STEP_ACTIVITY_PARAMS_DEFAULT": "simpleflow.step.constants:STEP_ACTIVITY_PARAMS_DEFAULT",  # from that module
    },
    "simpleflow.constants": {  # numbers of your own
        "MAX_CONTROL_LENGTH": 32_768,
        "MAX_DETAILS_LENGTH": 32_768,
        "MAX_EXECUTION_CONTEXT_LENGTH": 32_768,
        "MAX_INPUT_LENGTH": 32_768,
        "MAX_RESULT_LENGTH": 32_768,
        "MAX_HEARTBEAT_DETAILS_LENGTH": 2_048,
        "MAX_IDENTITY_LENGTH": 256,
        "MAX_LOG_FIELD": 512_000,
        "JUMBO_FIELDS_PREFIX": "simpleflow+s3://",
        "JUMBO_FIELDS_MAX_SIZE": 5 * 2**20,
        "SIMPLEFLOW_ENV": "production",
    },
}
"""By module and name: the value, or ``module:name`` of where it is; ``module:`` for a module."""


def find(module: str, name: str) -> Any:
    """The value of a name that a module of the existing library has. Raises AttributeError."""
    try:
        found = NAMES[module][name]
    except KeyError:
        raise AttributeError(f"module {module!r} has no attribute {name!r}") from None
    if isinstance(found, str) and found.startswith("simpleflow") and ":" in found and "//" not in found:
        path, _, attribute = found.partition(":")
        module_found = importlib.import_module(path)
        return getattr(module_found, attribute) if attribute else module_found
    return found
