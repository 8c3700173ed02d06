"""A Dask scheduler and workers as processes on loopback, on free ports. They end with the tests, however these end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import distributed

from tests.servers import tied

ROOT = Path(__file__).parents[2]
_PATH = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
_QUICK = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "DASK_DISTRIBUTED__DIAGNOSTICS__NVML": "False",
    "ACTIVITY_SIGTERM_WAIT_SEC": "1",
}


def start(folder: Path, name: str, *args: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start a program of Python in the background; what it prints goes into a log in the folder."""
    path = os.pathsep.join([_PATH, environment.pop("PYTHONPATH", os.environ.get("PYTHONPATH", ""))])
    with open(folder / f"{name}.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, *args],
            cwd=folder,
            env={**os.environ, **_QUICK, "PYTHONPATH": path, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=tied,
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with its group, and wait for its end."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Cluster:
    """A scheduler and its workers.

    Attributes:
        address: of the scheduler.
        scheduler: its process.
        workers: the processes of workers, by name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.port = 0
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.scheduler = self.start_scheduler()

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler; once more at the same address, if there was one."""
        self.file.unlink(missing_ok=True)
        args = ("--host", "127.0.0.1", "--port", str(self.port), "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
        self.scheduler = start(
            self.folder, "scheduler", "-m", "distributed.cli.dask_scheduler", *args, "--scheduler-file", str(self.file)
        )
        end = time.monotonic() + 30
        while True:
            try:
                self.port = int(json.loads(self.file.read_text())["address"].rpartition(":")[2])
                return self.scheduler
            except (OSError, ValueError):
                assert time.monotonic() < end, (self.folder / "scheduler.log").read_text()
                time.sleep(0.05)

    def start_worker(self, name: str, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a Dask worker."""
        options = ("--no-nanny", "--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1")
        command = ("-m", "distributed.cli.dask_worker", self.address, *options, "--name", name, *args)
        self.workers[name] = start(self.folder, name, *command, **environment)
        return self.workers[name]

    def join(self, name: str, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker with ``simpleflow worker.join``."""
        command = ("-m", "simpleflow", "worker.join", self.address, "--name", name, *args)
        self.workers[name] = start(self.folder, name, *command, **environment)
        return self.workers[name]

    def stop(self, name: str, seconds: float = 10) -> int:
        """Stop a worker with SIGTERM; returns its exit code."""
        process = self.workers.pop(name)
        process.terminate()
        try:
            return process.wait(seconds)
        finally:
            kill(process)

    def wait_for_workers(self, count: int, seconds: float = 20) -> None:
        """Wait until the scheduler has so many workers."""
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=seconds)

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self.folder / f"{name}.log").read_text()

    def kill_worker(self, name: str) -> None:
        """Kill a worker at once."""
        kill(self.workers.pop(name))

    def close(self) -> None:
        """End everything, and wait for the processes that these have started. Raises AssertionError if one stays."""
        for process in (*self.workers.values(), self.scheduler):
            kill(process)
        end = time.monotonic() + 8
        while left := self._left():
            assert time.monotonic() < end, f"processes are left: {left}"
            time.sleep(0.02)

    def _left(self) -> list[str]:
        """The processes that run in the folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):
                if Path(os.readlink(path)) == self.folder.resolve():
                    found.append(path.with_name("cmdline").read_text())
        return found


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A scheduler without workers."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Cluster(folder)
    try:
        yield found
    finally:
        found.close()
