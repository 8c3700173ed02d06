"""One round: the runs of a random workflow, which are started again until they have ended well."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.campaign import ROOT
from tests.crash.faults.program import ERROR

LONGEST = 60
"""Seconds after which a process counts as hanging, once no fault strikes any more."""

STOPPED = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143)


class Death(NamedTuple):
    """A process of a run ended, and another one goes on with the run."""

    pid: int
    at: float  # monotonic seconds
    id: str  # workflow id
    generation: int


class World:
    """The folder, processes and faults of a round.

    Args:
        folder: of the round.
        seed: of everything that is random.
        marks: ``state``, ``folder`` or ``s3``.
        bucket: bucket string of the marks; empty for those in the state folder.
        environment: variables for the runs.
        proxy: between the runs and S3, if marks are there.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        marks: str,
        bucket: str,
        environment: dict[str, str],
        proxy: Any = None,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.marks = marks
        self.bucket = bucket
        self.proxy = proxy
        self.chance = random.Random(f"world {seed}")
        self.tag = f"{os.getpid()}-{seed}"
        self.environment = {
            **os.environ,
            **environment,
            "FAULTS_BUCKET": bucket,
            "FAULTS_ROUND": self.tag,
            "SIMPLEFLOW_STEP_CLAIMS": "1",
            "SIMPLEFLOW_STEP_RETRY_SECONDS": "5",
            "ACTIVITY_SIGTERM_WAIT_SEC": "1",
        }
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.faults: list[tuple[str, float, float]] = []  # kind, begin and end in monotonic seconds
        self.deaths: list[Death] = []
        self.wrong: list[str] = []
        self.tally: Counter[str] = Counter()
        self.calm = threading.Event()  # no fault strikes any more

    @property
    def disk(self) -> Path:
        """Where the state and the marks are."""
        return self.folder / "disk"

    def lines(self) -> list[dict[str, Any]]:
        """The log."""
        path = self.folder / "log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def owner(self) -> int | None:
        """The process id of a run that is under way."""
        found = [each.pid for each in self.processes.values() if each.poll() is None]
        return self.chance.choice(found) if found else None

    def children(self, owner: int) -> tuple[list[int], int | None]:
        """The workers of a run, and its guard."""
        try:
            text = Path(f"/proc/{owner}/task/{owner}/children").read_text()
        except OSError:
            return [], None
        workers, guard = [], None
        for pid in map(int, text.split()):
            try:
                if os.getsid(pid) == pid:
                    guard = pid
                else:
                    workers.append(pid)
            except ProcessLookupError:
                continue
        return workers, guard

    def helpers(self) -> list[int]:
        """The processes that workers have started."""
        found = []
        for owner in [each.pid for each in self.processes.values()]:
            for worker in self.children(owner)[0]:
                try:
                    found += map(int, Path(f"/proc/{worker}/task/{worker}/children").read_text().split())
                except OSError:
                    continue
        return found

    @contextmanager
    def struck(self, kind: str) -> Iterator[None]:
        """A block in which a fault strikes."""
        begun = time.monotonic()
        self.tally[kind] += 1
        self.faults.append((kind, begun, float("inf")))
        yield
        self.faults[-1] = (kind, begun, time.monotonic())

    def drive(self, workflow_id: str, generation: int) -> None:
        """Start the run until it has ended well."""
        calm_since: float | None = None
        text = [""]
        while True:
            process = self._start(workflow_id, generation)
            self.processes[workflow_id] = process
            while process.poll() is None:
                time.sleep(0.02)
                if self.calm.is_set() and calm_since is None:
                    calm_since = time.monotonic()
                if calm_since is not None and time.monotonic() > calm_since + LONGEST:
                    self.wrong.append(f"{workflow_id}, generation {generation}: hangs; last error: {text[0]}")
                    process.kill()
                    process.communicate()
                    return
            _, err = process.communicate()
            if process.returncode == 0:
                return
            self.deaths.append(Death(process.pid, time.monotonic(), workflow_id, generation))
            text = err.strip().splitlines()[-1:] or [""]
            if process.returncode in STOPPED:
                self.tally["stopped runs"] += 1
            elif process.returncode == ERROR and self._explains(text[0]):
                self.tally["runs that ended with an error"] += 1
                time.sleep(0.1)
            else:
                self.wrong.append(f"{workflow_id}, generation {generation}: exit {process.returncode}: {err[-1500:]}")
                return

    def _start(self, workflow_id: str, generation: int) -> subprocess.Popen[str]:
        arguments = map(str, (self.folder, workflow_id, self.seed, generation))
        return subprocess.Popen(
            [sys.executable, "-m", "tests.crash.faults.program", *arguments],
            cwd=ROOT,
            env={**self.environment, "FAULTS_ID": workflow_id},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _explains(self, text: str) -> bool:
        """True if a fault explains this error: a store or a disk that fails, workers that died again and again."""
        kinds = {kind for kind, begun, _ in self.faults if begun}
        if text.startswith(("StoreError", "StateError")):
            return bool(kinds & {"outage", "full disk"}) or not self.calm.is_set()
        lists = "cannot list the done marks" in text or "GetStepsDoneTask" in text  # a run may end where it begins
        return "WorkerDied" in text or "No space left" in text or (lists and "outage" in kinds)

    def left(self) -> list[str]:
        """The processes of this round that are still there."""
        found = []
        for each in Path("/proc").iterdir():
            try:
                if each.name.isdigit() and f"FAULTS_ROUND={self.tag}".encode() in (each / "environ").read_bytes():
                    found.append(f"{each.name} {(each / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()[:80]}")
            except OSError:
                continue
        return found
