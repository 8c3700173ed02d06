"""Tasks: which poller gets them, how long they may take, and late answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.clients import COMPLETE, DOMAIN, Swf, activity, decision, fault


def test_task_lists(swf: Swf) -> None:
    swf.start(taskList={"name": "other"})
    assert swf.client.count_pending_decision_tasks(domain=DOMAIN, taskList={"name": "other"})["count"] == 1
    assert "taskToken" not in swf.poll()
    task = swf.poll("other")
    assert swf.client.count_pending_decision_tasks(domain=DOMAIN, taskList={"name": "other"})["count"] == 0
    swf.answer(task, activity("1", taskList={"name": "a"}), activity("2", taskList={"name": "b"}))
    for name, id in (("b", "2"), ("a", "1")):
        count = {"domain": DOMAIN, "taskList": {"name": name}}
        assert swf.client.count_pending_activity_tasks(**count)["count"] == 1
        assert swf.take(name)["activityId"] == id
        assert swf.client.count_pending_activity_tasks(**count)["count"] == 0
        assert "taskToken" not in swf.take(name)
    with fault("UnknownResourceFault", "Unknown domain: nobody"):
        swf.client.poll_for_activity_task(domain="nobody", taskList={"name": "a"})
    with fault("UnknownResourceFault", "Unknown domain: nobody"):
        swf.client.poll_for_decision_task(domain="nobody", taskList={"name": "a"})


def test_priorities(swf: Swf) -> None:
    for priority in (None, "-1", "7", "1"):
        swf.start(f"w{priority}", **({"taskPriority": priority} if priority else {}))
    order = [swf.poll()["workflowExecution"]["workflowId"] for _ in range(4)]
    assert order == ["w7", "w1", "wNone", "w-1"]
    swf.start()
    swf.decide(*[activity(priority, taskPriority=priority) for priority in ("0", "-5", "12", "3")])
    assert [swf.take()["activityId"] for _ in range(4)] == ["12", "3", "0", "-5"]


def test_an_empty_poll(swf: Swf) -> None:
    empty = swf.poll()
    del empty["ResponseMetadata"]
    assert empty == {"previousStartedEventId": 0, "startedEventId": 0}
    empty = swf.take()
    del empty["ResponseMetadata"]
    assert empty == {"startedEventId": 0}


def test_an_activity_task(swf: Swf) -> None:
    run_id = swf.start()
    swf.decide(activity(input=""))
    task = swf.take()
    del task["ResponseMetadata"], task["taskToken"]
    assert task == {
        "activityId": "a",
        "activityType": {"name": "type", "version": "1"},
        "input": "",
        "startedEventId": 6,
        "workflowExecution": {"runId": run_id, "workflowId": "w"},
    }


def test_pages_of_a_decision_task(swf: Swf) -> None:
    swf.start()
    swf.decide(*[decision("RecordMarker", markerName=str(number)) for number in range(10)])
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    task = swf.poll(maximumPageSize=6)
    assert (task["previousStartedEventId"], task["startedEventId"]) == (3, 17)
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="too late to be seen")
    ids = [event["eventId"] for event in task["events"]]
    page = task
    while "nextPageToken" in page:
        page = swf.poll(maximumPageSize=6, nextPageToken=page["nextPageToken"])
        assert page["taskToken"] == task["taskToken"]
        assert page["startedEventId"] == 17
        ids += [event["eventId"] for event in page["events"]]
    assert ids == list(range(1, 18))
    swf.answer(task)
    with fault("UnknownResourceFault"):
        swf.poll(maximumPageSize=6, nextPageToken=task["nextPageToken"])


def test_a_decision_task_backwards(swf: Swf) -> None:
    swf.start()
    task = swf.poll(maximumPageSize=2, reverseOrder=True)
    assert [event["eventId"] for event in task["events"]] == [3, 2]
    page = swf.poll(maximumPageSize=2, reverseOrder=True, nextPageToken=task["nextPageToken"])
    assert [event["eventId"] for event in page["events"]] == [1]


def test_only_new_events(swf: Swf) -> None:
    swf.start()
    swf.pass_time(1)
    task = swf.poll(startAtPreviousStartedEvent=True)
    assert [event["eventId"] for event in task["events"]] == [1, 2, 3]
    swf.pass_time(1)
    swf.answer(task, activity())
    swf.do()
    swf.pass_time(1)
    task = swf.poll(startAtPreviousStartedEvent=True)
    assert task["previousStartedEventId"] == 3
    assert [event["eventId"] for event in task["events"]] == [3, 4, 5, 6, 7, 8, 9]
    swf.answer(task, activity())
    swf.do()
    task = swf.poll(startAtPreviousStartedEvent=True)
    ids = [event["eventId"] for event in task["events"]]
    assert ids == [9, 10, 11, 12, 13, 14, 15]
    swf.answer(task, activity())
    swf.do()
    task = swf.poll(startAtPreviousStartedEvent=True, maximumPageSize=2)
    ids = [event["eventId"] for event in task["events"]]
    assert ids == [9, 10], "the event with the time of the previous decision task is shown as well"
    assert "nextPageToken" in task


# Separate task lists for decisions


def test_a_separate_task_list(swf: Swf) -> None:
    swf.start()
    swf.decide(activity(), taskList={"name": "own"})
    swf.do()
    assert "taskToken" not in swf.poll()
    task = swf.poll("own")
    assert swf.last("DecisionTaskCompleted") == {
        "scheduledEventId": 2,
        "startedEventId": 3,
        "taskList": {"name": "own"},
    }
    assert swf.last("DecisionTaskScheduled")["taskList"] == {"name": "own"}
    swf.answer(task)
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    assert "taskToken" in swf.poll("own"), "until another answer changes it"
    swf.pass_time(300)
    assert "taskToken" in swf.poll("own")


OWN: dict[str, Any] = {"taskList": {"name": "own"}, "taskListScheduleToStartTimeout": "10"}


def test_a_separate_task_list_for_a_time(swf: Swf) -> None:
    swf.start()
    swf.decide(activity(), **OWN)
    swf.do()
    scheduled = swf.last("DecisionTaskScheduled")
    assert (scheduled["taskList"], scheduled["scheduleToStartTimeout"]) == ({"name": "own"}, "10")
    swf.pass_time(9)
    assert "taskToken" not in swf.poll()
    swf.pass_time(1)
    assert swf.orders(8) == "DTS DecisionTaskTimedOut DTS"
    timed_out = swf.last("DecisionTaskTimedOut")
    assert timed_out == {"scheduledEventId": 8, "startedEventId": 0, "timeoutType": "SCHEDULE_TO_START"}
    scheduled = swf.last("DecisionTaskScheduled")
    assert (scheduled["taskList"], scheduled["scheduleToStartTimeout"]) == ({"name": "list"}, "NONE")
    assert "taskToken" not in swf.poll("own")
    task = swf.poll()
    assert task["previousStartedEventId"] == 3
    swf.answer(task, activity("b"))
    swf.do()
    assert "taskToken" in swf.poll(), "it has gone back to the common list"


def test_a_separate_task_list_stays_while_it_is_polled(swf: Swf) -> None:
    swf.start()
    swf.decide(activity(), **OWN)
    for _ in range(3):
        swf.do()
        swf.pass_time(9)
        task = swf.poll("own")
        swf.pass_time(20)
        swf.answer(task, activity())
    swf.do()
    task = swf.poll("own")
    swf.pass_time(300)
    assert swf.last("DecisionTaskTimedOut")["timeoutType"] == "START_TO_CLOSE"
    assert "taskToken" in swf.poll(), "the decider of that list does not answer: back to the common list"
    with fault("UnknownResourceFault"):
        swf.answer(task)


def test_a_decision_task_that_waits_while_another_is_answered_has_its_full_time(swf: Swf) -> None:
    swf.start()
    swf.decide(activity(), **OWN)
    swf.do()
    task = swf.poll("own")
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    swf.pass_time(15)
    swf.answer(task)
    swf.pass_time(9)
    assert "taskToken" in swf.poll("own")


# Answers


def test_stale_tokens(swf: Swf) -> None:
    swf.start()
    first = swf.decide(activity("1"), activity("2"), activity("3"))
    with fault("UnknownResourceFault"):
        swf.answer(first)
    done, failed, canceled = (swf.take()["taskToken"] for _ in range(3))
    swf.client.respond_activity_task_completed(taskToken=done)
    swf.client.respond_activity_task_failed(taskToken=failed)
    swf.client.respond_activity_task_canceled(taskToken=canceled, details="d")
    for token in (done, failed, canceled, "never.1.1", first["taskToken"]):
        for name in (
            "respond_activity_task_completed",
            "respond_activity_task_failed",
            "respond_activity_task_canceled",
            "record_activity_task_heartbeat",
        ):
            with fault("UnknownResourceFault"):
                getattr(swf.client, name)(taskToken=token)
    assert swf.last("ActivityTaskCanceled") == {"details": "d", "scheduledEventId": 7, "startedEventId": 10}
    swf.decide(activity("4"), COMPLETE)
    with fault("UnknownResourceFault"):
        swf.answer(first, COMPLETE)
    assert "taskToken" not in swf.take(), "tasks of a closed execution are not given out"


def test_an_execution_closes_under_its_tasks(swf: Swf) -> None:
    swf.start()
    swf.decide(activity())
    token = swf.take()["taskToken"]
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    decider = swf.poll()
    swf.client.terminate_workflow_execution(domain=DOMAIN, workflowId="w")
    for name in ("respond_activity_task_completed", "record_activity_task_heartbeat"):
        with fault("UnknownResourceFault"):
            getattr(swf.client, name)(taskToken=token)
    with fault("UnknownResourceFault"):
        swf.answer(decider)


def test_the_token_of_another_kind_of_task(swf: Swf) -> None:
    swf.start()
    task = swf.poll()
    with fault("UnknownResourceFault"):
        swf.client.respond_activity_task_completed(taskToken=task["taskToken"])
    swf.answer(task, activity())
    with fault("UnknownResourceFault"):
        swf.answer(swf.take())


@pytest.mark.parametrize(
    ("timeouts", "started", "kind"),
    [
        ({"scheduleToStartTimeout": "10"}, False, "SCHEDULE_TO_START"),
        ({"scheduleToCloseTimeout": "10"}, False, "SCHEDULE_TO_CLOSE"),
        ({"startToCloseTimeout": "10"}, True, "START_TO_CLOSE"),
        ({"scheduleToCloseTimeout": "10"}, True, "SCHEDULE_TO_CLOSE"),
        ({"heartbeatTimeout": "10"}, True, "HEARTBEAT"),
    ],
)
def test_activities_time_out(swf: Swf, timeouts: dict[str, str], started: bool, kind: str) -> None:
    swf.start()
    swf.decide(activity(**timeouts))
    token = swf.take()["taskToken"] if started else "never.1.1"
    swf.pass_time(9.9)
    assert swf.describe()["openCounts"]["openActivityTasks"] == 1
    swf.pass_time(0.1)
    attributes = swf.last("ActivityTaskTimedOut")
    assert attributes["timeoutType"] == kind
    assert (attributes["scheduledEventId"], attributes["startedEventId"]) == (5, 6 if started else 0)
    with fault("UnknownResourceFault"):
        swf.client.respond_activity_task_completed(taskToken=token)
    swf.decide(activity())
    assert swf.last("ActivityTaskScheduled")["activityId"] == "a"


def test_heartbeats(swf: Swf) -> None:
    swf.start()
    swf.decide(activity(heartbeatTimeout="10"))
    token = swf.take()["taskToken"]
    for _ in range(3):
        swf.pass_time(8)
        beat = swf.client.record_activity_task_heartbeat(taskToken=token, details="half way")
        assert beat["cancelRequested"] is False
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    swf.decide(decision("RequestCancelActivityTask", activityId="a"))
    assert swf.client.record_activity_task_heartbeat(taskToken=token)["cancelRequested"] is True
    swf.pass_time(9)
    swf.client.record_activity_task_heartbeat(taskToken=token, details="more")
    swf.pass_time(9)
    swf.client.record_activity_task_heartbeat(taskToken=token, details="latest")
    swf.pass_time(10)
    assert swf.last("ActivityTaskTimedOut") == {
        "details": "latest",
        "scheduledEventId": 5,
        "startedEventId": 6,
        "timeoutType": "HEARTBEAT",
    }


def test_cancels_of_activities(swf: Swf) -> None:
    swf.start()
    swf.decide(activity("waits"), activity("started"))
    swf.take()
    token = swf.take()["taskToken"]
    swf.start("other")
    swf.client.signal_workflow_execution(domain=DOMAIN, workflowId="w", signalName="s")
    swf.poll()
    swf.answer(swf.poll(), decision("RequestCancelActivityTask", activityId="started"))
    assert swf.orders(9) == "WorkflowExecutionSignaled DTS DTSt DTC ActivityTaskCancelRequested"
    swf.client.respond_activity_task_canceled(taskToken=token)
    assert swf.last("ActivityTaskCanceled")["latestCancelRequestedEventId"] == 13


def test_a_decision_task_times_out(swf: Swf) -> None:
    swf.start(taskStartToCloseTimeout="10")
    task = swf.poll()
    swf.pass_time(10)
    assert swf.orders(3) == "DTSt DecisionTaskTimedOut DTS"
    with fault("UnknownResourceFault"):
        swf.answer(task)
    assert swf.poll()["previousStartedEventId"] == 0
