"""A folder with workflows, in which tests run the console script ``simpleflow``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import nursery
from tests.pauses import pauses
from tests.servers import program
from tests.stamps import unstamped

SIMPLEFLOW = program("simpleflow")
WORKFLOWS = Path(__file__).parent / "workflows"


class Done(NamedTuple):
    """Exit code and output of a command that has ended, without the times before lines."""

    code: int
    out: str
    err: str


class Folder:
    """A folder in which tests run commands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started: list[subprocess.Popen[str]] = []

    def run(self, *args: str, stdin: str = "", **environment: str) -> Done:
        """Run ``simpleflow`` and wait for its end."""
        done = nursery.run(list(args), self.path, {**os.environ, **environment}, stdin)
        return Done(done.code, done.out, unstamped(done.err))

    def start(self, target: str, *args: str, stdin: str = "", **environment: str) -> Done:
        """Run ``simpleflow workflow.start --local`` with two workers and wait for its end."""
        return self.run("workflow.start", "--local", "--nb-workers", "2", target, *args, stdin=stdin, **environment)

    def begin(self, target: str, *args: str) -> subprocess.Popen[str]:
        """Start ``simpleflow workflow.start --local`` with two workers, without waiting."""
        return self.command("workflow.start", "--local", "--nb-workers", "2", target, *args)

    def command(self, *args: str) -> subprocess.Popen[str]:
        """Start a command in a new process group, without waiting."""
        words, environment = [SIMPLEFLOW, *args], dict(os.environ)
        process = nursery.begin(words, self.path, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.started.append(process)
        return process

    @property
    def log(self) -> list[str]:
        """The lines that activities have written to the file ``log``."""
        path = self.path / "log"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Wait until the condition is true."""
        for left in pauses(seconds):
            if condition():
                return
            assert left, f"the condition did not become true; log: {self.log}"

    def worker_pids(self) -> list[int]:
        """The process ids that activities have written to the log."""
        return [int(line.split()[1]) for line in self.log if line.startswith("pid ")]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """A folder with ``flow.py``. Processes that tests started in it are killed at the end."""
    shutil.copy(WORKFLOWS / "flow.py", tmp_path)
    found = Folder(tmp_path)
    yield found
    for process in found.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
