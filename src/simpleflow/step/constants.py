"""Names and defaults of steps."""

from __future__ import annotations

from typing import Any

from simpleflow.constants import HOUR, MINUTE, STEP_MARKER

STEP_ACTIVITY_PARAMS_DEFAULT: dict[str, Any] = {
    "schedule_to_start_timeout": 4 * HOUR,
    "start_to_close_timeout": 1 * MINUTE,
    "schedule_to_close_timeout": 4 * HOUR + 1 * MINUTE,
    "heartbeat_timeout": 3 * MINUTE,
    "task_priority": 100,
    "version": "1.0",
    "idempotent": True,
    "raises_on_failure": True,
    "retry": 1,
}
"""Parameters of the activities that read and write the done marks; ``get_step_activity_params`` overrides them."""

MARKER_NAME = STEP_MARKER
ABOUT_MARKS = "simpleflow.step."
"""The beginning of the names of activities that read or write marks or claims."""

SIGNAL_PREFIX = "step."

SCHEDULED = "scheduled"
COMPLETED = "completed"
SKIPPED = "skipped"
FAILED = "failed"
REFUSED = "refused"  # not a status of markers: the verdict of a step that fails without running

WAITING = "waiting"  # for another run that holds the step

# Reasons. These texts are recorded in histories: they must not change.
ALREADY_PLAYED = "Step was already played"
INPUTS_CHANGED = "Inputs changed"
ARGUMENTS_CHANGED = "Arguments changed"
CODE_CHANGED = "Code changed"
OUTPUT_MISSING = "Output is missing: "
PART_MISSING = "Not done inside: "
NOT_AMONG_ONLY = "Not among --only"
REVOKED = "Another run has taken it over, or plays what it depends on"
DONE_ELSEWHERE = "Another run has done it meanwhile"
DEPENDENT_OF = "Dep of "

# Keys of what has changed about a done step, in its marker ``skipped``.
ARGUMENTS = "arguments"
CODE = "code"
FILE = "file"
