"""Signals: something that an execution is told from outside, or by another execution.

    simpleflow workflow.start --local examples/signals.py:Approval

Here a child asks for an approval and the parent gives it. Anybody else could: a program, or a person with the command
line.
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(raises_on_failure=True)
def publish(who: str, pages: int) -> str:
    return f"{pages} pages published, approved by {who}"


class Publication(Workflow):
    name = "publication"

    @classmethod
    def get_workflow_id(cls) -> str:
        return "publication-of-today"

    def run(self) -> str:
        # A wait is submitted like anything else, and is over at once if the signal has come in before.
        approval = self.submit(self.wait_signal("approved")).result
        (who,), pages = approval["args"], approval["kwargs"]["pages"]
        return str(self.submit(publish, who, pages).result)


class Approval(Workflow):
    name = "approval"

    def run(self) -> dict[str, Any]:
        publication = self.submit(Publication)
        # To one execution by its id. Without an id it goes to this execution, and with propagate=True, which is the
        # default, also to its children that are under way and to its parent.
        pause = self.submit(self.start_timer("think", 0))
        futures.wait(pause)
        self.submit(self.signal("approved", "Ann", workflow_id="publication-of-today", pages=3))
        self.submit(self.signal("noted", "for myself", propagate=False))
        (noted,) = futures.wait(self.submit(self.wait_signal("noted")))
        return {"child": publication.result, "noted": noted["args"]}
