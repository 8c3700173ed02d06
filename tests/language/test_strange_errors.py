"""Errors of every kind fail what raised them, with a text that can be kept."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import InputError, WorkflowException
from simpleflow.local import Executor
from simpleflow.step.submittable import Step
from simpleflow.step.workflow import WorkflowStepMixin


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Own(BaseException):
    pass


ERRORS: dict[str, tuple[Callable[[], BaseException], str]] = {
    "BaseException": (lambda: BaseException("base"), "BaseException"),
    "own": (lambda: Own("own"), "Own"),
    "asyncio": (lambda: asyncio.CancelledError("a"), "CancelledError"),
    "futures": (lambda: concurrent.futures.CancelledError("f"), "CancelledError"),
    "GeneratorExit": (lambda: GeneratorExit("g"), "GeneratorExit"),
    "SystemExit": (lambda: SystemExit(3), "SystemExit"),
    "unprintable": (lambda: Unprintable("u"), "its message cannot be shown"),
    "group": (lambda: BaseExceptionGroup("all", [Own("own"), ValueError("v")]), "BaseExceptionGroup"),
    "file name": (lambda: OSError(2, "No such file", b"caf\xe9.csv".decode("utf-8", "surrogateescape")), r"caf\\udce9"),
    "bytes": (lambda: UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "caf\udce9"), r"\\udce9"),
}
every_error = pytest.mark.parametrize("name", ERRORS)


@activity.with_attributes(name="strange.fail")
def fail(name: str) -> None:
    raise ERRORS[name][0]()


class Raises(Workflow):
    name = "raises"

    def run(self, name: str) -> None:
        raise ERRORS[name][0]()


class Later(Raises):
    name = "later"

    def run(self, name: str) -> None:
        futures.wait(self.submit(self.start_timer("t", 0)))
        raise ERRORS[name][0]()


class InHook(Raises):
    name = "in_hook"

    def run(self, name: str) -> None:
        self.error = name

    def on_completed(self, history: Any) -> None:
        raise ERRORS[self.error][0]()


class InActivity(Workflow, WorkflowStepMixin):
    name = "in_activity"

    def run(self, name: str) -> Any:
        plain, step = self.submit(fail, name), self.submit(Step("s", (fail, name)))
        futures.wait(plain, step)
        return [plain.exception.reason, step.failed]


@every_error
@pytest.mark.parametrize("workflow", [Raises, Later, InHook])
def test_it_fails_the_run(workflow: type[Workflow], name: str, tmp_path: Path) -> None:
    executor = Executor(workflow, state=tmp_path)
    run, failure = executor.execute([name])
    assert run.history.state == "failed"
    assert failure is not None
    reason = executor.history[-1]["workflowExecutionFailedEventAttributes"]["reason"]
    assert ERRORS[name][1].replace("\\\\", "\\") in reason


@every_error
@pytest.mark.parametrize("workers", [None, 1])
def test_it_fails_an_activity_and_a_step(workers: int | None, name: str, tmp_path: Path) -> None:
    executor = Executor(InActivity, state=tmp_path, nb_workers=workers)
    plain, failed = executor.run([name])
    assert failed is True
    expected = ERRORS[name][1].replace("\\\\", "\\")
    assert expected in plain
    assert expected in executor.list_markers()[-1].details["error"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_stop_from_outside_leaves_the_run_open(error: type[BaseException], tmp_path: Path) -> None:
    class Stopped(Workflow):
        name = "stopped"

        def run(self) -> None:
            raise stop

    stop = error()
    stop.stops_process = True  # type: ignore[attr-defined]
    with pytest.raises(error):
        Executor(Stopped, state=tmp_path).run()
    stop = ValueError("again")
    with pytest.raises(ValueError, match="again"):
        Executor(Stopped, state=tmp_path).run()


def test_fail_takes_any_text(tmp_path: Path) -> None:
    class Fails(Workflow):
        def run(self) -> None:
            self.fail("caf\udce9", "details \udce9")

    with pytest.raises(WorkflowException, match="caf"):
        Executor(Fails, state=tmp_path).run()


@pytest.mark.parametrize("what", ["workflow_id", "tag_list"])
def test_names_that_are_not_utf8_are_refused(what: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"workflow_id": "caf\udce9", "tag_list": ["caf\udce9"]}
    with pytest.raises(InputError, match="not UTF-8") as caught:
        Executor(Raises, state=tmp_path, **{what: given[what]}).run(["own"])
    assert "\n" not in str(caught.value)


@activity.with_attributes()
def one() -> int:
    return 1


def deep(kind: Any, levels: int) -> Any:
    found: Any = (one,)
    for _ in range(levels):
        found = kind(found)
    return found


class Deep(Workflow, WorkflowStepMixin):
    name = "deep"
    made: Any = None

    def run(self) -> Any:
        return self.submit(type(self).made()).exception is None


@pytest.mark.parametrize("levels", [50, 400, 3000])
@pytest.mark.parametrize(
    "kind", [Group, Chain, lambda work: Step(f"s{id(work)}", work)], ids=["groups", "chains", "steps"]
)
def test_deep_nesting_works_or_says_so(kind: Any, levels: int, tmp_path: Path) -> None:
    made = deep(kind, levels)
    workflow = type("Deep", (Deep,), {"made": staticmethod(lambda: made)})
    if levels == 50:
        assert Executor(workflow, state=tmp_path).run() is True
    else:
        with pytest.raises(InputError, match="groups, chains and steps are nested too deep"):
            Executor(workflow, state=tmp_path).run()


def test_endless_recursion_of_user_code_is_called_so(tmp_path: Path) -> None:
    class Endless(Workflow):
        name = "endless"

        def run(self) -> None:
            self.run()

    with pytest.raises(RecursionError):
        Executor(Endless, state=tmp_path).run()
