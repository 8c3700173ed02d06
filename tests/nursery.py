"""Commands for tests, forked from a process that has loaded what they need.

Theory of operation
-------------------
Most of the time of a short command goes into starting Python and loading modules. So tests do not start a command anew
but fork it from the *nursery*: a process, one for each process that runs tests, that has imported all of simpleflow and
waits. A forked command is a process of its own. It gets its arguments, folder, environment, standard streams, paths of
modules and warnings as a started one does. At its end, exit handlers run and streams are flushed, but Python does not
take its modules apart, which takes longer than most commands.

What differs is that modules are loaded already. Tests about loading start a process. So does ``run`` itself, where the
environment has something that Python reads only when it starts.

The nursery has one thread. It forks on request, and tells the caller, over a socket that comes with the request, the
process id and later the exit code. When its tests' process ends, it ends too, with all commands that still run.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import random
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import simpleflow
from tests.servers import program, tied

ROOT = Path(__file__).parents[1]
SIMPLEFLOW = program("simpleflow")

_READ_AT_START = ("PYTHON", "LC_", "LANG", "MALLOC", "LD_", "GLIBC", "ACTIVITY_", "SIMPLEFLOW_SETTINGS")
"""How names of environment variables begin that a process reads when it starts or loads modules."""

_OF_BOTO3 = ("boto3", "botocore.httpsession", "botocore.client", "botocore.handlers", "botocore.regions")


class Ended(NamedTuple):
    """How a command has ended: its exit code, and what it has written."""

    code: int
    out: str
    err: str


def run(
    args: list[str],
    folder: Path,
    environment: dict[str, str],
    stdin: str = "",
    seconds: float = 60,
    as_module: bool = False,
    merged: bool = False,
) -> Ended:
    """Run ``simpleflow`` with these arguments, wait for its end, and return how it ended.

    ``as_module``: as ``python -W error -m simpleflow``, instead of as the console script. ``merged``: standard error
    goes into standard output. Raises TimeoutExpired.
    """
    if _start_of(environment) != _START:
        words = [sys.executable, "-W", "error", "-m", "simpleflow"] if as_module else [SIMPLEFLOW]
        done = subprocess.run(
            [*words, *args],
            cwd=folder,
            env=environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            encoding="utf-8",
            timeout=seconds,
        )
        return Ended(done.returncode, done.stdout, done.stderr or "")
    request = {"args": args, "folder": str(folder), "environment": environment, "as_module": as_module}
    return _Command(request, merged).communicate(stdin.encode(), seconds)


def start() -> None:
    """Start the nursery of this process. Call it before ``run`` in threads: it ends with the thread that starts it."""
    _nursery(os.getpid())


def stop() -> None:
    """End the nursery of this process, if there is one, and what it has forked."""
    if _nursery.cache_info().currsize:
        channel, process = _nursery(os.getpid())
        channel.close()
        process.wait()
        _nursery.cache_clear()


def _start_of(environment: dict[str, str]) -> dict[str, str]:
    """The part of an environment that a process reads when it starts."""
    return {
        name: value for name, value in environment.items() if name.startswith(_READ_AT_START) and name != "PYTHONPATH"
    }


_START = _start_of(dict(os.environ))


@functools.cache
def _nursery(owner: int) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The nursery of this process, whose id is ``owner``, and the channel to it."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.nursery", str(theirs.fileno())],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
        preexec_fn=tied,
    )
    theirs.close()
    return ours, process


class _Command:
    """A command that the nursery has forked."""

    def __init__(self, request: dict[str, Any], merged: bool) -> None:
        pipes = [os.pipe() for _ in range(3)]
        self._stdin, self._out, self._err = pipes[0][1], pipes[1][0], pipes[2][0]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        if merged:
            os.dup2(theirs[1], theirs[2])
        self._status, reports = socket.socketpair()
        # One message, so that the pieces of two threads cannot mix: the request is in a pipe of its own.
        body, text = os.pipe()
        try:
            socket.send_fds(_nursery(os.getpid())[0], [b"."], [*theirs, reports.fileno(), body])
        finally:
            for each in (*theirs, body):
                os.close(each)
            reports.close()
        with open(text, "wb") as file:
            file.write(json.dumps(request).encode())

    def communicate(self, stdin: bytes, seconds: float) -> Ended:
        """Send ``stdin``, and wait for the end of the command and of its output."""
        end = time.monotonic() + seconds
        written: dict[int, bytearray] = {self._out: bytearray(), self._err: bytearray()}
        left = memoryview(stdin)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            for each in written:
                selector.register(each, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(0.0, end - time.monotonic()))
                if not ready and time.monotonic() >= end:
                    self._kill(selector)
                    raise subprocess.TimeoutExpired(
                        "simpleflow", seconds, bytes(written[self._out]), bytes(written[self._err])
                    )
                for key, _ in ready:
                    if key.fd != self._stdin:
                        piece = os.read(key.fd, 65536)
                        written[key.fd] += piece
                        done = not piece
                    else:
                        try:
                            left = left[os.write(self._stdin, left[:4096]) :] if left else left
                        except BrokenPipeError:
                            left = left[:0]
                        done = not left
                    if done:
                        selector.unregister(key.fd)
                        os.close(key.fd)
        with self._status, self._status.makefile("r") as file:
            self._status.settimeout(max(0.1, end - time.monotonic()))
            code = int(file.read().split()[1])
        return Ended(code, *(bytes(each).decode().replace("\r\n", "\n") for each in written.values()))

    def _kill(self, selector: selectors.BaseSelector) -> None:
        """Kill the command and what it has started, and close what is open."""
        for key in list(selector.get_map().values()):
            os.close(key.fd)
        with self._status:
            os.killpg(int(self._status.recv(64).split()[0]), signal.SIGKILL)


# In the nursery


def _main(channel: socket.socket) -> None:
    """Fork commands until the process that runs the tests has ended; in a forked command, run it."""
    _load()
    gc.freeze()
    statuses: dict[int, socket.socket] = {}
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(wakes, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj == wakes:
                    os.read(wakes, 4096)
                    continue
                message, given, _, _ = socket.recv_fds(channel, 1, 5)
                if not message:
                    return
                *streams, reports, body = given
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    for each in statuses.values():
                        each.close()
                    for each in (channel.detach(), reports, wakes, wake):
                        os.close(each)
                    with open(body, "rb") as file:
                        request = json.load(file)
                    _become(request, streams)
                    break
                for each in (*streams, body):
                    os.close(each)
                statuses[pid] = socket.socket(fileno=reports)
                statuses[pid].sendall(b"%d " % pid)
            else:
                for pid in list(statuses):
                    if (ended := os.waitpid(pid, os.WNOHANG))[0]:
                        with statuses.pop(pid) as status:
                            try:
                                status.sendall(b"%d" % os.waitstatus_to_exitcode(ended[1]))
                            except OSError:
                                pass  # the test waits no longer
                continue
            break
    _end(_code())


def _code() -> int:
    """Run the command of ``sys.argv``; returns its exit code."""
    from simpleflow.cli import main

    try:
        return main()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def _end(code: int) -> None:
    """End this process as Python does, but for its modules."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = 120
    os._exit(code)


def _load() -> None:
    """Load all that commands need."""
    for module in pkgutil.walk_packages(simpleflow.__path__, "simpleflow."):
        if not module.name.startswith("simpleflow.compat") and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ImportError:
                pass  # it needs an extra that is not installed
    for name in _OF_BOTO3:
        importlib.import_module(name)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    """Make this process what a new one would be."""
    tied(os.getppid())
    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    random.seed()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    script = os.path.join(os.path.dirname(simpleflow.__file__), "__main__.py") if request["as_module"] else SIMPLEFLOW
    warnings.resetwarnings()  # some modules have added filters
    warnings.filters[:] = _FILTERS if request["as_module"] else _FILTERS[1:]  # type: ignore[index]
    sys.argv[:] = [script, *request["args"]]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    first = request["folder"] if request["as_module"] else os.path.dirname(SIMPLEFLOW)
    sys.path[:] = [first, *(each for each in paths if each), *_BASE_PATH]


_BASE_PATH = sys.path[1:]
_FILTERS = list(warnings.filters)  # the first one makes errors of all warnings

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        _main(given)
