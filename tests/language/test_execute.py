"""Programs and functions in other interpreters as activities."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, execute, futures
from simpleflow.exceptions import ExecutionError, ExecutionTimeoutError, InputError, TaskFailed
from simpleflow.local import Executor
from tests.pauses import wait_for
from tests.processes import alive


@activity.with_attributes(raises_on_failure=False)
@execute.program(path="ls")
def ls(*paths: str, **options: Any) -> None: ...


@execute.program()
def printf(form: str, *args: str) -> None: ...


@execute.program(path="sh")
def sh(c: str = execute.RequiredArgument, **more: Any) -> None: ...  # type: ignore[assignment]


@execute.program(path="sh", timeout=0.3)
def slow(c: str) -> None: ...


@execute.program(path="no-such-program")
def missing() -> None: ...


@execute.program(path="env", env={"OWN": "from here"})
def env() -> None: ...


@activity.with_attributes(raises_on_failure=True)
@execute.python(interpreter=sys.executable)
def add(a: int, b: int = 1) -> Any:
    print("adding")
    return {"sum": a + b, "executable": sys.executable}


@execute.python(interpreter=sys.executable)
def divide(a: int, b: int) -> float:
    return a / b


@execute.python(interpreter=sys.executable, env={"PYTHONIOENCODING": "latin-1", "LC_ALL": "C", "PYTHONUTF8": "0"})
def same(value: Any) -> Any:
    return value


@execute.python(interpreter=sys.executable)
def members() -> Any:
    return {"set": {2, 1}}


@execute.python(interpreter=sys.executable)
def leave() -> None:
    os._exit(0)


@activity.with_attributes(raises_on_failure=True)
@execute.python(interpreter=sys.executable)
class Power:
    context: Any

    def __init__(self, base: int, exponent: int = 2) -> None:
        self.result = base**exponent

    def execute(self) -> Any:
        return [self.result, self.context["name"]]

    def post_execute(self) -> None:
        print("after it")


@execute.program(path="echo", argument_format=lambda *given: [1, Path("a"), b"b", *given])  # type: ignore[list-item]
def mixed(*given: Any) -> None: ...


@execute.program(path="echo", argument_format=lambda: None)  # type: ignore[arg-type, return-value]
def wordless() -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((1, "x y"), {}, ["1", "x y"]),
        ((), {"size": 3, "n": 4}, ["--size=3", "-n", "4"]),
        (("p",), {"all": True, "a": True, "off": False, "none": None}, ["--all", "-a", "p"]),
        ((), {"exclude": ["a", "b c"]}, ["--exclude=a", "--exclude=b c"]),
    ],
)
def test_arguments_become_words(args: Any, kwargs: Any, expected: list[str]) -> None:
    assert execute.format_arguments(*args, **kwargs) == expected


def test_the_output_is_the_result() -> None:
    assert printf("%s-%s", "é", "b c") == "é-b c"
    assert "OWN=from here\n" in env()  # type: ignore[func-returns-value]
    assert execute.format_arguments_json(1, a="b") == '{"args":[1],"kwargs":{"a":"b"}}'


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'form'"):
        printf()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="missing a required argument: 'c'"):
        sh()


def test_failures_have_exit_code_and_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(execute.ProgramFailed, match=r"program 'sh' ended with exit code 3: oh no$") as raised:
        sh(c="echo oh no >&2; exit 3")
    assert isinstance(raised.value, ExecutionError)
    assert (raised.value.returncode, raised.value.stderr) == (3, "oh no\n")
    assert capfd.readouterr().err == "oh no\n", "it is passed on"
    with pytest.raises(
        execute.ProgramFailed, match=r"was ended by signal 9 \(if the machine ran out of memory, dmesg "
    ):
        sh(c="kill -9 $$")
    with pytest.raises(execute.ProgramFailed, match="program 'no-such-program' cannot be started: No such file"):
        missing()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a\0b", "embedded null byte; expected arguments that are text without NUL"),
        ("\ud800", "surrogates not allowed; expected arguments that are text"),
        ("x" * 200_000, "Argument list too long; write long arguments to a file"),
    ],
    ids=["NUL", "half a character", "long"],
)
def test_arguments_that_no_program_can_have(given: str, expected: str) -> None:
    with pytest.raises(execute.ProgramFailed, match=f"^program 'printf' cannot be started: .*{expected}"):
        printf("%s", given)


def test_words_of_other_types() -> None:
    assert mixed(2.5) == "1 a b 2.5\n"  # type: ignore[func-returns-value]
    with pytest.raises(InputError, match="argument_format of wordless returned None; expected a list of texts"):
        wordless()


def test_what_a_program_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    script = f"sleep 60 > {tmp_path}/out & echo $! > {tmp_path}/pid; echo warning >&2; echo done"
    assert sh(c=script) == "done\n"  # type: ignore[func-returns-value]
    assert time.monotonic() - began < 5
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not alive(pid))


def test_a_program_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ExecutionTimeoutError, match=r"program 'sh' took more than 0.3 s and was killed"):
        slow(c=f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    assert time.monotonic() - began < 5
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(pid))


def test_in_another_interpreter(capfd: pytest.CaptureFixture[str]) -> None:
    assert add(2, b=5) == {"sum": 7, "executable": sys.executable}
    assert capfd.readouterr().out == "adding\n"
    with pytest.raises(execute.ProgramFailed, match="ZeroDivisionError: division by zero") as raised:
        divide(1, 0)
    assert "return a / b" in raised.value.stderr

    assert same("é\u2028€") == "é\u2028€"
    assert members() == {"set": [1, 2]}
    with pytest.raises(execute.ProgramFailed, match="ended with exit code 0 before leave returned"):
        leave()

    @execute.python()
    def local() -> None: ...

    with pytest.raises(InputError, match="cannot be imported"):
        local()


def test_as_activities(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()

    class Flow(Workflow):
        def run(self) -> Any:
            listed = self.submit(ls, str(tmp_path), all=True)
            failed = self.submit(ls, "/no/such/folder")
            added = self.submit(add, 1)
            futures.wait(listed, failed, added)
            assert isinstance(failed.exception, TaskFailed)
            power = self.submit(Power, 3).result
            return [listed.result.split("\n")[2], failed.exception.reason, added.result["sum"], power]

    file, reason, total, power = Executor(Flow).run()
    assert (file, total, power) == ("a file", 2, [9, f"{__name__}.Power"])
    assert reason.startswith("ProgramFailed: program 'ls' ended with exit code 2: ls: ")
    assert "No such file" in reason
