"""Programs as activities: any executable, or a function in another Python interpreter.

    @activity.with_attributes(task_list="media")
    @execute.program(path="ffmpeg")
    def convert(*args, **options): ...

The function is only a description: its parameters say what a call may give, its body is never run. A program runs in
the process group of its worker, so it ends when its activity times out or is cancelled.
"""

from __future__ import annotations

import errno
import functools
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simpleflow import values
from simpleflow.exceptions import ExecutionError, ExecutionTimeoutError, InputError
from simpleflow.shown_text import hint_of_signal

_LAST_SECONDS = 1.0
"""How long standard error is read once the program has ended."""

_Function = Callable[..., Any]

_KEPT_STDERR = 20_000  # characters of the end of standard error, in the details of a failure
_SHOWN_STDERR = 500  # characters of it in the message

RUNNER = """
import importlib, json, sys, traceback
def other(value):
    try:
        from simpleflow.json_values import to_json
    except ImportError:
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
    return to_json(value)
request = json.loads(sys.stdin.buffer.read().decode("utf-8"))
sys.path[:0] = request["path"]
try:
    found = importlib.import_module(request["module"])
    for name in request["name"].split("."):
        found = getattr(found, name)
    found.context = request["context"]
    found = getattr(found, "callable", found)
    found = getattr(found, "__wrapped__", found)
    if isinstance(found, type):
        instance = found(*request["args"], **request["kwargs"])
        instance.context = request["context"]
        result = instance.execute()
        if hasattr(instance, "post_execute"):
            instance.post_execute()
    else:
        found.context = request["context"]
        result = found(*request["args"], **request["kwargs"])
    text = json.dumps({"result": result}, default=other)
except BaseException as error:
    lines = traceback.format_exc()
    text = json.dumps({"error": type(error).__name__, "message": str(error), "traceback": lines})
with open(request["answer"], "w") as stream:
    stream.write(text)
"""
"""The program of the other interpreter. It needs only the module of the function, and the imports of that."""


class RequiredArgument:
    """Default of a keyword parameter that has to be given: ``def convert(path, size=execute.RequiredArgument)``."""


class ProgramFailed(ExecutionError):
    """A program ended badly.

    Attributes:
        command: its words.
        returncode: its exit code; below 0 the number of the signal that ended it; None if it could not be started.
        stderr: the end of its standard error.
    """

    def __init__(self, text: str, command: Sequence[str], returncode: int | None, stderr: str) -> None:
        super().__init__(text, stderr)
        self.command = list(command)
        self.returncode = returncode
        self.stderr = stderr


def format_arguments(*args: Any, **kwargs: Any) -> list[str]:
    """The words of a command line: keyword arguments as options, then positional ones.

    ``size=3`` becomes ``--size=3``, ``n=3`` becomes ``-n 3``; True is an option without a value; False and None leave
    it out; a list or a tuple repeats it.
    """
    words: list[str] = []
    for name, value in kwargs.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is None or each is False:
                continue
            if len(name) == 1:
                words += [f"-{name}"] if each is True else [f"-{name}", str(each)]
            else:
                words.append(f"--{name}" if each is True else f"--{name}={each}")
    return [*words, *map(str, args)]


def format_arguments_json(*args: Any, **kwargs: Any) -> str:
    """The arguments as JSON text ``{"args": [...], "kwargs": {...}}``."""
    return values.encode({"args": args, "kwargs": kwargs}, "arguments")


def program(
    path: str | None = None,
    argument_format: Callable[..., Sequence[str]] = format_arguments,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
) -> Callable[[_Function], _Function]:
    """Make a function run a program; it returns what the program writes to standard output, as text.

    Its standard error is passed on.

    Args:
        path: of the program, or its name on PATH; None: the name of the function.
        argument_format: makes the words of the command line of the arguments.
        timeout: seconds after which the program is killed.
        env: environment variables, beside those of the worker.

    The function raises TypeError for arguments that do not fit its parameters, ProgramFailed if the program cannot be
    started or its exit code is not 0, and ExecutionTimeoutError.
    """

    def decorate(function: _Function) -> _Function:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def execute(*args: Any, **kwargs: Any) -> str:
            _check(signature, args, kwargs)
            words = _words(argument_format(*args, **kwargs), function)
            return _run([path or function.__name__, *words], timeout, env)

        return execute

    return decorate


