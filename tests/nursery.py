"""Commands for tests, forked from a process that has loaded what they need.

Theory of operation
-------------------
Most of the time of a short command goes into starting Python and loading modules. So tests do not start a command anew
but fork it from the *nursery*: a process, one for each process that runs tests, that has imported all of simpleflow and
waits. A forked command is a process of its own. It gets its arguments, folder, environment, standard streams, paths of
modules and warnings as a started one does. At its end, exit handlers run and streams are flushed, but Python does not
take its modules apart, which takes longer than most commands. Other modules and code of tests are forked in the same
way: see ``begin``.

What differs is that modules are loaded already. Tests about loading start a process. So do ``run`` and ``begin``
themselves, where the environment has something that Python reads only when it starts.

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
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import types
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import simpleflow
from tests.servers import program, tied

ROOT = Path(__file__).parents[1]
SIMPLEFLOW = program("simpleflow")
STRICT = [sys.executable, "-W", "error", "-m", "simpleflow"]
"""The command as it is started where each warning is to be an error."""

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
    words = [*(STRICT if as_module else [SIMPLEFLOW]), *args]
    errors = subprocess.STDOUT if merged else subprocess.PIPE
    with begin(words, folder, environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Ended(process.returncode, out, err or "")


def begin(words: list[str], folder: Path, environment: dict[str, str], **streams: Any) -> subprocess.Popen[str]:
    """Start a command in a session of its own, without waiting.

    ``words`` is the console script ``SIMPLEFLOW``, or Python with ``-m MODULE`` or ``-c CODE`` after an optional ``-W
    error``, and arguments. ``streams`` are those of ``subprocess.Popen``, as which the result behaves.
    """
    if _start_of(environment) != _START:
        return subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            encoding="utf-8",
            start_new_session=True,
            preexec_fn=tied,
            **streams,
        )
    return _Process(_request(words, folder, environment), **streams)


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


def _request(words: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What the nursery needs to know of a command."""
    how, name, args, strict = "script", "", words[1:], False
    if words[0] != SIMPLEFLOW:
        strict = words[1:3] == ["-W", "error"]
        how, name, *args = words[3:] if strict else words[1:]
    assert how in ("script", "-m", "-c"), words
    found = {"how": how, "name": name, "args": args, "strict": strict}
    return {**found, "folder": str(folder), "environment": environment}


def _fork(request: dict[str, Any], streams: list[int]) -> socket.socket:
    """Have a command forked with these standard streams; returns where its process id and its exit code arrive."""
    status, reports = socket.socketpair()
    # One message, so that the pieces of two threads cannot mix: the request is in a pipe of its own.
    body, text = os.pipe()
    try:
        socket.send_fds(_nursery(os.getpid())[0], [b"."], [*streams, reports.fileno(), body])
    finally:
        os.close(body)
        reports.close()
    with open(text, "wb") as file:
        file.write(json.dumps(request).encode())
    return status


class _Process(subprocess.Popen[str]):
    """A forked command, with the methods of a started one. The nursery is its parent, and waits for it."""

    def __init__(self, request: dict[str, Any], **streams: Any) -> None:
        self._request = request
        super().__init__([request["name"], *request["args"]], encoding="utf-8", **streams)

    def _execute_child(self, *given: Any) -> None:
        pipes = given[10:16]  # of standard input, output and error, each for the child and for us, as it is read
        streams = [pipes[0], pipes[3], pipes[5]]
        self._status = _fork(self._request, [own if each == -1 else each for own, each in enumerate(streams)])
        self._close_pipe_fds(*pipes)
        self._child_created = True
        text = b""
        while b" " not in text:
            text += self._status.recv(64)
        self.pid, self._ended = int(text.split()[0]), text.split(b" ")[1]

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        if not self._ended:
            self._status.setblocking(not wait_flags)
            try:
                self._ended = self._status.recv(64) or b"-9"  # the nursery has ended, and with it all its commands
            except BlockingIOError:
                return 0, 0
        self._status.close()
        code = int(self._ended)
        return self.pid, code << 8 if code >= 0 else -code

    def _internal_poll(self, *args: Any, **options: Any) -> int | None:
        if self.returncode is None:
            with self._waitpid_lock:
                if self.returncode is None and (found := self._try_wait(os.WNOHANG))[0]:
                    self._handle_exitstatus(found[1])
        return self.returncode


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
                    os.setsid()  # before anybody knows of it, who may send signals to its group
                    os.write(reports, b"%d " % os.getpid())
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
    _end(_code(request))


def _code(request: dict[str, Any]) -> int:
    """Run what is requested; returns its exit code."""
    from simpleflow.cli import main

    try:
        if request["how"] == "-c":
            sys.modules["__main__"] = types.ModuleType("__main__")
            exec(request["name"], sys.modules["__main__"].__dict__)
            return 0
        if request["how"] == "-m" and request["name"] != "simpleflow":
            runpy.run_module(request["name"], run_name="__main__", alter_sys=True)
            return 0
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
    module = os.path.join(os.path.dirname(simpleflow.__file__), "__main__.py")
    script = {"script": SIMPLEFLOW, "-m": module, "-c": "-c"}[request["how"]]
    warnings.resetwarnings()  # some modules have added filters
    warnings.filters[:] = _FILTERS if request["strict"] else _FILTERS[1:]  # type: ignore[index]
    sys.argv[:] = [script, *request["args"]]
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    first = {"script": os.path.dirname(SIMPLEFLOW), "-m": request["folder"], "-c": ""}[request["how"]]
    sys.path[:] = [first, *(each for each in paths if each), *_BASE_PATH]


_BASE_PATH = sys.path[1:]
_FILTERS = list(warnings.filters)  # the first one makes errors of all warnings

if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        _main(given)
