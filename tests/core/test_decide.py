"""Decisions are a function of the history, however it is evaluated: ``Simulation`` checks every decision."""

from __future__ import annotations

import decimal
from typing import Any

import pytest

from simpleflow import Workflow, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import ExecutionBlocked
from simpleflow.futures import Future
from simpleflow.task import ActivityTask
from tests.core.harness import Simulation, add, break_down, echo, same, simulate


def test_a_branch_on_finished_is_evaluated_again_when_the_future_finishes() -> None:
    class Racing(Workflow):
        name = "racing"

        def run(self) -> Any:
            first, second = self.submit(same, "first"), self.submit(same, "second")
            winner = "second" if second.finished else "first" if first.finished else "nobody"
            futures.wait(first, second)
            return winner

    assert Simulation(Racing).run().result == "second"
    both_seen = Simulation(Racing).run(lambda tasks: len(tasks) - 1)
    assert both_seen.result == "second"


def test_work_submitted_while_a_future_is_unfinished_depends_on_the_order_of_results() -> None:
    class Early(Workflow):
        name = "early"

        def run(self) -> Any:
            slow, quick = self.submit(same, "slow"), self.submit(same, "quick")
            if quick.finished and not slow.finished:
                return [self.submit(add, 1, 2).result, slow.result]
            return futures.wait(slow, quick)

    run = Simulation(Early)
    run.settle()
    run.finish_named("quick")
    run.settle()
    assert [task.input for task in run.tasks if "add" in task.name] == ['{"args":[1,2],"kwargs":{}}']
    assert run.run(lambda tasks: len(tasks) - 1).result == ["slow", "quick"]


@pytest.mark.parametrize("kind", [Group, Chain])
def test_a_container_read_as_unfinished_is_read_as_finished_later(kind: type[Group]) -> None:
    class Watching(Workflow):
        name = "watching"

        def run(self) -> Any:
            container = self.submit(kind((add, 1), (add, 2)))
            other = self.submit(same, "other")
            seen = container.finished
            other.result
            return [seen, container.result]

    assert simulate(Watching).result == [True, [1, 2]]


def test_a_func_group_read_as_unfinished_is_read_as_finished_later() -> None:
    class Watching(Workflow):
        name = "watching func group"

        def run(self) -> Any:
            container = self.submit(FuncGroup(lambda: ActivityTask(add, 1)))
            other = self.submit(same, "other")
            seen = container.finished
            other.result
            return seen

    assert simulate(Watching).result is True


def test_a_run_that_read_running_is_evaluated_again_when_it_changes() -> None:
    class Running(Workflow):
        name = "running"

        def run(self) -> Any:
            slow, quick = self.submit(same, 1), self.submit(same, 2)
            states = [slow.state, slow.running, slow.pending, slow.done]
            quick.result
            return [*states, slow.result]

    run = Simulation(Running)
    run.settle()
    run.finish(1)
    run.settle()
    run.finish(0)
    run.settle()
    assert run.result == ["FINISHED", False, False, True, 1]


def test_a_run_that_read_running_of_a_submission_with_deferred_arguments_is_evaluated_again() -> None:
    class Running(Workflow):
        name = "running deferred"

        def run(self) -> Any:
            late = self.submit(add, self.submit(add, 1), 1)
            state = late.state
            if state == "RUNNING":
                self.submit(self.record_marker("seen running"))
            self.submit(same, "other").result
            return late.result

    run = Simulation(Running)
    run.settle()
    run.finish_named("add-1")
    run.settle()
    run.finish_named("same")
    run.settle()
    assert [each.name for each in run.deciders[run.run_id].evaluation.list_markers()] == ["seen running"]  # type: ignore[union-attr]
    assert run.run().result == 2