def python(
    interpreter: str = "python",
    logger_name: str = "simpleflow.execute",
    timeout: float | None = None,
    kill_children: bool = False,
    env: Mapping[str, str] | None = None,
) -> Callable[[_Function], _Function]:
    """Make a function, or a class with a method ``execute``, run in another Python interpreter.

    Arguments and result are JSON. The function stands at the top level of a module that the other interpreter can
    import, with everything that this module imports; ``simpleflow`` among it, if the function is decorated there.

    Args:
        interpreter: path or name of the interpreter.
        logger_name: not used; the output of the function is passed on.
        timeout: seconds after which the interpreter is killed.
        kill_children: not needed: the processes that it has started are always killed with it.
        env: environment variables, beside those of the worker.

    The function raises ProgramFailed if it raises there or the interpreter ends badly, and ExecutionTimeoutError.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def execute(*args: Any, context: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
            if "<locals>" in function.__qualname__ or function.__module__ == "__main__":
                raise InputError(f"{function.__qualname__} cannot be imported: define it at the top level of a module")
            with tempfile.TemporaryDirectory() as folder:
                answer = Path(folder) / "answer"
                request = {
                    "module": function.__module__,
                    "name": function.__qualname__,
                    "args": args,
                    "kwargs": kwargs,
                    "context": context,
                    "path": [os.getcwd(), *filter(None, map(_own_path, [function.__module__]))],
                    "answer": str(answer),
                }
                command = [interpreter, "-c", RUNNER]
                shown = _run(command, timeout, env, values.encode(request, f"arguments of {function.__qualname__}"))
                sys.stdout.write(shown)
                if not answer.exists():
                    text = f"program {interpreter!r} ended with exit code 0 before {function.__qualname__} returned"
                    raise ProgramFailed(text, [interpreter, function.__qualname__], 0, "")
                found = json.loads(answer.read_text())
            if "error" in found:
                text = f"{found['error']}: {found['message']}"
                raise ProgramFailed(text, [interpreter, function.__qualname__], 0, found["traceback"])
            return found["result"]

        execute.add_context_in_kwargs = True  # type: ignore[attr-defined]
        return execute

    return decorate


def _own_path(module: str) -> str | None:
    """The folder from which a module is imported."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return None
    return str(Path(file).resolve().parents[module.count(".") + (Path(file).name == "__init__.py")])


def _check(signature: inspect.Signature, args: Any, kwargs: Any) -> None:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    for name, value in bound.arguments.items():
        if value is RequiredArgument:
            raise TypeError(f"missing a required argument: {name!r}")


def _words(given: Any, function: _Function) -> list[str]:
    """The words of a command line, as an ``argument_format`` has returned them."""
    if isinstance(given, str):
        return [given]
    try:
        return [os.fsdecode(each) if isinstance(each, bytes | os.PathLike) else str(each) for each in given]
    except TypeError:
        name = function.__qualname__
        raise InputError(f"argument_format of {name} returned {given!r}; expected a list of texts") from None


def _run(command: list[str], timeout: float | None, env: Mapping[str, str] | None, given: str = "") -> str:
    """Run a command; returns its standard output. Raises as ``program``."""
    name = command[0]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else {**os.environ, **env},
        )
    except (OSError, ValueError) as error:  # ValueError: an argument that no program can have
        text = f"program {name!r} cannot be started: {_start_failure(error)}"
        raise ProgramFailed(text, command, None, "") from error
    ends: list[str] = []
    assert process.stderr is not None
    reader = threading.Thread(target=_pass_on, args=(process.stderr, ends), daemon=True)
    with process:
        reader.start()
        try:
            output, _ = _communicate(process, given.encode() if given else None, timeout)
        except subprocess.TimeoutExpired:
            _kill(process.pid)
            process.kill()
            raise ExecutionTimeoutError(f"program {name!r} took more than {timeout:g} s and was killed") from None
        except BaseException:
            _kill(process.pid)
            process.kill()
            raise
        reader.join(_LAST_SECONDS)
        if reader.is_alive():  # what the program has left running holds its standard error
            process.stderr = None  # the thread reads on; closing it would wait for the thread
    if process.returncode:
        stderr = "".join(ends)[-_KEPT_STDERR:]
        raise ProgramFailed(_failure(name, process.returncode, stderr), command, process.returncode, stderr)
    return output.decode(errors="replace")


def _start_failure(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return f"{error}; expected arguments that are text without NUL characters"
    if error.errno == errno.E2BIG:
        return f"{error.strerror}; write long arguments to a file, and pass its name"
    return f"{error.strerror}; expected a path, or a name on PATH"


def _communicate(process: subprocess.Popen[bytes], given: bytes | None, timeout: float | None) -> tuple[bytes, None]:
    """As ``Popen.communicate``, without standard error, which a thread reads."""
    stderr, process.stderr = process.stderr, None
    try:
        return process.communicate(given, timeout)[0] or b"", None
    finally:
        process.stderr = stderr


def _pass_on(stream: Any, ends: list[str]) -> None:
    """Write what a program writes to standard error to the own one, and keep the end of it."""
    with stream:
        for line in stream:
            text = line.decode(errors="replace")
            ends.append(text)
            if len(ends) > 1_000:
                del ends[:500]
            sys.stderr.write(text)
            sys.stderr.flush()


def _failure(name: str, code: int, stderr: str) -> str:
    how = f"was ended by signal {-code}{hint_of_signal(code)}" if code < 0 else f"ended with exit code {code}"
    shown = " ".join(stderr.split())
    if len(shown) > _SHOWN_STDERR:
        shown = "..." + shown[-_SHOWN_STDERR:]
    return f"program {name!r} {how}" + (f": {shown}" if shown else "")


def _kill(pid: int) -> None:
    """Kill all processes that a process has started."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        children.setdefault(parent, []).append(int(path.parent.name))
    for child in children.get(pid, ()):
        _kill(child)
        try:
            os.kill(child, signal.SIGKILL)
        except OSError:
            pass
