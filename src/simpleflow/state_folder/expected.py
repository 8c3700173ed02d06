"""When runs are expected to end: small files in a state folder, ``expected/RUN_ID.json``.

The process that drives a run writes and removes the file; commands and pages that show the run read it.
``expected/long.WORKFLOW_ID`` says that runs of a workflow id take long enough for an estimate to be worth its price.
"""

from __future__ import annotations

import json
import math
import os

from simpleflow.state_folder.logs import file_name
from simpleflow.state_folder.whole_files import write_whole

FOLDER = "expected"
"""Name of the folder in the state folder."""

_LONG = "long."


def write(state: str, run_id: str, end: float) -> None:
    """Keep when a run is expected to end, in epoch seconds. Raises OSError."""
    path = _path(state, run_id)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    write_whole(path, json.dumps({"end": end}).encode())


def read(state: str, run_id: str) -> float | None:
    """Return when a run is expected to end, in epoch seconds; None if nothing is known about that."""
    try:
        with open(_path(state, run_id), encoding="utf-8") as file:
            end = json.load(file)["end"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return float(end) if isinstance(end, int | float) and math.isfinite(end) else None


def forget(state: str, run_id: str) -> None:
    """Remove the file of a run that has ended. A file that cannot be removed stays: it is not read again."""
    try:
        os.unlink(_path(state, run_id))
    except OSError:
        pass


def is_long(state: str, workflow_id: str) -> bool:
    """True if the last run of a workflow id took long."""
    return os.path.exists(os.path.join(state, FOLDER, _LONG + file_name(workflow_id)))


def remember(state: str, workflow_id: str, long: bool) -> None:
    """Keep whether a run took long. Errors are ignored."""
    path = os.path.join(state, FOLDER, _LONG + file_name(workflow_id))
    try:
        if long:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            with open(path, "w", encoding="utf-8"):
                pass
        else:
            os.unlink(path)
    except OSError:
        pass


def _path(state: str, run_id: str) -> str:
    return os.path.join(state, FOLDER, f"{file_name(run_id)}.json")
