"""Steps with all their options.

    simpleflow workflow.start --local examples/step.py:CustomizedStepWorkflow
    simpleflow workflow.start --local --input '{"kwargs": {"redo": ["clean"]}}' examples/step.py:CustomizedStepWorkflow

The first run runs `load.users`, `load.orders`, `clean` and `report`, and skips `audit` on request. The second one skips
all of them. With `redo`, as above, `clean` runs again, and so does `report`, since it depends on `clean`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.task import ActivityTask


@activity.with_attributes(raises_on_failure=True)
def work(what: str) -> str:
    print(f"working on {what}")
    return f"{what} is new"


@activity.with_attributes(raises_on_failure=True)
def recall(what: str) -> str:
    print(f"recalling {what}")
    return f"{what} as it was"


class CustomizedStepWorkflow(Workflow, WorkflowStepMixin):
    # The location of done marks: objects {bucket}/{prefix}/{step name}.

    def get_step_bucket(self) -> str:
        # "my-bucket" would be a bucket of Amazon S3, "s3.eu-west-1.amazonaws.com/my-bucket" one in that region,
        # "https://minio.example.com/my-bucket" one elsewhere. This one is a folder beside the run's history.
        return super().get_step_bucket()

    def get_step_path_prefix(self) -> str:
        # By default each workflow id has separate marks. Here all runs of this workflow share them.
        return "shop/steps"

    def get_step_activity_params(self) -> dict[str, Any]:
        # Marks can be read and written by separate workers: those that may write to the bucket.
        return {"task_list": "marks", "start_to_close_timeout": 30}

    def run(self, redo: Sequence[str] = (), audit: bool = False) -> dict[str, Any]:
        # Names are hierarchical: forcing "load" forces "load.users" and "load.orders". Force wins over skip.
        self.add_forced_steps(redo, "asked for")
        if not audit:
            self.add_skipped_steps("audit", "not asked for")

        loads = self.submit(
            Group(
                self.step("load.users", ActivityTask(work, "users"), force_steps_if_executed=["clean"]),
                self.step("load.orders", ActivityTask(work, "orders"), force_steps_if_executed=["clean"]),
            )
        )
        futures.wait(loads)
        steps: dict[str, Any] = {
            # Runs whenever one of the loads has run. If it is skipped, its former result is read back.
            "clean": self.submit(
                self.step(
                    "clean",
                    Chain(ActivityTask(work, "names"), ActivityTask(work, "dates")),
                    activities_if_step_already_done=ActivityTask(recall, "clean data"),
                    force_steps_if_executed=["report"],
                )
            ),
            # Step(...) is the same as self.step(...). The signal "step.report" says whether it ran or was skipped.
            "report": self.submit(Step("report", ActivityTask(work, "report"), emit_signal=True)),
            "audit": self.submit(self.step("audit", ActivityTask(work, "audit"))),
        }
        futures.wait(*steps.values(), self.submit(self.wait_signal("step.report")))
        return {
            name: {"ran": step.ran, "forced": step.forced, "reasons": step.reasons, "value": step.value}
            for name, step in steps.items()
        }
