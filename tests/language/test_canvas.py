"""Groups, chains and func groups."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import WaitForSignal, Workflow
from simpleflow.canvas import Chain, FuncGroup, Group, GroupFuture
from simpleflow.exceptions import AggregateException, InputError, NotSubmittable, TaskFailed
from simpleflow.futures import Future
from simpleflow.task import ActivityTask, ChildWorkflowTask, MarkerTask, TimerTask
from tests.language.activities import fail, fail_hard, give, increment, same, total
from tests.language.helpers import run


class Doubling(Workflow):
    name = "doubling"

    def run(self, x: int) -> int:
        return 2 * x


def result_of(*containers: Any) -> Any:
    """Return the results of these containers, submitted by a workflow."""

    def workflow(self: Workflow) -> Any:
        return [self.submit(each).result for each in containers]

    found = run(workflow)
    return found[0] if len(containers) == 1 else found


def end_of(container: Any) -> list[Any]:
    """Return state, result, and type of exception of a container that a workflow submits."""

    def workflow(self: Workflow) -> Any:
        future = self.submit(container)
        return [future.result, future.state, type(future.exception).__name__]

    return run(workflow)  # type: ignore[no-any-return]


def test_members_may_be_anything_that_can_be_submitted() -> None:
    def workflow(self: Workflow) -> Any:
        group = Group(
            same,
            (increment, 1),
            ActivityTask(total, 1, 2),
            Doubling_with(2),
            (Doubling, 3),
            Group((increment, 1)),
            Chain((increment, 1)),
            FuncGroup(lambda: Group()),
            MarkerTask("m", 1),
            TimerTask("t", 0),
            self.signal("s", 1),
            self.wait_signal("s"),
            WaitForSignal("s"),
        )
        return self.submit(group).result

    signal = {"args": [1], "kwargs": {}, "__propagate": True}
    assert run(workflow) == [None, 2, 3, 4, 6, [2], [2], [], "1", None, signal, signal, signal]


def Doubling_with(x: int) -> ChildWorkflowTask:
    return ChildWorkflowTask(Doubling, x)


def test_append_extend_and_add() -> None:
    group = Group((increment, 1))
    group.append(increment, 2)
    group.append(give, 3, key=4)
    group.append(ActivityTask(increment, 5))
    group.extend([(increment, 6), same])
    group += [(increment, 7)]
    group.append(Doubling, 8)
    assert result_of(group) == [2, 3, [[3], {"key": 4}], 6, 7, None, 8, 16]


def test_empty_containers_are_finished() -> None:
    assert [end_of(each) for each in (Group(), Chain(), Group(Group(), Chain()))] == [
        [[], "FINISHED", "NoneType"],
        [[], "FINISHED", "NoneType"],
        [[[], []], "FINISHED", "NoneType"],
    ]


def test_a_group_goes_on_when_members_fail_and_says_which_did() -> None:
    def workflow(self: Workflow) -> Any:
        future = self.submit(Group((increment, 1), (fail, "a"), Group((fail, "b"), same)))
        error = future.exception
        assert isinstance(error, AggregateException)
        assert error.exceptions[0] is None
        assert isinstance(error.exceptions[1], TaskFailed)
        return [future.result, [str(each) for each in error.flatten().exceptions]]

    name = "tests.language.activities.fail: ValueError"
    assert run(workflow) == [[2, None, [None, None]], [f"{name}: a", f"{name}: b"]]


def test_a_group_that_does_not_bubble_has_no_exception() -> None:
    assert end_of(Group(fail, bubbles_exception_on_failure=False)) == [[None], "FINISHED", "NoneType"]
    assert end_of(Group(fail)) == [[None], "FINISHED", "AggregateException"]
    assert end_of(Group(fail, raises_on_failure=False)) == [[None], "FINISHED", "AggregateException"]


def test_a_chain_stops_at_a_failure() -> None:
    assert end_of(Chain(same, fail, same)) == [[None, None], "FINISHED", "AggregateException"]
    assert end_of(Chain(same, fail, same, break_on_failure=False)) == [
        [None, None, None],
        "FINISHED",
        "AggregateException",
    ]
    assert end_of(Chain(same, fail, same, raises_on_failure=False)) == [[None, None], "FINISHED", "NoneType"]
    loud = Chain(same, fail_hard, raises_on_failure=False, bubbles_exception_on_failure=True)
    assert end_of(loud) == [[None, None], "FINISHED", "AggregateException"]


def test_an_optional_chain_does_not_stop_the_chain_around_it() -> None:
    optional = Chain((fail_hard, "x"), (same, "never"), raises_on_failure=False)
    assert result_of(Chain(optional, (same, "after"))) == [[None], "after"]


def test_raises_on_failure_reaches_every_member() -> None:
    with pytest.raises(TaskFailed):
        result_of(Group(Chain(FuncGroup(lambda: Group(fail))), raises_on_failure=True))
    assert end_of(Group(Chain(fail_hard), raises_on_failure=False))[2] == "AggregateException"


def test_a_chain_sends_results_on() -> None:
    assert result_of(
        Chain((increment, 1), increment, (total, 10), send_result=True),
        Chain((same, 1), (give, "x"), (give, "y"), send_result=True),
        Chain((increment, 1), (Doubling,), Group((total, 1), (total, 2)), send_result=True),
    ) == [[2, 3, 13], [1, [["x", 1], {}], [["y", [["x", 1], {}]], {}]], [2, 4, [5, 6]]]


def test_send_result_passes_over_members_without_arguments() -> None:
    def workflow(self: Workflow) -> Any:
        chain = Chain(
            (same, 1),
            self.start_timer("t", 0),
            self.signal("s"),
            self.wait_signal("s"),
            self.record_marker("m"),
            Chain((give,), (give,)),
            FuncGroup(lambda value: (give, value)),
            send_result=True,
        )
        return [each for each in self.submit(chain).result if not isinstance(each, dict)]

    assert run(workflow) == [1, None, None, [[[None], {}], [[], {}]], [[[[[None], {}], [[], {}]]], {}]]


def test_a_func_group_makes_its_content_when_its_turn_comes() -> None:
    made: list[int] = []

    def make(n: int, step: int = 1) -> Group:
        made.append(n)
        return Group(*((increment, i) for i in range(0, n, step)))

    def workflow(self: Workflow) -> Any:
        group = FuncGroup(make, 4, step=2)
        assert made == []
        return self.submit(Chain((same, "first"), group)).result

    assert run(workflow) == ["first", [1, 3]]
    assert set(made) == {4}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Group((increment, 1)), [2]),
        (Chain((increment, 1)), [2]),
        (ActivityTask(increment, 1), 2),
        ((increment, 1), 2),
        (same, None),
        (FuncGroup(lambda: (increment, 1)), 2),
        ((Doubling, 4), 8),
        (MarkerTask("m"), None),
    ],
)
def test_a_func_group_may_return_anything_that_a_group_may_hold(made: Any, expected: Any) -> None:
    assert result_of(FuncGroup(lambda: made)) == expected


def test_a_func_group_may_return_nothing_if_allowed() -> None:
    nothing = FuncGroup(lambda: None, _allow_none=True)
    assert result_of(Chain((same, 1), nothing, (same, 2))) == [1, None, 2]
    with pytest.raises(NotSubmittable, match="the value that <lambda> returned to a FuncGroup should be a Submittable"):
        result_of(FuncGroup(lambda: None))


def test_a_func_group_that_raises_fails_the_run() -> None:
    def make() -> Any:
        raise LookupError("nothing to do")

    with pytest.raises(LookupError, match="nothing to do"):
        result_of(Chain(same, FuncGroup(make)))


def test_raises_on_failure_of_a_func_group_reaches_its_members() -> None:
    with pytest.raises(TaskFailed):
        result_of(FuncGroup(lambda: Group(fail), raises_on_failure=True))
    assert end_of(FuncGroup(lambda: Chain(fail_hard), raises_on_failure=False))[2] == "AggregateException"


def test_max_parallel_keeps_the_order_of_results() -> None:
    assert result_of(Group(*((increment, i) for i in range(5)), max_parallel=2)) == [1, 2, 3, 4, 5]
    assert result_of(Group((fail,), (increment, 1), max_parallel=1)) == [None, 2]


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_max_parallel_is_a_number_of_members(value: Any) -> None:
    with pytest.raises(InputError, match="max_parallel of a group is"):
        Group(max_parallel=value)


def test_send_result_needs_a_result_to_send() -> None:
    with pytest.raises(ValueError, match="break_on_failure=False"):
        Chain(send_result=True, break_on_failure=False)


@pytest.mark.parametrize("kind", [Group, Chain])
def test_unknown_options_are_type_errors(kind: Any) -> None:
    with pytest.raises(TypeError, match="max_paralel"):
        kind(max_paralel=3)
    with pytest.raises(TypeError):
        Group(send_result=True)  # type: ignore[call-arg]


@pytest.mark.parametrize("thing", [None, "text", 12, [increment], [], (), {}, int, object()])
@pytest.mark.parametrize("kind", [Group, Chain])
def test_members_that_cannot_be_submitted_are_refused_at_once(kind: Any, thing: Any) -> None:
    message = f"member 1 of a {kind.__name__.lower()} should be a Submittable, Group, or Activity, not "
    with pytest.raises(NotSubmittable, match=message) as caught:
        kind(same, thing)
    assert isinstance(caught.value, TypeError)


def test_a_plain_function_is_refused_with_a_hint() -> None:
    def plain() -> None: ...

    for make in (lambda: Group(plain), lambda: Chain((plain, 1)), lambda: Group().append(plain, 1)):
        with pytest.raises(NotSubmittable, match=r"decorate the function with @activity.with_attributes\(\)"):
            make()


def test_arguments_come_with_activities_and_workflow_classes_only() -> None:
    for thing in (Group(), ActivityTask(same), (same, 1)):
        with pytest.raises(InputError, match="arguments can be given with an activity or a workflow class only"):
            Group().append(thing, 1)


def test_a_func_group_is_made_of_a_function() -> None:
    with pytest.raises(InputError, match="a FuncGroup is made of a function"):
        FuncGroup(Group())  # type: ignore[arg-type]


def test_a_workflow_s_own_submit_sees_the_members() -> None:
    class Watching(Workflow):
        name = "watching submit"

        def submit(self, submittable: Any, *args: Any, **kwargs: Any) -> Future:
            self.record = [*getattr(self, "record", []), type(submittable).__name__]
            return super().submit(submittable, *args, **kwargs)

        def run(self) -> Any:
            self.submit(Group((same, 1), Chain((same, 2))))
            return self.record

    from simpleflow.local import Executor

    assert Executor(Watching).run() == ["Group", "ActivityTask", "Chain", "ActivityTask"]


def test_a_custom_future_class_is_used() -> None:
    class Counted(GroupFuture):
        @property
        def count(self) -> int:
            return len(self.result)

    def workflow(self: Workflow) -> Any:
        return self.submit(Group(same, same, future_class=Counted)).count  # type: ignore[attr-defined]

    assert run(workflow) == 2


def test_one_container_may_be_submitted_twice() -> None:
    def workflow(self: Workflow) -> Any:
        chain = Chain((increment, 1), increment, send_result=True)
        return [self.submit(chain).result, self.submit(chain).result, self.submit(Group(chain, chain)).result]

    assert run(workflow) == [[2, 3], [2, 3], [[2, 3], [2, 3]]]


def test_aggregates_are_handled_and_flattened() -> None:
    a, b, c = ValueError("a"), KeyError("b"), OSError("c")
    error = AggregateException([None, a, AggregateException([b, None, c])])
    assert error.flatten().exceptions == [a, b, c]
    assert str(error) == "a; 'b'; c"
    error.handle(lambda each: True)
    with pytest.raises(AggregateException) as caught:
        error.handle(lambda each, kind: isinstance(each, kind), ValueError)
    assert caught.value.flatten().exceptions == [b, c]
    error.append(None)
    assert len(error.exceptions) == 4