def test_arguments_that_are_futures_are_waited_for_without_blocking() -> None:
    class Deferred(Workflow):
        name = "deferred"

        def run(self) -> Any:
            one, two = self.submit(add, 1), self.submit(add, 2)
            three = self.submit(add, one, two)
            named = self.submit(echo, three, also=one)
            assert not three.finished or three.result == 3
            return [named.result, self.submit(add, 10).result]

    run = Simulation(Deferred)
    run.settle()
    assert len(run.tasks) == 2
    assert run.run(lambda tasks: -1).result == [[3, {"also": 1}], 10]
    assert {each for each, _ in run.scheduled} == {
        "activity-tests.core.harness.add-1",
        "activity-tests.core.harness.add-2",
        "activity-tests.core.harness.add-3",
        "activity-tests.core.harness.add-4",
        "activity-tests.core.harness.echo-1",
    }


def test_a_failed_argument_is_passed_as_none() -> None:
    class Failing(Workflow):
        name = "failing argument"

        def run(self) -> Any:
            return self.submit(echo, self.submit(break_down), 1).result

    assert simulate(Failing).result == [None, 1]


def test_a_submission_whose_arguments_are_awaited_can_be_cancelled() -> None:
    class Cancelling(Workflow):
        name = "cancelling deferred"

        def run(self) -> Any:
            first = self.submit(add, 1)
            second = self.submit(add, first, 1)
            assert second.cancel()
            return [first.result, second.result, second.cancelled]

    run = simulate(Cancelling)
    assert run.result == [1, None, True]
    assert len(run.scheduled) == 1


def test_a_submission_can_be_cancelled_as_soon_as_its_arguments_are_known() -> None:
    class Cancelling(Workflow):
        name = "cancelling in time"

        def run(self) -> Any:
            first = self.submit(add, 1)
            second = self.submit(add, first, 1)
            first.result
            second.cancel()
            return second.cancelled

    run = simulate(Cancelling)
    assert run.result is True
    assert len(run.scheduled) == 1


def test_a_group_holds_no_more_open_members_than_max_parallel() -> None:
    class Narrow(Workflow):
        name = "narrow"

        def run(self) -> Any:
            return self.submit(Group(*((add, i) for i in range(7)), max_parallel=2)).result

    run = Simulation(Narrow)
    most = 0
    while run.state == "open":
        run.settle()
        most = max(most, len(run.tasks))
        if run.tasks:
            run.finish(-1)
    assert (run.result, most) == (list(range(7)), 2)


def test_chains_send_results_to_every_kind_of_member() -> None:
    class Sending(Workflow):
        name = "sending"

        def run(self) -> Any:
            return self.submit(
                Chain(
                    (add, 1),
                    (add, 2),
                    Group((add, 10), (add, 20)),
                    (same,),
                    FuncGroup(lambda each: Chain((same, each), self.record_marker("m"))),
                    self.start_timer("t", 1),
                    (echo, "end"),
                    send_result=True,
                )
            ).result

    assert simulate(Sending).result == [1, 3, [13, 23], [13, 23], [[13, 23], None], None, ["end", None]]


def test_chains_advance_independently_of_the_order_of_results() -> None:
    class Crossing(Workflow):
        name = "crossing"

        def run(self) -> Any:
            chains = [Chain((echo, x), (echo, "then " + x), send_result=True) for x in "AB"]
            return self.submit(Group(*chains)).result

    expected = [[["A"], ["then A", ["A"]]], [["B"], ["then B", ["B"]]]]
    runs = [Simulation(Crossing).run(choose) for choose in (lambda tasks: 0, lambda tasks: -1)]
    assert [run.result for run in runs] == [expected, expected]
    assert runs[0].scheduled == runs[1].scheduled


def test_a_func_group_may_wait_while_the_run_continues() -> None:
    class Building(Workflow):
        name = "building"

        def run(self) -> Any:
            base = self.submit(add, 1)

            def build(n: int) -> Group:
                return Group(*((add, base.result, i) for i in range(n)))

            built = self.submit(FuncGroup(build, 3))
            other = self.submit(add, 100).result
            return [built.result, other]

    assert Simulation(Building).run().result == [[1, 2, 3], 100]
    assert Simulation(Building).run(lambda tasks: -1).result == [[1, 2, 3], 100]


