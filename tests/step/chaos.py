"""Runs of steps in which anything may happen, and an independent judge of what may count as done.

What runs do must keep every mark true at every instant (``chaos_truth``), take only verdicts that may be taken
(``chaos_verdicts``), and know each child again (``chaos_children``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from simpleflow.constants import KEEP_GOING
from simpleflow.core import events as e
from simpleflow.core.history import History
from simpleflow.engines.base import StartRequest
from simpleflow.engines.memory import MemoryEngine
from simpleflow.step import claim_recovery
from simpleflow.step.projection import changes_of
from simpleflow.stores import open_store
from simpleflow.worker.decision_worker import DecisionWorker
from simpleflow.worker.dispatch import perform
from simpleflow.worker.inline import respond
from tests.step.bench import change_marks
from tests.step.chaos_between import steer
from tests.step.chaos_children import Children
from tests.step.chaos_plan import Item, Plan
from tests.step.chaos_truth import ROOT, Truth
from tests.step.chaos_verdicts import Verdicts
from tests.step.chaos_workflow import Now, workflow

__all__ = ["Choose", "Item", "Plan", "World", "workflow"]

Choose = Callable[[int], int]
"""Given how many activities are open, says which one ends next."""


class World(Truth):
    """The marks of several runs, and the truth about them."""

    def __init__(
        self,
        bucket: str,
        forces: dict[str, tuple[str, ...]],
        after: Mapping[str, tuple[str, ...]] = {},
        optional: frozenset[str] = frozenset(),
        in_history: bool = False,
    ) -> None:
        """``in_history``: the engine writes and removes the marks with the markers of steps."""
        super().__init__(forces, {name: after.get(name, ()) for name in forces}, optional)
        self.bucket = bucket
        self._in_history = in_history
        self._children = Children(self)
        self._verdicts = Verdicts(self, self._children)
        self._seen: dict[str, int] = {}  # by run id, how many events were checked
        Now.judge = self

    @property
    def marks(self) -> list[str]:
        """The names that are marked as done in the first execution."""
        return open_store(self.bucket).names(f"{ROOT}/steps")

    def check_marks(self, workflow_id: str) -> None:
        """Check all marks of an execution that are there."""
        found = {(workflow_id, name) for name in open_store(self.bucket).names(f"{workflow_id}/steps")}
        for key in found:
            if key not in self.marked:
                self.marked[key] = next(self.clock)
                self.work(key).parts = self.parts_of(key)
                self._verdicts.below.completed(key)
            assert self.is_true(key), f"{key} is marked as done and is stale"
        for key in [each for each in self.marked if each[0] == workflow_id and each not in found]:
            del self.marked[key]

    def run(self, plan: Plan, choose: Choose) -> list[e.Event]:
        """One run; returns its events. Checks the marks after every activity and every verdict as it is taken."""
        Now.judge = self
        os.environ["SIMPLEFLOW_STEP_CLAIMS"] = str(int(plan.claims))
        steer(self, self._verdicts.below, self.bucket, plan)
        self.start(plan)
        self._children.start()
        self._verdicts.start()
        self._seen.clear()
        engine = MemoryEngine()
        if self._in_history:
            engine = MemoryEngine(project=changes_of, change_marks=lambda changes: change_marks(self.bucket, changes))
        own_bucket = self.bucket if self._in_history else None
        deciders = DecisionWorker(engine, {"chaos": workflow(self, plan)}, default_bucket=own_bucket)
        run_id = engine.start_workflow_execution(StartRequest(ROOT, "chaos", "1", input=json.dumps(_input(plan))))
        history = engine.runs[run_id].history
        open_tasks = []
        done = 0
        while (history := _continued(engine, history)).open:
            engine.expire()
            while (decision := engine.poll_for_decision_task()) is not None:
                deciders.decide(decision)
                engine.flush()
                self._check_events(engine)
                self.check_marks(decision.workflow_id)
                if not engine.runs[decision.run_id].history.open:
                    claim_recovery.release([engine.runs[decision.run_id]])
            while (task := engine.poll_for_activity_task()) is not None:
                open_tasks.append(task)
            history = _continued(engine, history)
            # An execution that failed has no more tasks.
            open_tasks = [each for each in open_tasks if engine.runs[each.run_id].history.open]
            if not history.open:
                break
            assert open_tasks, "nothing is under way, and the run has not ended"
            task = open_tasks.pop(choose(len(open_tasks)))
            respond(engine, task.token, perform(task, deciders.activities))
            self.check_marks(task.workflow_id)
            done += 1
            if done == plan.stop_after:
                if not plan.resumes:
                    # As if the process were gone: nobody else waits for it.
                    claim_recovery.release(engine.runs.values())
                    return history.events
                for each in list(engine.runs):
                    deciders.forget(each)
        for each in self.tags:
            self.check_marks(each)
        if plan.raises and isinstance(history.events[-1].attributes, e.WorkflowExecutionFailed):
            assert self.may_fail(), history.events[-1]
            claim_recovery.release(engine.runs.values())
            return history.events
        for each in self.tags:
            assert open_store(self.bucket).names(f".claims/{each}/steps") == []
        assert isinstance(history.events[-1].attributes, e.WorkflowExecutionCompleted), history.events[-1]
        return history.events

    def _change_with(self, workflow_id: str, details: dict[str, Any]) -> None:
        """The marks change with a marker: one may be written by it, and removed by the next one."""
        for name in details.get("unmarks", ()):
            self.marked.pop((workflow_id, name), None)
        if "mark" in details:
            key = (workflow_id, details["step"])
            self.marked[key] = next(self.clock)
            assert self.is_true(key), f"{key} is marked as done and is stale"

    def _check_activity(self, workflow_id: str, attributes: e.ActivityTaskScheduled) -> None:
        """An activity was scheduled: it may be one that a step begins to be skipped with."""
        name = attributes.activity_type.name.rpartition(".")[2]
        # The mark that keeps the result is also read for the verdict, unless another activity has done so.
        plan = self.plan
        reads_later = plan.keeps and not plan.alternates and (plan.reads or plan.makes)
        is_read = name == "GetStepMarkTask" and reads_later
        if is_read or name == "instead":
            self._verdicts.begins_skipping((workflow_id, json.loads(attributes.input or "")["args"][-1]))

    def _check_events(self, engine: MemoryEngine) -> None:
        """Check the events since the last time."""
        for run_id, run in list(engine.runs.items()):
            for event in run.history.events[self._seen.get(run_id, 0) :]:
                attributes = event.attributes
                if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == "log.step":
                    details = json.loads(attributes.details or "")
                    if details.get("in_history") or "mark" in details:
                        self._change_with(run.workflow_id, details)
                    self._verdicts.check(run.workflow_id, details)
                elif isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == "log.step.stopped":
                    self._verdicts.stop(run.workflow_id, json.loads(attributes.details or ""))
                elif isinstance(attributes, e.WorkflowExecutionContinuedAsNew):
                    self._children.continued(run.workflow_id)
                elif isinstance(attributes, e.ActivityTaskScheduled):
                    self._check_activity(run.workflow_id, attributes)
                elif isinstance(attributes, e.StartChildWorkflowExecutionInitiated):
                    self._children.started(run.workflow_id, attributes)
                else:
                    self._children.ended(attributes)
            self._seen[run_id] = len(run.history.events)


def _continued(engine: MemoryEngine, history: History) -> History:
    """The history of the execution that continues this one."""
    while history.events and isinstance(last := history.events[-1].attributes, e.WorkflowExecutionContinuedAsNew):
        history = engine.runs[last.new_execution_run_id].history
    return history


def _input(plan: Plan) -> dict[str, Any]:
    """The input of the first execution, with the request at start."""
    request: dict[str, Any] = {}
    if plan.requested_skips:
        request["skip"] = sorted(plan.requested_skips)
    if plan.requested:
        request["force"] = sorted(plan.requested)
    if plan.until:
        request["until"] = sorted(plan.until)
    if plan.only:
        request["only"] = sorted(plan.only)
    if plan.requests_changed:
        request["changed"] = True
    more: dict[str, Any] = {KEEP_GOING: True} if plan.keeps_going else {}
    return {"args": [], "kwargs": {}} | more | ({"__simpleflow_steps": request} if request else {})
