"""The engine contract: tests that every engine must pass, written against the protocols of ``engines.base``.

    class TestMyEngine(EngineContract):
        def make(self) -> Subject: ...

Derive a test class from it, as above; pytest collects it. Nothing here imports pytest. The expected orders of events
are those of Amazon SWF.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import RunFilter
from simpleflow.exceptions import SimpleflowError
from simpleflow.testing.contract_tasks import TaskContract
from simpleflow.testing.subject import COMPLETE, Subject, activity, child, timer

__all__ = ["EngineContract", "Subject"]


class EngineContract(TaskContract):
    """The whole contract: executions, signals and children here; decisions, activities and time in ``TaskContract``."""

    # Signals, cancelling, ending

    def test_a_signal_from_outside(self) -> None:
        run_id = self.start()
        self.decide()
        self.subject.client.signal_workflow_execution("w", "name", '{"x":1}')
        assert self.orders() == "WorkflowExecutionSignaled DTS"
        signaled = self.last(e.WorkflowExecutionSignaled)
        assert (signaled.signal_name, signaled.input, signaled.external_initiated_event_id) == ("name", '{"x":1}', 0)
        self.subject.client.signal_workflow_execution("w", "name", None, run_id)
        assert self.last(e.WorkflowExecutionSignaled).input is None
        with self.refused():
            self.subject.client.signal_workflow_execution("w", "name", None, "another run")
        with self.refused():
            self.subject.client.signal_workflow_execution("nobody", "name")

    def test_a_signal_to_another_execution(self) -> None:
        self.start()
        self.start("other")
        self.decide(d.SignalExternalWorkflowExecution(signal_name="s", workflow_id="other", input="1"), workflow_id="w")
        assert self.orders() == ("SignalExternalWorkflowExecutionInitiated ExternalWorkflowExecutionSignaled DTS")
        signaled = self.last(e.WorkflowExecutionSignaled, "other")
        assert (signaled.external_initiated_event_id, signaled.input) == (5, "1")
        self.decide(workflow_id="other")
        self.decide(d.SignalExternalWorkflowExecution(signal_name="s", workflow_id="nobody"), workflow_id="w")
        assert self.last(e.SignalExternalWorkflowExecutionFailed).cause == "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"

    def test_cancelling_an_execution(self) -> None:
        self.start()
        self.decide(activity())
        done = self.poll_activity()
        self.subject.client.request_cancel_workflow_execution("w")
        self.decide(d.CancelWorkflowExecution(details="as asked"))
        assert self.orders() == "ATS ATSt WorkflowExecutionCancelRequested DTS DTSt DTC WorkflowExecutionCanceled"
        with self.refused():
            self.subject.activities.respond_activity_task_completed(done.token)
        with self.refused():
            self.subject.client.request_cancel_workflow_execution("w")
        assert self.status() == "canceled"

    def test_a_worker_learns_of_a_cancel_request_with_its_heartbeat(self) -> None:
        self.start()
        self.decide(activity("a"), activity("never taken"), timer(seconds=1))
        done = self.poll_activity("a")
        assert self.subject.activities.record_activity_task_heartbeat(done.token) is False
        self.subject.pass_time(1)
        self.decide(
            d.RequestCancelActivityTask(activity_id="a"),
            d.RequestCancelActivityTask(activity_id="never taken"),
            d.RequestCancelActivityTask(activity_id="unknown"),
        )
        assert self.last(e.ActivityTaskCanceled).started_event_id == 0
        assert self.last(e.RequestCancelActivityTaskFailed).cause == "ACTIVITY_ID_UNKNOWN"
        assert self.subject.activities.record_activity_task_heartbeat(done.token) is True
        self.subject.activities.respond_activity_task_canceled(done.token, "stopped")
        assert self.last(e.ActivityTaskCanceled).details == "stopped"
        assert self.subject.activities.poll_for_activity_task() is None

    def test_a_workflow_id_is_unique_while_open(self) -> None:
        first = self.start()
        with self.refused(error=SimpleflowError):
            self.start()
        self.decide(COMPLETE)
        second = self.start()
        assert first != second
        assert [(each.run_id, each.status) for each in self.subject.reader.list_runs()] == [
            (second, "open"),
            (first, "completed"),
        ]
        assert self.subject.reader.describe("w").run_id == second
        assert self.subject.reader.describe("w", first).status == "completed"
        assert len(self.events("w", first)) == 5
        with self.refused():
            self.subject.reader.describe("w", "another run")
        with self.refused():
            self.subject.reader.history("nobody")

    def test_runs_and_histories_are_read_in_parts(self) -> None:
        reader = self.subject.reader
        first = self.start(tag_list=("x",))
        self.decide(COMPLETE)
        second = self.start()
        whole = self.events("w", first)
        assert [event.id for event in whole] == [1, 2, 3, 4, 5]
        for after in range(6):
            assert list(reader.history("w", first, after)) == whole[after:]
            assert list(reader.history("w", first, after, 2)) == whole[after : after + 2]
        assert list(reader.last_events("w", first, 2)) == whole[-2:]
        assert list(reader.last_events("w", first, 9)) == whole
        assert reader.event("w", first, 3) == whole[2]
        for id in (0, 6):
            with self.refused():
                reader.event("w", first, id)

        def found(*args: Any, **filters: Any) -> list[str]:
            return [each.run_id for each in reader.list_runs(RunFilter(**filters), *args)]

        assert found() == [second, first]
        assert (found(None, 1), found(second), found(second, 1), found(first)) == ([second], [first], [first], [])
        assert found(tag="x") == [first]
        assert found(tag="x", workflow_id="v") == []
        assert found(statuses=frozenset({"completed"})) == [first]
        assert found(statuses=frozenset({"open", "failed"})) == [second]
        assert found(run_prefix=first[:30], id_prefix="") == [first]
        assert found(id_prefix="x") == []
        assert found(newest=whole[0].time) == []
        assert second in found(oldest=whole[0].time)

    def test_continued_as_new(self) -> None:
        first = self.start(tag_list=("x",))
        self.decide(d.ContinueAsNewWorkflowExecution(input='"more"', tag_list=("y",)))
        second = self.subject.reader.describe("w").run_id
        assert (self.status("w", first), self.status()) == ("continued_as_new", "open")
        assert self.last(e.WorkflowExecutionContinuedAsNew, "w", first).new_execution_run_id == second
        started = self.last(e.WorkflowExecutionStarted)
        assert (started.continued_execution_run_id, started.input, started.tag_list) == (first, '"more"', ("y",))

    # Children

    def test_a_child_completes(self) -> None:
        parent = self.start()
        self.decide(child(input="[1]"))
        assert self.orders() == "StartChildWorkflowExecutionInitiated ChildWorkflowExecutionStarted DTS"
        started = self.last(e.WorkflowExecutionStarted, "child")
        assert started.parent_workflow_execution == e.WorkflowExecution(run_id=parent, workflow_id="w")
        assert (started.parent_initiated_event_id, started.input) == (5, "[1]")
        self._decide_until("child", COMPLETE)
        assert self.last(e.ChildWorkflowExecutionCompleted).result == '"done"'
        assert self.last(e.ChildWorkflowExecutionCompleted).initiated_event_id == 5
        self._decide_until("w", COMPLETE)
        assert (self.status(), self.status("child")) == ("completed", "completed")

    def test_the_ends_of_children(self) -> None:
        ends: dict[str, Callable[[str], None]] = {
            "Failed": lambda id: self._decide_until(id, d.FailWorkflowExecution(reason="no")),
            "Canceled": lambda id: self._decide_until(id, d.CancelWorkflowExecution()),
            "Terminated": lambda id: self.subject.client.terminate_workflow_execution(id),
        }
        self.start()
        self.decide(*[child(name) for name in ends])
        for name, end in ends.items():
            end(name)
        types = self.orders()
        for name in ends:
            assert f"ChildWorkflowExecution{name}" in types

    def _decide_until(self, workflow_id: str, decision: d.Decision) -> None:
        """Answer decision tasks with no decision until the one of that execution; answer that one with ``decision``."""
        while True:
            task = self.poll()
            if task.workflow_id == workflow_id:
                self.answer(task, decision)
                return
            self.answer(task)

    def test_a_child_of_an_id_in_use_is_refused(self) -> None:
        self.start()
        self.start("child")
        self.decide(child(), workflow_id="w")
        assert self.last(e.StartChildWorkflowExecutionFailed).cause == "WORKFLOW_ALREADY_RUNNING"

    def test_a_child_that_is_continued_as_new_is_still_a_child(self) -> None:
        self.start()
        self.decide(child())
        self._decide_until("child", d.ContinueAsNewWorkflowExecution(input="2"))
        assert "ChildWorkflowExecutionCompleted" not in self.orders()
        self._decide_until("child", COMPLETE)
        assert self.last(e.ChildWorkflowExecutionCompleted).result == '"done"'

    def test_the_child_policy_reaches_children_that_were_continued_as_new(self) -> None:
        for policy, status in (("TERMINATE", "terminated"), ("REQUEST_CANCEL", "open"), ("ABANDON", "open")):
            parent, id = f"parent-{policy}", f"child-{policy}"
            self.start(parent, child_policy=policy)
            self.decide(child(id), workflow_id=parent)
            self._decide_until(id, d.ContinueAsNewWorkflowExecution())
            self.subject.client.terminate_workflow_execution(parent)
            assert self.status(id) == status
            events = [each.attributes for each in self.events(id)]
            causes = [each.cause for each in events if isinstance(each, e.WorkflowExecutionCancelRequested)]
            assert causes == (["CHILD_POLICY_APPLIED"] if policy == "REQUEST_CANCEL" else [])
            if status == "open":
                self._decide_until(id, COMPLETE)