def test_submissions_of_a_func_group_after_a_wait_keep_their_task_ids() -> None:
    class Waiting(Workflow):
        name = "waiting func groups"

        def run(self) -> Any:
            def build(n: int) -> Group:
                return Group((add, self.submit(add, n).result, self.submit(add, 10 * n).result))

            groups = [self.submit(FuncGroup(build, n)) for n in (1, 2)]
            after = self.submit(add, 100).result + self.submit(add, 200).result
            return [after, *futures.wait(*groups)]

    runs = [
        Simulation(Waiting).run(choose) for choose in (lambda tasks: 0, lambda tasks: -1, lambda tasks: len(tasks) // 2)
    ]
    assert [run.result for run in runs] == [[300, [11], [22]]] * 3
    assert runs[0].scheduled == runs[1].scheduled == runs[2].scheduled
    names = sorted(each.removeprefix("activity-tests.core.harness.add-") for each, _ in runs[0].scheduled)
    assert names == ["1", "2", "f1-1", "f1-2", "f1.g1.0-1", "f2-1", "f2-2", "f2.g1.0-1"]


def test_run_and_func_groups_have_separate_context_variables() -> None:
    class Rounding(Workflow):
        name = "rounding"

        def run(self) -> Any:
            def rounded() -> Group:
                decimal.getcontext().prec = 3
                return Group((same, str(1 / decimal.Decimal(3))))

            def exact() -> Group:
                return Group((same, str(1 / decimal.Decimal(3))))

            self.submit(FuncGroup(rounded)).result
            return self.submit(FuncGroup(exact)).result

    assert simulate(Rounding).result == ["0.3333333333333333333333333333"]


def test_every_submission_is_completed_before_the_run_ends() -> None:
    class Hasty(Workflow):
        name = "hasty"

        def run(self) -> Any:
            self.submit(Chain((add, 1), Group((add, 2), (add, 3))))
            self.submit(add, self.submit(add, 4), 5)
            self.submit(self.record_marker("done"))
            return "returned"

    run = simulate(Hasty)
    assert run.result == "returned"
    assert len(run.scheduled) == 5


def test_idempotent_activities_run_once_for_equal_arguments() -> None:
    from tests.core.activities import once

    class Idempotent(Workflow):
        name = "idempotent"

        def run(self) -> Any:
            calls = [self.submit(once, {"b": 1, "a": {3, 1, 2}}), self.submit(once, {"a": [1, 2, 3], "b": 1})]
            group = self.submit(Group((once, 5), Chain((once, 5))))
            return [*futures.wait(*calls), *group.result]

    run = simulate(Idempotent)
    assert run.result == [{"a": [1, 2, 3], "b": 1}, {"a": [1, 2, 3], "b": 1}, 5, [5]]
    assert len(run.scheduled) == 2


def test_get_task_id_names_the_task() -> None:
    from tests.core.activities import Named

    class Naming(Workflow):
        name = "naming"

        def run(self) -> Any:
            return futures.wait(self.submit(Named, "x"), self.submit(Named, "y", suffix="s"))

    run = simulate(Naming)
    assert run.result == ["x", "y"]
    assert {each for each, _ in run.scheduled} == {
        "activity-tests.core.activities.Named-naming-x",
        "activity-tests.core.activities.Named-naming-y-s",
    }


def test_code_that_catches_exceptions_does_not_catch_waiting() -> None:
    class Catching(Workflow):
        name = "catching"

        def run(self) -> Any:
            try:
                return self.submit(add, 1).result
            except Exception as error:
                return repr(error)

    assert simulate(Catching).result == 1


def test_a_finally_clause_in_run_is_reached_only_at_the_end() -> None:
    reached = []

    class Finally(Workflow):
        name = "finally"

        def run(self) -> Any:
            try:
                self.submit(add, 1).result
                reached.append("end")
                return None
            finally:
                reached.append("finally")
                self.submit(add, 2)

    run = Simulation(Finally)
    run.answer = lambda task: _live_only(run, task)  # type: ignore[method-assign]
    run.settle()
    assert reached == []
    run.run()
    assert reached == ["end", "finally"]
    assert len(run.scheduled) == 2


def _live_only(run: Simulation, task: Any) -> Any:
    from simpleflow.core.decider.decide import Decider
    from simpleflow.core.decider.evaluation import Execution

    decider = run.deciders.setdefault(
        task.run_id, Decider(run.classes[task.name], Execution(task.workflow_id, task.run_id))
    )
    decider.advance(task.events[len(decider.history.events) : task.started_event_id])
    return decider.answer().decisions


def test_reading_a_future_made_by_the_workflow_waits_by_evaluating_again() -> None:
    evaluations = []

    class Own(Workflow):
        name = "own"

        def run(self) -> Any:
            evaluations.append(1)
            first = self.submit(add, 1)
            own = Future()
            if first.finished:
                own.set_finished(first.result + 1)
            return own.result

    assert simulate(Own).result == 2
    assert len(evaluations) >= 3


def test_execution_blocked_raised_by_hand_waits() -> None:
    class Blocking(Workflow):
        name = "blocking"

        def run(self) -> Any:
            first, second = self.submit(add, 1), self.submit(add, 2)
            if not (first.finished and second.finished):
                raise ExecutionBlocked
            return first.result + second.result

    assert Simulation(Blocking).run().result == 3
    assert Simulation(Blocking).run(lambda tasks: -1).result == 3


def test_a_wait_that_no_event_can_end_fails_the_run() -> None:
    class Stuck(Workflow):
        name = "stuck"

        def run(self) -> Any:
            return Group((add, 1)), self.submit(add, 1).result, Future(self.executor).result

    run = simulate(Stuck)
    assert run.reason == "Workflow execution failed: deadlock: it waits and nothing is under way"
    assert "a Future that is PENDING" in str(run.events[-1].attributes.details)  # type: ignore[attr-defined]


def test_a_wait_that_no_event_can_end_fails_the_run_after_a_marker_too() -> None:
    class Noted(Workflow):
        name = "noted"

        def run(self) -> Any:
            self.submit(self.record_marker("here"))
            return Future(self.executor).result

    run = simulate(Noted)
    assert run.reason == "Workflow execution failed: deadlock: it waits and nothing is under way"
    assert "MarkerRecorded" in [event.type for event in run.events]


def test_a_run_that_raises_fails_with_the_reason_and_its_traceback() -> None:
    class Raising(Workflow):
        name = "raising"

        def run(self) -> Any:
            self.submit(add, 1).result
            raise KeyError("nothing there")

    run = simulate(Raising)
    assert run.reason == "Cannot replay the workflow: KeyError('nothing there')"
    details = run.events[-1].attributes.details  # type: ignore[attr-defined]
    assert 'raise KeyError("nothing there")' in details
    assert "simpleflow/core" not in details


def test_a_workflow_that_cannot_be_made_fails_the_run() -> None:
    class Unmade(Workflow):
        name = "unmade"

        def __init__(self, executor: Any) -> None:
            raise LookupError("nothing here")

        def before_replay(self, history: Any) -> None:
            raise AssertionError("there is no workflow")

    assert simulate(Unmade).reason == "Cannot replay the workflow: LookupError(nothing here)"


def test_a_result_that_is_not_json_fails_the_run() -> None:
    class Odd(Workflow):
        name = "odd"

        def run(self) -> Any:
            return {"it": object()}

    assert "result of workflow odd is not JSON" in simulate(Odd).reason


def test_fail_ends_the_run() -> None:
    class Failing(Workflow):
        name = "failing"

        def run(self) -> Any:
            self.submit(add, 1).result
            self.submit(self.record_marker("noted"))
            self.submit(add, 2)
            self.fail("no luck", "some details")

    run = simulate(Failing)
    assert run.reason == "Workflow execution failed: no luck"
    assert run.events[-1].attributes.details == "some details"  # type: ignore[attr-defined]
    assert run.types()[-3:] == ["DecisionTaskCompleted", "MarkerRecorded", "WorkflowExecutionFailed"]
