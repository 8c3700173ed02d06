"""The part of the engine contract about tasks: decisions, activities, tokens and time."""

from __future__ import annotations

from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.testing.subject import COMPLETE, ContractBase, activity, timer


class TaskContract(ContractBase):
    """Tests of decision tasks, activity tasks, their tokens, and time."""

    # Decisions and activities

    def test_start_one_activity_completion(self) -> None:
        run_id = self.start()
        assert self.orders(1) == "WorkflowExecutionStarted DTS"
        task = self.poll("w")
        assert (task.run_id, task.name, task.version, task.started_event_id) == (run_id, "type", "1", 3)
        assert list(task.events)[:3] == self.events()
        self.answer(task, activity(input="[1]", control="c"))
        done = self.poll_activity("a")
        assert (done.workflow_id, done.run_id, done.name, done.version, done.input) == ("w", run_id, "type", "1", "[1]")
        self.subject.activities.respond_activity_task_completed(done.token, "2")
        self.decide(COMPLETE)
        assert self.orders(3) == "DTSt DTC ATS ATSt ATC DTS DTSt DTC WorkflowExecutionCompleted"
        assert self.last(e.ActivityTaskCompleted).result == "2"
        assert self.last(e.WorkflowExecutionCompleted).result == '"done"'
        found = self.subject.reader.describe("w")
        assert (found.run_id, found.status, found.closed is None, found.alive) == (run_id, "completed", False, False)

    def test_an_activity_fails(self) -> None:
        self.start()
        self.decide(activity())
        self.subject.activities.respond_activity_task_failed(self.poll_activity().token, "OSError: no", "details")
        assert self.orders() == "ATS ATSt ActivityTaskFailed DTS"
        failed = self.last(e.ActivityTaskFailed)
        assert (failed.reason, failed.details, failed.scheduled_event_id) == ("OSError: no", "details", 5)

    def test_a_result_while_a_decision_task_waits_makes_no_other(self) -> None:
        self.start()
        self.decide(activity("a"), activity("b"))
        self.complete_activity()
        self.complete_activity()
        self.decide()
        assert self.orders() == "ATS ATS ATSt ATC DTS ATSt ATC DTSt DTC"

    def test_a_result_during_a_decision_is_shown_with_the_next_one(self) -> None:
        self.start()
        self.decide(activity("a"), activity("b"))
        self.complete_activity()
        task = self.poll()
        self.complete_activity()
        assert self.subject.decisions.poll_for_decision_task() is None, "one decision task at a time"
        self.answer(task)
        self.decide()
        assert self.orders(9) == "DTS DTSt ATSt ATC DTS DTC DTSt DTC"

    def test_closing_is_refused_while_something_new_waits(self) -> None:
        self.start()
        task = self.poll()
        self.subject.client.signal_workflow_execution("w", "s", "1")
        self.answer(task, COMPLETE)
        assert self.orders(4) == "WorkflowExecutionSignaled DTS DTC CompleteWorkflowExecutionFailed"
        assert self.last(e.CompleteWorkflowExecutionFailed).cause == "UNHANDLED_DECISION"
        self.decide(COMPLETE)
        assert self.status() == "completed"

    def test_priorities_come_before_age(self) -> None:
        self.start()
        self.decide(activity("a"), activity("b", task_priority="5"), activity("c", task_priority="-1"), activity("d"))
        assert [self.poll_activity().activity_id for _ in range(4)] == ["b", "a", "d", "c"]
        assert self.subject.activities.poll_for_activity_task() is None

    def test_an_activity_id_in_use_is_refused(self) -> None:
        self.start()
        self.decide(activity(), activity())
        assert self.orders() == "ATS ScheduleActivityTaskFailed DTS"
        assert self.last(e.ScheduleActivityTaskFailed).cause == "ACTIVITY_ID_ALREADY_IN_USE"

    def test_markers_make_no_decision_task(self) -> None:
        self.start()
        self.decide(d.RecordMarker(marker_name="m", details="1"), d.RecordMarker(marker_name="n"))
        assert self.orders() == "MarkerRecorded MarkerRecorded"

    # Tokens

    def test_an_answer_is_taken_once(self) -> None:
        self.start()
        task = self.poll()
        self.answer(task, activity())
        with self.refused():
            self.answer(task, activity("b"))
        done = self.poll_activity()
        self.subject.activities.respond_activity_task_completed(done.token, "1")
        for late in (
            lambda: self.subject.activities.respond_activity_task_completed(done.token, "2"),
            lambda: self.subject.activities.respond_activity_task_failed(done.token, "reason"),
            lambda: self.subject.activities.respond_activity_task_canceled(done.token),
            lambda: self.subject.activities.record_activity_task_heartbeat(done.token),
        ):
            with self.refused():
                late()

    def test_a_token_of_the_other_kind_is_refused(self) -> None:
        self.start()
        self.decide(activity(), timer(seconds=0))
        done = self.poll_activity()
        self.subject.pass_time(1)
        task = self.poll()
        with self.refused():
            self.subject.decisions.respond_decision_task_completed(done.token, [COMPLETE])
        with self.refused():
            self.subject.activities.respond_activity_task_completed(task.token)
        with self.refused():
            self.subject.activities.respond_activity_task_completed("no token")
        with self.refused():
            self.subject.decisions.respond_decision_task_completed("no token", [])

    def test_answers_after_the_end_are_refused(self) -> None:
        self.start()
        self.decide(activity(), activity("never taken"), timer(seconds=1))
        done = self.poll_activity()
        self.subject.pass_time(2)
        task = self.poll()
        self.subject.client.terminate_workflow_execution("w", reason="enough", details="more")
        ended = self.last(e.WorkflowExecutionTerminated)
        assert (ended.reason, ended.details, self.status()) == ("enough", "more", "terminated")
        with self.refused():
            self.answer(task, COMPLETE)
        with self.refused():
            self.subject.activities.respond_activity_task_completed(done.token)
        assert self.subject.activities.poll_for_activity_task() is None
        assert self.subject.decisions.poll_for_decision_task() is None

    def test_an_answer_after_its_task_timed_out_is_refused(self) -> None:
        self.start(decision_task_timeout="10")
        task = self.poll()
        self.subject.pass_time(11)
        assert self.orders(3) == "DTSt DecisionTaskTimedOut DTS"
        with self.refused():
            self.answer(task, COMPLETE)
        self.decide(COMPLETE)
        assert self.status() == "completed"

    # Time

    def test_the_four_time_outs_of_an_activity(self) -> None:
        self.start()
        self.decide(
            activity("a", schedule_to_start_timeout="5"),
            activity("b", start_to_close_timeout="8", task_priority="3"),
            activity("c", schedule_to_close_timeout="9", task_priority="2"),
            activity("d", heartbeat_timeout="3", task_priority="1"),
        )
        tokens = {
            task.activity_id: task.token
            for task in (self.poll_activity("b"), self.poll_activity("c"), self.poll_activity("d"))
        }
        for seconds in (2, 2):
            self.subject.pass_time(seconds)
            assert self.subject.activities.record_activity_task_heartbeat(tokens["d"]) is False
        for seconds in (2, 2, 2):
            self.subject.pass_time(seconds)
        found = [each.attributes for each in self.events() if isinstance(each.attributes, e.ActivityTaskTimedOut)]
        assert [(each.timeout_type, each.scheduled_event_id) for each in found] == [
            ("SCHEDULE_TO_START", 5),
            ("HEARTBEAT", 8),
            ("START_TO_CLOSE", 6),
            ("SCHEDULE_TO_CLOSE", 7),
        ]
        assert found[0].started_event_id == 0
        for token in tokens.values():
            with self.refused():
                self.subject.activities.respond_activity_task_completed(token)
        assert self.subject.activities.poll_for_activity_task() is None, "a task that timed out is not handed out"

    def test_an_activity_is_tried_again_after_a_time_out(self) -> None:
        self.start()
        self.decide(activity(start_to_close_timeout="5"))
        first = self.poll_activity()
        self.subject.pass_time(6)
        self.decide(activity(start_to_close_timeout="5"))
        second = self.poll_activity()
        with self.refused():
            self.subject.activities.respond_activity_task_completed(first.token, "1")
        self.subject.activities.respond_activity_task_completed(second.token, "2")
        assert self.last(e.ActivityTaskCompleted).result == "2"

    def test_one_timer_fires_and_the_other_is_cancelled(self) -> None:
        self.start()
        self.decide(timer("long", 120), timer("short", 2))
        self.subject.pass_time(1)
        assert self.subject.decisions.poll_for_decision_task() is None
        self.subject.pass_time(1)
        self.decide(d.CancelTimer(timer_id="long"))
        self.subject.pass_time(200)
        assert self.orders() == "TimerStarted TimerStarted TimerFired DTS DTSt DTC TimerCanceled"

    def test_an_execution_times_out_with_all_that_is_due(self) -> None:
        self.start()
        self.decide(activity(start_to_close_timeout="5"), timer(seconds=5))
        self.poll_activity()
        self.subject.pass_time(20_000)
        assert self.orders(7) == "ATSt WorkflowExecutionTimedOut"
        assert self.status() == "timed_out"
