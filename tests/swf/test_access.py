"""The policies in docs/swf-access.md: who runs with them calls what they allow, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from simpleflow.server import Server
from tests.cli.swf import DOMAIN, Commands
from tests.docs.pages import read
from tests.pauses import wait_for
from tests.swf.proxy import Proxy, before
from tests.worker import programs

FLOWS = """
import time
from pathlib import Path
from simpleflow import Workflow, activity, futures

@activity.with_attributes(raises_on_failure=True)
def work():
    return 1

@activity.with_attributes()
def fails():
    raise ValueError("no")

@activity.with_attributes(heartbeat_timeout=30)
def beats():
    Path("begun").touch()
    time.sleep(60)

class Waits(Workflow):
    name = "waits"

    def run(self):
        return self.submit(self.wait_signal("never")).result

class Other(Waits):
    name = "other"

class Fails(Workflow):
    name = "fails"
    raises_on_failure = False

    def run(self):
        self.fail("on purpose")

class Everything(Workflow):
    name = "everything"

    def run(self, first=True):
        if not first:
            return self.submit(work).result
        slow, child = self.submit(beats), self.submit(Waits)
        self.submit(self.start_timer("long", 60))
        self.submit(self.record_marker("m"))
        self.submit(self.wait_signal("go")).result
        futures.wait(self.submit(fails), self.submit(Fails))
        self.submit(self.cancel_timer("long"))
        self.submit(self.signal("told"))
        slow.cancel()
        child.cancel()
        self.submit(self.wait_signal("on")).result  # the worker has said that it is cancelled
        self.submit(self.continue_as_new(False))
"""


def policies() -> dict[str, set[str]]:
    """By heading of the page, the actions that its policy allows."""
    found = {}
    for section in read("docs/swf-access.md").split("\n## ")[1:]:
        for block in re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            statements = json.loads(block).get("Statement", [])
            assert all(each["Resource"] == "arn:aws:swf:REGION:ACCOUNT:/domain/DOMAIN" for each in statements)
            if statements:
                actions = {action.removeprefix("swf:") for each in statements for action in each["Action"]}
                found[section.split("\n")[0]] = actions
    return found


def called(proxy: Proxy) -> set[str]:
    """The operations, and the decisions in answers."""
    found = {operation for operation, _ in proxy.seen}
    return found | {each["decisionType"] for _, request in proxy.seen for each in request.get("decisions", ())}


@pytest.fixture
def roles(tmp_path: Path) -> Iterator[dict[str, tuple[Commands, Proxy]]]:
    """Commands in one folder, by role, each with a proxy of its own."""
    (tmp_path / "flows.py").write_text(FLOWS)
    with ExitStack() as stack:
        server = stack.enter_context(Server(poll_seconds=1.0))
        Commands(tmp_path, server.url).client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        found = {}
        for role in ("Deciders", "Workers", "Operators", "Starters", "Test"):
            proxy = stack.enter_context(before(server.url))
            found[role] = Commands(tmp_path, proxy.url), proxy
            stack.callback(found[role][0].close)
        yield found


def test_each_role_calls_what_its_policy_allows(roles: dict[str, tuple[Commands, Proxy]]) -> None:
    commands: dict[str, Any] = {role: found[0] for role, found in roles.items()}
    operator, test = commands["Operators"], commands["Test"]
    started = commands["Starters"].start("flows.Everything")
    first = commands["Deciders"].begin("decider.start", "flows.Everything")
    commands["Workers"].begin("worker.start", "-N", "2", "--heartbeat", "0.5")
    wait_for((operator.path / "begun").exists, "the slow activity", 30)
    first.terminate()
    programs.finish(first, 20)
    commands["Deciders"].begin("decider.start", "flows.Everything")  # one that has to read the history
    waits = operator.start("flows.Other", "--workflow-id", "w")
    for command in (
        ("workflow.signal", "everything", "--name", "go"),
        ("workflow.cancel", "w"),
        ("workflow.list",),
        ("workflow.info", *waits),
        ("workflow.start", "flows.Other", "--workflow-id", "t"),
        ("workflow.terminate", "t"),
    ):
        done = operator.run(*command)
        assert done.code == 0, done.err
    answered = roles["Workers"][1]
    wait_for(lambda: answered.count("RespondActivityTaskCanceled") > 0, "the worker to cancel", 40)
    done = operator.run("workflow.signal", "everything", "--name", "on")
    assert done.code == 0, done.err
    test.wait_for_end(*started)
    test.wait_for_end(*waits)
    last = test.client.list_closed_workflow_executions
    options = {"domain": DOMAIN, "startTimeFilter": {"oldestDate": 0}, "closeStatusFilter": {"status": "COMPLETED"}}
    wait_for(lambda: bool(last(**options)["executionInfos"]), "the run that continues it", 20)
    allowed = policies()
    seen = {role: called(proxy) for role, (_, proxy) in roles.items() if role != "Test"}
    assert set(allowed) == set(seen)
    assert {role: allowed[role] ^ seen[role] for role in seen} == {role: set() for role in seen}
