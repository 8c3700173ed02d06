"""The census with workers on a Dask cluster: a scheduler and two workers on this machine, one of which is killed.

    make demo-cluster

The run goes on: the activities that the worker had begun have failed, are tried again, and the report is the same.
Everything that this starts has ended when it ends, however it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".simpleflow" / "demo-cluster"
KILL_AFTER_LINES = 12  # of the run
LOOPBACK = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--no-dashboard"]


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="simpleflow-demo-") as folder, contextlib.ExitStack() as stack:
        file = Path(folder, "scheduler.json")
        say("a scheduler that listens on this machine alone", "dask scheduler --host 127.0.0.1")
        scheduler = ["distributed.cli.dask_scheduler", *LOOPBACK, "--scheduler-file", str(file)]
        stack.enter_context(started("scheduler", scheduler))
        address = read_address(file)
        say("two workers", f"simpleflow worker.join {address} --task-lists census=1,default=1")
        join = ["simpleflow", "worker.join", address, "--task-lists", "census=1,default=1"]
        workers = [stack.enter_context(started(f"worker-{number}", join)) for number in (1, 2)]
        code = census(address, workers[0])
    left = [line for line in processes() if str(FOLDER) in line or address in line]
    say("cleaned up" if not left else f"still running: {left}")
    print("".join(Path(FOLDER, "census", "report.txt").read_text(encoding="utf-8").splitlines(keepends=True)[:14]))
    return code or len(left)


def census(address: str, worker: subprocess.Popen[bytes]) -> int:
    """Run the census, and kill a worker once it is under way. Returns the exit code of the run."""
    out = FOLDER / "census"
    arguments = ["workflow.start", "--local", "--workers", address, "--state", shown(FOLDER), "-p", f"out={shown(out)}"]
    arguments.append(shown(ROOT / "examples" / "census.py"))
    say("the census", f"simpleflow {shlex.join(arguments)}")
    command = [sys.executable, "-m", "simpleflow", *arguments]
    seen = 0
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, preexec_fn=tied) as run:
        assert run.stderr is not None
        for line in run.stderr:
            sys.stderr.buffer.write(line)
            sys.stderr.flush()
            seen += b"completed" in line
            if seen == KILL_AFTER_LINES:
                seen += 1
                victims = children(worker.pid)
                say(f"kill -9 of the worker process {victims[0]}")
                os.kill(victims[0], signal.SIGKILL)
        return run.wait()


@contextlib.contextmanager
def started(name: str, module: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Python in the background. It is stopped at the end, and killed if this process is."""
    with open(FOLDER / f"{name}.log", "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], env=environment(), stdout=log, stderr=log, preexec_fn=tied
        )
    try:
        yield process
    finally:
        process.terminate()
        timer = threading.Timer(10, process.kill)
        timer.start()
        process.wait()
        timer.cancel()


def environment() -> dict[str, str]:
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    # A task whose worker dies is the run's business: Dask is not to begin it again.
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    }


def read_address(file: Path) -> str:
    """Wait for the scheduler, and read its address from its file."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            address: str = json.loads(file.read_text())["address"]
            return address
        time.sleep(0.05)
    raise SystemExit(f"the scheduler does not start: {(FOLDER / 'scheduler.log').read_text()}")


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes() -> list[str]:
    """The command lines of all processes but this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.parent.name != str(os.getpid()):
                found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found


def tied() -> None:
    """In a new process: end if the demo is killed."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def say(what: str, command: str = "") -> None:
    print(f"\n━━ {what}" + (f"\n$ {command}\n" if command else ""), flush=True)


def shown(path: Path) -> str:
    """The path as it is written from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
