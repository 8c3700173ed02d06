"""What a step costs on Amazon SWF: API calls, events, and tasks and markers that Amazon charges for.

    python -m bench.swf_cost [--steps 100]

It runs workflows with one decider and one worker against the local server, and takes the difference between runs with
many steps and with none. Empty polls are left out: they cost nothing, and depend on the time between runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from simpleflow import Workflow, activity, futures, values
from simpleflow.core import events as e
from simpleflow.engines.base import StartRequest
from simpleflow.engines.swf import registration
from simpleflow.engines.swf.activities import SwfActivitySource
from simpleflow.engines.swf.client import client
from simpleflow.engines.swf.decisions import SwfDecisionSource, limits
from simpleflow.engines.swf.engine import SwfEngine
from simpleflow.server import Server
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.task import ActivityTask
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import perform
from simpleflow.worker.inline import respond

DOMAIN = "bench"
_SHOWN = 0.2  # calls a step; operations with fewer have no column
DOLLARS_A_TASK = 0.000025
"""For a task, a marker, a timer or a signal, in most regions (2026); a started execution costs 0.0001."""

CHARGED = (e.ActivityTaskScheduled, e.MarkerRecorded, e.TimerStarted, e.WorkflowExecutionSignaled)


@activity.with_attributes(name="bench.cost.work", version="1", raises_on_failure=True)
def work(number: int) -> int:
    return number


class Activities(Workflow):
    """Activities one after the other, without steps."""

    name = "bench.cost.activities"

    def run(self, count: int) -> None:
        for number in range(count):
            futures.wait(self.submit(work, number))


class Steps(Workflow, WorkflowStepMixin):
    """Steps one after the other."""

    name = "bench.cost.steps"
    folder: ClassVar[Path]
    options: ClassVar[dict[str, Any]] = {}

    def get_step_bucket(self) -> str:
        return str(self.folder)

    def run(self, count: int) -> None:
        for number in range(count):
            futures.wait(self.submit(self.step(f"s{number}", ActivityTask(work, number), **self.options)))


class Together(Steps):
    """The same steps, all submitted at once."""

    name = "bench.cost.together"

    def run(self, count: int) -> None:
        steps = [self.step(f"s{number}", ActivityTask(work, number), **self.options) for number in range(count)]
        futures.wait(*(self.submit(step) for step in steps))


class Cost(NamedTuple):
    """Of one run."""

    calls: int
    events: int
    charged: int
    by_api: Counter[str]
    """The calls by operation."""


class Costs:
    """Runs workflows against a server, and counts."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._over = threading.Event()
        self._number = 0
        registration.register_domain(client("calls"), DOMAIN)
        for purpose in ("polls", "calls"):
            client(purpose).meta.events.register("after-call.swf", self._count)
        self._threads = [threading.Thread(target=each) for each in (self._decide, self._work)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop the decider and the worker."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def run(self, kind: type[Workflow], count: int) -> Cost:
        """Run a workflow of ``count`` steps."""
        self._number += 1
        engine = SwfEngine(DOMAIN)
        text = values.encode({"args": [count], "kwargs": {}}, "input")
        before = self._calls.copy()
        run_id = engine.start_workflow_execution(StartRequest("w", kind.name or "", "1", text))
        calls = client("calls")
        while True:
            time.sleep(0.05)
            info = calls.describe_workflow_execution(domain=DOMAIN, execution={"workflowId": "w", "runId": run_id})
            if info["executionInfo"]["executionStatus"] == "CLOSED":
                break
        made = self._calls - before
        events = engine.history("w", run_id)
        assert isinstance(events[-1].attributes, e.WorkflowExecutionCompleted), events[-1]
        charged = sum(isinstance(each.attributes, CHARGED) for each in events)
        return Cost(made.total(), len(events), charged, made)

    def _count(self, parsed: dict[str, Any], model: Any, **rest: Any) -> None:
        name = model.name
        if name in ("DescribeWorkflowExecution", "GetWorkflowExecutionHistory"):
            return  # made by this file
        if not name.startswith("PollFor") or parsed.get("taskToken"):
            self._calls[name] += 1

    def _decide(self) -> None:
        source = SwfDecisionSource(DOMAIN, "default")
        kinds: dict[str, type[Workflow]] = {each.name or "": each for each in (Activities, Steps, Together)}
        worker = DecisionWorker(source, kinds, DOMAIN, limits=limits())
        while not self._over.is_set():
            task = source.poll_for_decision_task()
            if task is not None:
                worker.decide(task)

    def _work(self) -> None:
        source = SwfActivitySource(DOMAIN, "default")
        while not self._over.is_set():
            task = source.poll_for_activity_task()
            if task is not None:
                respond(source, task.token, perform(task, domain=DOMAIN))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.swf_cost", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=100, help="steps of a run; default: 100")
    count = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as folder, Server(poll_seconds=0.3) as server:
        os.environ |= {
            "AWS_ENDPOINT_URL_SWF": server.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "SIMPLEFLOW_STEP_CLAIMS": "0",
        }
        costs = Costs()
        try:
            _report(costs, Path(folder), count)
        finally:
            costs.close()


def _report(costs: Costs, folder: Path, count: int) -> None:
    by_api: dict[str, dict[str, float]] = {}
    print("| | API calls | events | tasks and markers | dollars per 1,000 |")
    print("|---|---|---|---|---|")

    def line(label: str, kind: type[Workflow], prepare: Callable[[], object] = lambda: None) -> None:
        prepare()
        none, many = costs.run(kind, 0), costs.run(kind, count)
        each = [(one - other) / count for one, other in zip(many[:3], none[:3], strict=True)]
        by_api[label] = {name: (many.by_api[name] - none.by_api[name]) / count for name in many.by_api}
        print(f"| {label} | {each[0]:.1f} | {each[1]:.1f} | {each[2]:.1f} | {each[2] * 1_000 * DOLLARS_A_TASK:.3f} |")

    costs.run(Activities, 1)  # registers the types
    for kind in (Steps, Together):
        kind.folder = folder / "first"
        costs.run(kind, 1)
    line("an activity without a step", Activities)
    for label, options in (("", {}), (", with a kept result", {"keep_result": True})):
        for kind, how in ((Steps, "one after the other"), (Together, "submitted together")):
            kind.folder, kind.options = folder / f"{kind.__name__}{len(options)}", options
            line(f"a step that runs, {how}{label}", kind)
            line(f"a step that is skipped, {how}{label}", kind)
    names = sorted({name for each in by_api.values() for name, calls in each.items() if calls >= _SHOWN})
    print(f"\n| calls | all | {' | '.join(names)} |")
    print(f"|---|---:|{'---:|' * len(names)}")
    for label, calls in by_api.items():
        print(f"| {label} | {sum(calls.values()):.2f} | {' | '.join(f'{calls.get(name, 0):.2f}' for name in names)} |")


if __name__ == "__main__":
    main()
