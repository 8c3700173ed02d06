"""Random clients: the server answers any requests in any order, and histories stay valid."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simpleflow.core import codec
from simpleflow.core.history import History
from simpleflow.server import Chaos
from tests.server.clients import DOMAIN, LIST, Swf, activity, child, decision, timer
from tests.server.conftest import serve

IDS = ("a", "b", "c")
STEPS = 250


class Clients:
    """Deciders, workers and other clients in one; each move is chosen at random."""

    def __init__(self, swf: Swf, seed: int) -> None:
        self.swf = swf
        self.random = random.Random(seed)
        self.deciding: list[str] = []
        self.working: list[str] = []
        self.refusals: list[tuple[int, str]] = []

    def step(self) -> None:
        moves = [self.start, self.poll, self.poll, self.answer, self.answer, self.take, self.take, self.respond]
        try:
            self.random.choice([*moves, self.respond, self.steer])()
        except ClientError as error:
            self.refusals.append(
                (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"])
            )
        if self.random.random() < 0.2:
            self.swf.pass_time(self.random.choice([0, 0.5, 1, 4, 30]))

    def start(self) -> None:
        self.swf.start(
            self.random.choice(IDS),
            taskStartToCloseTimeout=self.random.choice(["5", "NONE"]),
            executionStartToCloseTimeout=self.random.choice(["200", "5000"]),
            childPolicy=self.random.choice(["TERMINATE", "REQUEST_CANCEL", "ABANDON"]),
        )

    def poll(self) -> None:
        task = self.swf.poll(self.random.choice(["list", "own"]), maximumPageSize=2, startAtPreviousStartedEvent=True)
        if "taskToken" in task:
            self.deciding.append(task["taskToken"])

    def answer(self) -> None:
        if not self.deciding:
            return
        token = self.random.choice(self.deciding[-3:])
        decisions = [self.decision() for _ in range(self.random.randrange(4))]
        if self.random.random() < 0.15:
            kinds = ("Complete", "Fail", "Cancel", "ContinueAsNew")
            decisions.append(decision(f"{self.random.choice(kinds)}WorkflowExecution"))
        options: dict[str, Any] = {}
        if self.random.random() < 0.3:
            options["taskList"] = {"name": self.random.choice(["own", "list"])}
            if self.random.random() < 0.8:
                options["taskListScheduleToStartTimeout"] = "3"
        self.swf.answer({"taskToken": token}, *decisions, **options)

    def decision(self) -> dict[str, Any]:
        id = self.random.choice(IDS)
        seconds = self.random.choice(["0", "3", "50", "NONE"])
        return self.random.choice(
            [
                activity(id, startToCloseTimeout=seconds, taskPriority=str(self.random.randrange(-3, 3))),
                activity(id, heartbeatTimeout=seconds),
                activity(id, scheduleToStartTimeout=seconds, taskList=LIST),
                activity(id, activityType={"name": "unknown", "version": "1"}),
                decision("RequestCancelActivityTask", activityId=id),
                timer(id, self.random.choice([0, 3, 50])),
                decision("CancelTimer", timerId=id),
                decision("RecordMarker", markerName=id, details="d"),
                child(id, taskStartToCloseTimeout=seconds),
                decision("SignalExternalWorkflowExecution", workflowId=id, signalName="s"),
                decision("RequestCancelExternalWorkflowExecution", workflowId=id),
                decision("ScheduleLambdaFunction", id=id, name="f"),
            ]
        )

    def take(self) -> None:
        task = self.swf.take()
        if "taskToken" in task:
            self.working.append(task["taskToken"])

    def respond(self) -> None:
        if not self.working:
            return
        kinds = ("completed", "failed", "canceled", "heartbeat")
        kind = self.random.choice(kinds)
        name = "record_activity_task_heartbeat" if kind == "heartbeat" else f"respond_activity_task_{kind}"
        getattr(self.swf.client, name)(taskToken=self.random.choice(self.working[-4:]))

    def steer(self) -> None:
        execution = {"domain": DOMAIN, "workflowId": self.random.choice(IDS)}
        kind = self.random.choice([*["signal"] * 6, *["cancel"] * 3, "terminate"])
        if kind == "signal":
            self.swf.client.signal_workflow_execution(**execution, signalName="s")
        elif kind == "cancel":
            self.swf.client.request_cancel_workflow_execution(**execution)
        else:
            self.swf.client.terminate_workflow_execution(**execution)


@pytest.mark.parametrize(
    ("seed", "kept", "chaos"),
    [
        (1, False, Chaos()),
        (2, True, Chaos()),
        (3, False, Chaos(shuffle=True, refuse=0.3, delay=5, page=3, seed=1)),
        (4, True, Chaos(shuffle=True, refuse=0.3, page=3, seed=2)),
    ],
)
def test_random_clients(seed: int, kept: bool, chaos: Chaos, tmp_path: Path) -> None:
    with serve(chaos=chaos, state=tmp_path if kept else None) as swf:
        clients = Clients(swf, seed)
        for _ in range(STEPS):
            clients.step()
        assert {status for status, _ in clients.refusals} == {400}
        assert (400, "UnknownResourceFault") in clients.refusals, "some answers came too late"
        seen = 0
        for id in IDS:
            for info in swf.runs(id):
                events = swf.events(id, info["execution"]["runId"])
                history = History(codec.event_from_dict(_plain(event)) for event in events)
                assert history.open == (info["executionStatus"] == "OPEN")
                seen += len(events)
        assert seen > STEPS / 3


def _plain(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "eventTimestamp": event["eventTimestamp"].timestamp()}
