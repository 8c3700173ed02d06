# mypy: allow-untyped-defs
"""The smallest workflow with a step.

    simpleflow workflow.start --local examples/basic_step.py:AWorkflow

The first run of AWorkflow runs the step "something". The next run skips it.
"""

from simpleflow import Workflow, activity, futures
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes(task_list="example", version="example", idempotent=True)
def do_something():
    return "this is something"


class AWorkflow(Workflow, WorkflowStepMixin):
    def run(self, **context):
        futures.wait(self.submit(self.step("something", do_something)))
