"""Limits that are not set, as Amazon SWF gets them: NONE in the decision, which wins over the type's defaults."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.core import events as e
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from tests.swf.served import DOMAIN, Crew, ended, outcome, start

NAME = "limits.unlimited"
REGISTERED = {
    "defaultTaskStartToCloseTimeout": "NONE",
    "defaultTaskScheduleToCloseTimeout": "NONE",
    "defaultTaskScheduleToStartTimeout": "NONE",
    "defaultTaskHeartbeatTimeout": "300",
}


@activity.with_attributes(name=NAME, version="1", raises_on_failure=True)
def unlimited() -> int:
    return 1


class Unlimited(Workflow):
    name = "limits.workflow"

    def run(self) -> Any:
        return self.submit(unlimited).result


@pytest.mark.parametrize("before", [None, "1"])
def test_no_limit_applies_but_the_heartbeats(server: Server, before: str | None) -> None:
    """``before``: the type is there, registered by another version of the library with these seconds everywhere."""
    calls = client("calls")
    kind = {"name": NAME, "version": "1"}
    if before is not None:
        given = dict.fromkeys(REGISTERED, before)
        calls.register_activity_type(domain=DOMAIN, defaultTaskList={"name": "default"}, **kind, **given)
    start(Unlimited)
    with Crew():
        assert ended().status == "completed", outcome()
    [scheduled] = [
        each.attributes
        for each in SwfEngine(DOMAIN).history("w")
        if isinstance(each.attributes, e.ActivityTaskScheduled)
    ]
    limits = (
        scheduled.start_to_close_timeout,
        scheduled.schedule_to_close_timeout,
        scheduled.schedule_to_start_timeout,
        scheduled.heartbeat_timeout,
    )
    assert limits == ("NONE", "NONE", "NONE", "300")
    found = calls.describe_activity_type(domain=DOMAIN, activityType=kind)["configuration"]
    assert {key: found[key] for key in REGISTERED} == (REGISTERED if before is None else given)
