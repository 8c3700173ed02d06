"""Retries and time-outs.

    simpleflow workflow.start --local examples/retries.py:Retries

A time-out must be able to stop the activity. So time-outs apply only if activities run in worker processes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(retry=2, raises_on_failure=True)
def flaky(folder: str) -> str:
    """Fails twice. Activities share no memory, only the files that they write."""
    path = Path(folder, "tries")
    tries = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(tries))
    if tries < 3:
        raise ConnectionError("not now")
    return f"it took {tries} tries"


# Four limits, in seconds or None: from start to close, from schedule to start, both together, and between two
# heartbeats. Workers send heartbeats by themselves.
@activity.with_attributes(start_to_close_timeout=1, heartbeat_timeout=30, schedule_to_close_timeout=None)
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "slow, but nobody minded"


@activity.with_attributes(raises_on_failure=True)
def make_folder() -> str:
    return tempfile.mkdtemp(prefix="retries-")


class Retries(Workflow):
    def run(self, seconds: float = 1.3) -> dict[str, Any]:
        steady, late = self.submit(flaky, self.submit(make_folder)), self.submit(slow, seconds)
        futures.wait(steady, late)
        return {"flaky": steady.result, "slow": str(late.exception or late.result)}
