"""The hooks of a workflow class and when they are called; middlewares."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import ExecutionCanceled, ExecutionTerminated, InputError, TaskFailed
from simpleflow.local import Executor
from simpleflow.task import TaskFailureContext
from tests.language.activities import fail, fail_hard, increment, once, same, third_time, tries
from tests.language.helpers import executor


class Calling(Workflow):
    name = "calling"
    calls: list[Any] = []

    def run(self, how: str = "") -> Any:
        self.submit(increment, 1).result
        if how == "hard":
            self.submit(fail_hard, "no luck").result
        elif how == "raise":
            raise KeyError("gone")
        elif how == "fail":
            self.fail("enough", "details")
        elif how == "wait":
            self.submit(self.wait_signal("never")).result
        return "result"

    def before_replay(self, history: Any) -> None:
        self.calls.append("before")

    def after_replay(self, history: Any) -> None:
        self.calls.append("after")

    def on_completed(self, history: Any) -> None:
        self.calls.append("completed")

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        self.calls.append(("failure", reason, bool(details)))

    def on_canceled(self, history: Any) -> None:
        self.calls.append("canceled")

    def after_closed(self, history: Any) -> None:
        self.calls.append("closed")


@pytest.fixture(autouse=True)
def empty() -> None:
    Calling.calls.clear()
    tries.clear()


def test_hooks_of_a_run_that_completes() -> None:
    assert Executor(Calling).run() == "result"
    assert Calling.calls == ["before", "after", "before", "after", "completed", "closed"]


@pytest.mark.parametrize(
    ("how", "error", "reason", "detailed"),
    [
        (
            "hard",
            TaskFailed,
            'Workflow execution error in tests.language.activities.fail_hard: "ValueError: no luck"',
            True,
        ),
        ("raise", KeyError, "Cannot replay the workflow: KeyError('gone')", True),
        ("fail", Exception, "Workflow execution failed: enough", True),
    ],
)
def test_hooks_of_a_run_that_fails(how: str, error: type[Exception], reason: str, detailed: bool) -> None:
    with pytest.raises(error):
        Executor(Calling).run([how])
    assert Calling.calls[-2:] == [("failure", reason, detailed), "closed"]
    assert "completed" not in Calling.calls
    assert Calling.calls.count("before") == Calling.calls.count("after") + 1


def observed(executor_options: dict[str, Any], act: Any) -> Executor:
    """Return an executor of ``Calling`` that calls ``act(engine)`` after the first activity."""
    engines: list[Any] = []

    class Watching(Executor):
        def _engine(self) -> Any:
            engines.append(super()._engine())
            return engines[0]

    def watch(run: Any, events: Any) -> None:
        if any(event.type == "ActivityTaskCompleted" for event in events):
            act(engines[0])

    return Watching(Calling, workflow_id="w", observer=watch, **executor_options)


def test_hooks_of_a_run_that_is_cancelled() -> None:
    made = observed({}, lambda engine: engine.request_cancel_workflow_execution("w"))
    with pytest.raises(ExecutionCanceled):
        made.run(["wait"])
    assert Calling.calls[-2:] == ["canceled", "closed"]


def test_a_run_that_is_terminated_says_so() -> None:
    made = observed({}, lambda engine: engine.terminate_workflow_execution("w", reason="stop it"))
    with pytest.raises(ExecutionTerminated, match="stop it"):
        made.run(["wait"])


class Deciding(Workflow):
    name = "deciding"
    seen: list[tuple[str, int]] = []

    def run(self, seconds: int = 0) -> Any:
        self.seconds = seconds
        hard, soft = self.submit(fail_hard, "a"), self.submit(Group((same, 1), (fail, "b")))
        return [hard.result, soft.result, str(hard.exception), self.submit(third_time, "k").result]

    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        self.seen.append((failure_context.task_name.rpartition(".")[2], failure_context.retry_count))
        if failure_context.task_error == "ValueError" and failure_context.retry_count < 1:
            return failure_context.decide_retry(self.seconds)
        if failure_context.task_name.endswith("fail_hard"):
            return failure_context.decide_ignore()
        return None


def test_a_workflow_decides_about_failures() -> None:
    Deciding.seen.clear()
    found = Executor(Deciding).run([1])
    assert found == [None, [1, None], "tests.language.activities.fail_hard: ValueError: a", 3]
    for name in ("fail_hard", "fail", "third_time"):
        assert [each for each in Deciding.seen if each[0] == name] == [(name, 0), (name, 1)]
    assert len(Deciding.seen) == 6


@pytest.mark.parametrize("seconds", [-1, "x", 1.5])
def test_a_retry_waits_for_whole_seconds(seconds: Any) -> None:
    with pytest.raises(InputError, match=r"retry_wait_timeout of .*fail_hard is"):
        Executor(Deciding).run([seconds])


def test_middlewares_are_called_around_every_activity() -> None:
    calls: list[Any] = []

    def workflow(self: Workflow) -> Any:
        return self.submit(Group((increment, 1), (fail, "x"))).result

    middlewares = {
        "pre": [lambda context: calls.append(("pre", context["name"].rpartition(".")[2]))],
        "post": [lambda context, result: calls.append(("post", result))],
    }
    assert executor(workflow, middlewares=middlewares).run() == [2, None]
    assert calls == [("pre", "increment"), ("post", 2), ("pre", "fail")]


def test_one_kind_of_middleware_is_enough_and_paths_are_loaded() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(increment, 1).result

    assert executor(workflow, middlewares={"post": ["tests.language.test_hooks.note"]}).run() == 2
    assert tries == [2]
    for wrong in ({"before": []}, {"pre": ["no.such.module"]}, {"pre": ["tests.language.test_hooks.tries"]}):
        with pytest.raises(InputError, match="middleware"):
            executor(workflow, middlewares=wrong)


def note(context: dict[str, Any], result: Any) -> None:
    tries.append(result)


def test_a_middleware_that_raises_fails_the_activity() -> None:
    def refuse(context: dict[str, Any]) -> None:
        raise PermissionError(context["activity_id"])

    def workflow(self: Workflow) -> Any:
        return str(self.submit(increment, 1).exception)

    found = executor(workflow, middlewares={"pre": [refuse]}).run()
    assert (
        found == "tests.language.activities.increment: PermissionError: activity-tests.language.activities.increment-1"
    )


class Hooked(Workflow):
    name = "hooked"
    calls: list[str] = []

    def run(self, fails: bool) -> Any:
        if fails:
            raise ValueError("no")

    def before_replay(self, history: Any) -> None:
        self.calls.append("before_replay")

    def after_replay(self, history: Any) -> None:
        self.calls.append("after_replay")

    def on_completed(self, history: Any) -> None:
        self.calls.append("on_completed")

    def on_failure(self, history: Any, reason: str, details: str | None = None) -> None:
        self.calls.append("on_failure")

    def after_closed(self, history: Any) -> None:
        self.calls.append("after_closed")


def test_hooks_are_called_in_a_local_run_that_succeeds_and_in_one_that_fails() -> None:
    Hooked.calls.clear()
    Executor(Hooked).run([False])
    assert Hooked.calls == ["before_replay", "after_replay", "on_completed", "after_closed"]
    Hooked.calls.clear()
    with pytest.raises(ValueError, match="no"):
        Executor(Hooked).run([True])
    assert Hooked.calls == ["before_replay", "on_failure", "after_closed"]


def test_retries_idempotence_and_failure_decisions_count_in_a_local_run() -> None:
    class Ignoring(Workflow):
        name = "ignoring"

        def run(self) -> Any:
            once_only = [self.submit(once, "x").result for _ in range(2)]
            return [self.submit(third_time, "k").result, once_only, self.submit(strict_failure).result]

        def on_task_failure(self, failure_context: Any) -> Any:
            return failure_context.decide_ignore() if "strict" in failure_context.task_name else None

    assert Executor(Ignoring).run() == [3, [1, 1], None]


@activity.with_attributes(raises_on_failure=True)
def strict_failure() -> None:
    raise ValueError("strict")


def test_middlewares_see_activities_inside_containers_and_one_kind_is_enough() -> None:
    calls: list[Any] = []

    def workflow(self: Workflow) -> Any:
        return self.submit(Group((increment, 1), Chain((increment, 2)))).result

    middlewares = {"post": [lambda context, result: calls.append(result)]}
    assert executor(workflow, middlewares=middlewares).run() == [2, [3]]
    assert calls == [2, 3]
