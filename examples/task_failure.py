"""on_task_failure: the workflow decides how to react to each failure.

simpleflow workflow.start --local examples/task_failure.py:Careful
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.task import ActivityTask, TaskFailureContext


@activity.with_attributes(raises_on_failure=True)
def ask(service: str) -> str:
    raise ConnectionError(f"{service} does not answer")


@activity.with_attributes(raises_on_failure=True)
def ask_the_copy(service: str) -> str:
    return f"what the copy of {service} says"


class Careful(Workflow):
    def on_task_failure(self, failure_context: TaskFailureContext) -> TaskFailureContext | None:
        note = f"{failure_context.task_message} (try {failure_context.attempt_number})"
        self.submit(self.record_marker("failure", note))
        task = failure_context.a_task
        if not isinstance(task, ActivityTask) or failure_context.task_error != "ConnectionError":
            return None  # the default, as without this method
        if task.args == ["weather"]:
            return failure_context.decide_ignore()  # the future holds the exception, and the run goes on
        if failure_context.attempt_number < 3:
            return failure_context.decide_retry()  # decide_retry(60) would wait a minute before
        copy = ActivityTask(ask_the_copy, *task.args)
        return failure_context.decide_handled(copy, self.submit(copy))  # use its result instead of the failed task's

    def run(self) -> dict[str, Any]:
        weather, prices = self.submit(ask, "weather"), self.submit(ask, "prices")
        futures.wait(weather, prices)
        return {"weather": weather.result, "prices": prices.result}
