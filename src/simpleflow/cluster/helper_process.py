"""A helper (see ``helper``), from the side of the Dask worker that has started it."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

from simpleflow.cluster.code import Code, Found
from simpleflow.worker.messages import WorkerEnd


class HelperProcess:
    """A helper, from the side of the Dask worker. Raises OSError if no process can be started."""

    def __init__(self, topic: str, code: Code) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simpleflow.cluster.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.channel = WorkerEnd(self._process.stdout.fileno(), self._process.stdin.fileno())
        self._sending = threading.Lock()
        self.topic = topic  # of the driver that it is for
        self.idle_since = 0.0  # monotonic time
        self.found = Found("", "", error="its helper process has ended")
        try:
            self.send(code)
            self.found = self.channel.receive()
        except (EOFError, OSError):
            pass

    def send(self, message: Any) -> None:
        """Send a message. Raises OSError if the helper has ended."""
        with self._sending:
            self.channel.send(message)

    @property
    def lives(self) -> bool:
        """False if the helper has ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the helper; it kills the processes that it has started."""
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            end.close()
        threading.Thread(target=self._process.wait, daemon=True).start()  # it may wait for its child for seconds
