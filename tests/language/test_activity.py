"""Activities: decorating, calling, submitting, failing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.activity import PRIORITY_NOT_SET, Activity
from simpleflow.exceptions import InputError, TaskFailed
from tests.language import activities as a
from tests.language.helpers import executor, run


def test_a_decorated_function_is_an_activity_with_the_documented_defaults() -> None:
    assert isinstance(a.increment, Activity)
    assert a.increment.name == "tests.language.activities.increment"
    assert (a.increment.version, a.increment.task_list) == ("default", "default")
    assert (a.increment.retry, a.increment.raises_on_failure, a.increment.idempotent) == (0, False, None)
    assert a.increment.task_priority is PRIORITY_NOT_SET
    assert a.increment.task_start_to_close_timeout == a.increment.task_schedule_to_close_timeout == "NONE"
    assert a.increment.task_schedule_to_start_timeout == "NONE"
    assert a.increment.task_heartbeat_timeout == "300"
    assert a.increment.__doc__ == "Add one."
    assert (a.Multiply.version, a.Multiply.task_list, a.Multiply.meta) == ("2", "quick", {"a": 1})


def test_attributes_may_be_given_by_position() -> None:
    made = activity.with_attributes("a.name", "3", "list", 7, 2, True, 1, "2", None, "NONE", True, {"m": 1})(
        a._with_context
    )
    assert (made.name, made.version, made.task_list, made.task_priority, made.retry) == ("a.name", "3", "list", 7, 2)
    assert (made.raises_on_failure, made.idempotent, made.meta) == (True, True, {"m": 1})
    assert made.task_start_to_close_timeout == "1"
    assert made.task_schedule_to_close_timeout == "2"
    assert made.task_schedule_to_start_timeout == made.task_heartbeat_timeout == "NONE"


def test_an_activity_can_be_called_like_its_function() -> None:
    a.tries.clear()
    assert a.increment(1) == 2
    assert a.Multiply(3, by=4) == 12
    assert a.tries == [("post", 3)]
    with pytest.raises(ValueError, match="text"):
        a.fail("text")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_to_close_timeout": -1}, r"start_to_close_timeout of .*increment is -1; expected whole seconds"),
        ({"heartbeat_timeout": "soon"}, "heartbeat_timeout of .* is 'soon'"),
        ({"schedule_to_close_timeout": 1.5}, "schedule_to_close_timeout of .* is 1.5"),
        ({"schedule_to_start_timeout": True}, "schedule_to_start_timeout of .* is True"),
        ({"heartbeat_timeout": 10**30}, r"heartbeat_timeout of .*increment is 10+; expected whole seconds \(at most"),
        ({"heartbeat_timeout": 10**5_000}, r"heartbeat_timeout of .*increment is an int of too many digits; expected"),
        ({"task_priority": 10**5_000}, r"task_priority of .*increment is an int of too many digits; expected a whole"),
        ({"retry": -1}, "retry of activity .* is -1"),
        ({"retry": "3"}, "retry of activity .* is '3'"),
        ({"task_priority": "high"}, "task_priority of .* is 'high'"),
        ({"name": 12}, "activity name 12 is an int; expected text"),
        ({"name": ""}, "activity name is empty"),
    ],
)
def test_invalid_attributes_are_refused_by_the_decorator(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        activity.with_attributes(**options)(a.increment.callable)


def test_an_unknown_attribute_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="timeout"):
        activity.with_attributes(timeout=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("thing", [None, "text", 12, [1], int])
def test_only_functions_and_classes_with_execute_are_decorated(thing: Any) -> None:
    with pytest.raises(InputError, match="an activity is made of a function or a class"):
        activity.with_attributes()(thing)


def test_functions_and_classes_run() -> None:
    def workflow(self: Workflow) -> Any:
        return [self.submit(each, 3).result for each in (a.increment, a.Multiply)] + [
            self.submit(a.Multiply, 3, by=5).result
        ]

    a.tries.clear()
    assert run(workflow) == [4, 6, 15]
    assert a.tries == [("post", 3), ("post", 3)]


def test_a_failure_afterwards_is_a_failure() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(a.FailsAfterwards).exception.reason  # type: ignore[union-attr]

    assert run(workflow) == "RuntimeError: afterwards"


def test_the_context_reaches_functions_classes_and_keyword_takers() -> None:
    def workflow(self: Workflow) -> Any:
        return [self.submit(a.where).result, self.submit(a.Contextual).result, self.submit(a.with_context, 3).result]

    made = executor(workflow, workflow_id="w-1", tag_list=["t"])
    context, activity_id, keyword = made.run()
    assert context == {
        "name": "tests.language.activities.where",
        "version": "default",
        "domain_name": None,
        "workflow_id": "w-1",
        "run_id": made.run_id,
        "activity_id": "activity-tests.language.activities.where-1",
        "activity_task_list": "default",
        "input": {"args": [], "kwargs": {}},
        "tag_list": ["t"],
    }
    assert activity_id == "activity-tests.language.activities.Contextual-1"
    assert keyword == [3, "w-1"]
    assert a.where.context is None


def test_details_of_a_failure_name_the_error_and_where_it_was() -> None:
    def workflow(self: Workflow) -> Any:
        return json.loads(self.submit(a.fail, "no luck").exception.details)  # type: ignore[union-attr]

    details = run(workflow)
    assert (details["error"], details["error_type"], details["message"]) == (
        "ValueError",
        "builtins.ValueError",
        "no luck",
    )
    assert "raise ValueError(text)" in "".join(details["traceback"])


def test_a_long_reason_is_cut_and_the_message_kept() -> None:
    def workflow(self: Workflow) -> Any:
        error = self.submit(a.fail, "long " * 200).exception
        assert isinstance(error, TaskFailed)
        return [len(error.reason or ""), len(json.loads(error.details or "")["message"])]

    assert run(workflow) == [256, 1000]


def test_an_activity_that_exits_fails_and_nothing_else() -> None:
    def workflow(self: Workflow) -> Any:
        return str(self.submit(a.leave, 3).exception)

    assert run(workflow) == "tests.language.activities.leave: SystemExit: 3"


def test_a_hard_failure_is_raised_out_of_the_run() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(a.fail_hard, "no luck").result

    with pytest.raises(TaskFailed, match="fail_hard: ValueError: no luck"):
        run(workflow)


def test_wrong_arguments_are_a_failure_of_the_activity() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(a.increment, 1, 2, y=3).exception.reason  # type: ignore[union-attr]

    assert run(workflow).startswith("TypeError: increment() got an unexpected keyword argument 'y'")


def test_idempotent_activities_run_once_for_equal_arguments() -> None:
    def workflow(self: Workflow) -> Any:
        return [self.submit(a.once, value).result for value in ("x", {"b": 1, "a": 2}, "x", {"a": 2, "b": 1})]

    a.tries.clear()
    assert run(workflow) == [1, 2, 1, 2]


def test_retries_are_made() -> None:
    def workflow(self: Workflow) -> Any:
        return self.submit(a.third_time, "k").result

    a.tries.clear()
    assert run(workflow) == 3
