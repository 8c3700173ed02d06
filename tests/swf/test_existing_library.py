"""Runs that the existing library named simpleflow has started or begun."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, values
from simpleflow.core import decisions as d
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.swf.decisions import SwfDecisionSource
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.exceptions import InputError
from simpleflow.server import Server
from simpleflow.worker.decision_worker import DecisionWorker
from tests.swf.request_counts import work
from tests.swf.served import DOMAIN, Crew, ended, outcome

IDENTITY = '{"exe": "/usr/bin/python3", "hostname": "h", "pid": 7, "user": "u"}'


class Takes(Workflow):
    name = "existing.takes"

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return [list(args), kwargs]


class Works(Workflow):
    name = "existing.works"

    def run(self) -> Any:
        return self.submit(work, 1).result


def begin(workflow_class: type[Workflow], text: str, workflow_id: str = "w") -> str:
    return SwfEngine(DOMAIN).start_workflow_execution(StartRequest(workflow_id, workflow_class.name or "", "1", text))


INPUTS = {
    '{"__extra":{"class":"a.B"},"args":[1],"kwargs":{"b":2}}': [[1], {"b": 2}],
    '{"__extra":{"class":"a.B"},"args":[1],"kwargs":{},"meta":{"binaries":{}}}': [[1], {}],
    '{"args":[],"kwargs":{"meta":1},"meta":null}': [[], {"meta": 1}],
    '{"kwargs":{"x":1},"__extra":{}}': [[], {"x": 1}],
    '{"meta":1}': [[{"meta": 1}], {}],
    '{"__extra":1}': [[{"__extra": 1}], {}],
    '{"__extra":{"class":"a.B"}}': [[], {}],
    '{"__extra":{"class":"a.B"},"x":1}': [[{"x": 1}], {}],
    '{"args":[1],"other":2}': [[{"args": [1], "other": 2}], {}],
}


def test_what_it_puts_beside_arguments_is_dropped(server: Server) -> None:
    for text in INPUTS:
        begin(Takes, text, text.replace(":", "="))
    with Crew():
        for text in INPUTS:
            assert ended(text.replace(":", "=")).status == "completed"
    for text, result in INPUTS.items():
        assert values.decode(outcome(text.replace(":", "=")).result) == result


@pytest.mark.parametrize(
    ("identity", "context", "refused"),
    [
        (IDENTITY, None, True),
        (IDENTITY, '{"waiting_signals":["go"]}', True),
        (IDENTITY, "", True),
        ("me", None, True),
        ("me", "[]", True),
        (IDENTITY, '{"code":"x"}', True),
        ('{"user":"u","host":"h","pid":7,"exe":"e","hostname":"h"}', '{"code":"x"}', False),
    ],
)
def test_a_run_that_its_decider_began_is_refused(
    server: Server, identity: str, context: str | None, refused: bool
) -> None:
    begin(Works, "[]")
    source = SwfDecisionSource(DOMAIN, "default")
    task = source.poll_for_decision_task(identity)
    assert task is not None
    scheduled = d.RecordMarker(marker_name="theirs")
    timer = d.StartTimer(timer_id="theirs", start_to_fire_timeout="0")
    source.respond_decision_task_completed(task.token, [scheduled, timer], context)
    second = source.poll_for_decision_task()
    assert second is not None
    worker = DecisionWorker(source, {}, DOMAIN)
    if not refused:
        worker.decide(second)
        return
    with pytest.raises(InputError, match=r"event 5 \(MarkerRecorded\) was decided by another decider") as raised:
        worker.decide(second)
    assert "\n" not in str(raised.value)
    assert SwfEngine(DOMAIN).history("w")[-1].id == second.started_event_id


def test_an_answer_without_decisions_is_not_refused(server: Server) -> None:
    begin(Works, "[]")
    source = SwfDecisionSource(DOMAIN, "default")
    task = source.poll_for_decision_task(IDENTITY)
    assert task is not None
    source.respond_decision_task_completed(task.token, [])
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go on")
    with Crew():
        assert ended().status == "completed"


def test_a_decider_of_it_that_comes_in_between_is_noticed(server: Server) -> None:
    begin(Works, "[]")
    source = SwfDecisionSource(DOMAIN, "default")
    worker = DecisionWorker(source, {}, DOMAIN)
    for identity in ("me", IDENTITY):
        task = source.poll_for_decision_task(identity)
        assert task is not None
        if identity == "me":
            worker.decide(task)
            SwfEngine(DOMAIN).signal_workflow_execution("w", "go on")
        else:
            source.respond_decision_task_completed(task.token, [d.RecordMarker(marker_name="theirs")])
    SwfEngine(DOMAIN).signal_workflow_execution("w", "go on")
    last = source.poll_for_decision_task()
    assert last is not None
    with pytest.raises(InputError, match="was decided by another decider"):
        worker.decide(last)


def test_an_activity_that_its_decider_scheduled_is_done(server: Server) -> None:
    begin(Works, "[]")
    source = SwfDecisionSource(DOMAIN, "default")
    with Crew(deciders=0):
        task = source.poll_for_decision_task(IDENTITY)
        assert task is not None
        kind = e.ActivityType(work.name, work.version)
        scheduled = d.ScheduleActivityTask(
            activity_id="a",
            activity_type=kind,
            input='{"args":[5],"kwargs":{},"meta":{"binaries":{}}}',
            task_list=e.TaskList("default"),
            start_to_close_timeout="60",
            schedule_to_close_timeout="60",
            schedule_to_start_timeout="60",
            heartbeat_timeout="60",
        )
        source.respond_decision_task_completed(task.token, [scheduled])
        second = source.poll_for_decision_task()  # registers the type
        assert second is not None
        source.respond_decision_task_completed(second.token, [scheduled])
        third = source.poll_for_decision_task()
        assert third is not None
        results = [each.attributes for each in third.events if isinstance(each.attributes, e.ActivityTaskCompleted)]
    assert [values.decode(each.result) for each in results] == [work(5)]
