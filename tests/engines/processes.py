"""Engines in other processes, which tests control line by line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Other:
    """A Python process that evaluates the expressions that ``ask`` sends it, and returns their values as text."""

    def __init__(self, setup: str) -> None:
        loop = "import sys\nfor line in sys.stdin:\n try: print(eval(line), flush=True)\n"
        loop += " except Exception as error: print(type(error).__name__ + ': ' + str(error), flush=True)\n"
        command = [sys.executable, "-c", f"{setup}\n{loop}"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True)

    def ask(self, expression: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def other(folder: Path, setup: str = "") -> Iterator[Other]:
    """A process with a SqliteEngine called ``engine`` on that folder."""
    imports = (
        "from simpleflow.engines.sqlite.engine import SqliteEngine\nfrom simpleflow.engines.base import StartRequest"
    )
    process = Other(f"{imports}\nengine = SqliteEngine({str(folder)!r})\n{setup}")
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def script(code: str, *arguments: str) -> Iterator[Other]:
    """A process that runs a script; ``answer`` returns the next line that it prints."""
    process = Other.__new__(Other)
    command = [sys.executable, "-c", code, *arguments]
    process.process = subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True)
    try:
        yield process
    finally:
        process.kill()
