"""When the run of this process is expected to end: estimated in a separate process, beside the run.

The estimate evaluates the workflow's ``run`` many times, which takes a second or more. So it is made only if the last
run of the workflow id took long, by a process with the lowest priority that reads the state folder and writes one small
file into it (``state_folder.expected``). The live view, the page and ``workflow.info`` read that file. If the process
fails, nothing is shown.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from simpleflow import settings
from simpleflow.state_folder import expected

if TYPE_CHECKING:
    import subprocess

_LOOK_SECONDS = 1.0  # between two looks for the file
_LOWEST_PRIORITY = 19


class ExpectedEnd:
    """When a run is expected to end.

    Args:
        state: the state folder.
        request: the start request of the run, as ``main`` takes it, without ``run_id`` and ``state``.
    """

    def __init__(self, state: str, request: dict[str, Any]) -> None:
        self._state = state
        self._request = request
        self._run_id = ""
        self._began = 0.0
        self._end: float | None = None
        self._looked = 0.0  # monotonic time
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, run_id: str, began: float) -> None:
        """The run has begun, at that time in epoch seconds, or goes on."""
        self._run_id, self._began = run_id, began
        if not expected.is_long(self._state, self._request["workflow_id"]):
            return
        import subprocess  # slow to load, and most runs are short

        request = json.dumps(self._request | {"run_id": run_id, "state": self._state})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "simpleflow.cli.expected_end", request],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            self._process = None

    def at(self) -> float | None:
        """When the run is expected to end, in epoch seconds; None if that is not known."""
        if self._process is not None and self._end is None and time.monotonic() >= self._looked + _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._end = expected.read(self._state, self._run_id)
        return self._end

    def close(self, completed: bool) -> None:
        """The run has ended, or this process no longer drives it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            expected.forget(self._state, self._run_id)
        if completed and self._run_id:
            workflow_id = self._request["workflow_id"]
            expected.remember(self._state, workflow_id, time.time() - self._began >= settings.SIMPLEFLOW_ESTIMATE_FROM)


def main(text: str) -> None:
    """Estimate the end of a run, and write it into the state folder.

    ``text``: a JSON object with ``workflow``, ``input``, ``workflow_id``, ``state``, ``steering``, ``workers`` and
    ``run_id``.
    """
    began = time.time()
    os.nice(_LOWEST_PRIORITY)
    from simpleflow.cli.load_workflow import load_workflow
    from simpleflow.cli.run_query import RunLocation
    from simpleflow.cli.step_query import StepQuery
    from simpleflow.runs.run_start import default_bucket
    from simpleflow.steering import place

    request = json.loads(text)
    state, given, workflow_id = request["state"], request["input"], request["workflow_id"]
    workflow_class = load_workflow(request["workflow"])
    bucket = default_bucket(state)
    marks = place.find(workflow_class, input=given, workflow_id=workflow_id, default_bucket=bucket)
    query = StepQuery(workflow_class, given, marks, RunLocation(None, state), bucket)
    found = query.estimate(request["steering"], assume_last=True, workers=request["workers"], quantiles=(0.5,))
    if found.complete and not found.unknown:
        expected.write(state, request["run_id"], began + found.quantiles[0.5])


if __name__ == "__main__":
    main(sys.argv[1])
