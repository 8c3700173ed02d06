"""Time of one activity with its decision: in process, and over HTTP with boto3 against the local server.

    python -m bench.server [NUMBER]

Over HTTP, one client makes two polls and two answers one after the other; the server is another process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from bench.measure import ROOT
from simpleflow import Workflow, activity
from simpleflow.local import Executor

IN_PROCESS_LIMIT = 0.6
HTTP_LIMIT = 6.0
ROUNDS = 5
DOMAIN = "bench"
LIST = {"name": "list"}
TYPE = {"name": "type", "version": "1"}


@activity.with_attributes(name="bench.add_one")
def add_one(number: int) -> int:
    return number + 1


class Sequence(Workflow):
    name = "bench.sequence"

    def run(self, number: int) -> int:
        total = 0
        for _ in range(number):
            total = self.submit(add_one, total).result
        return total


def in_process(number: int) -> float:
    """Return the milliseconds per activity."""
    began = time.perf_counter()
    Executor(Sequence).run([number])
    return (time.perf_counter() - began) * 1e3 / number


def over_http(client: Any, number: int, workflow_id: str) -> float:
    """Return the milliseconds per activity. The decider requests only new events."""
    client.start_workflow_execution(domain=DOMAIN, workflowId=workflow_id, workflowType=TYPE)
    began = time.perf_counter()
    for index in range(number):
        decision = client.poll_for_decision_task(domain=DOMAIN, taskList=LIST, startAtPreviousStartedEvent=True)
        attributes = {"activityId": str(index), "activityType": TYPE, "input": "{}"}
        client.respond_decision_task_completed(
            taskToken=decision["taskToken"],
            decisions=[{"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}],
        )
        task = client.poll_for_activity_task(domain=DOMAIN, taskList=LIST)
        client.respond_activity_task_completed(taskToken=task["taskToken"], result="1")
    seconds = time.perf_counter() - began
    client.terminate_workflow_execution(domain=DOMAIN, workflowId=workflow_id)
    return seconds * 1e3 / number


def connect(url: str) -> Any:
    """Return a client, after registering the types."""
    import boto3

    client = boto3.client(
        "swf",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )
    task = {"defaultTaskList": LIST, "defaultTaskStartToCloseTimeout": "300"}
    limits = {f"defaultTask{kind}Timeout": "NONE" for kind in ("ScheduleToStart", "ScheduleToClose", "Heartbeat")}
    client.register_activity_type(domain=DOMAIN, **TYPE, **task, **limits)
    execution = {"defaultExecutionStartToCloseTimeout": "3600", "defaultChildPolicy": "TERMINATE"}
    client.register_workflow_type(domain=DOMAIN, **TYPE, **task, **execution)
    return client


def main() -> int:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    best = min(in_process(number) for _ in range(ROUNDS))
    print(f"in process        {best:6.2f} ms (at most {IN_PROCESS_LIMIT})")
    over = best > IN_PROCESS_LIMIT
    for name, options in (("over HTTP", []), ("over HTTP, kept", ["--state"])):
        over = _serve(name, number, options) > HTTP_LIMIT or over
    return int(over)


def _serve(name: str, number: int, options: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        state = [*options, folder] if options else []
        command = [sys.executable, "-m", "simpleflow", "server", "--port", "0", "--domain", DOMAIN, *state]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        try:
            assert process.stdout is not None
            client = connect(process.stdout.readline().strip())
            best = min(over_http(client, number, f"w{index}") for index in range(ROUNDS))
        finally:
            process.terminate()
            process.wait()
    print(f"{name:17} {best:6.2f} ms (at most {HTTP_LIMIT})")
    return best


if __name__ == "__main__":
    sys.exit(main())
