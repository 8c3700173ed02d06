"""Signals: messages to an execution, from outside or from another execution.

    simpleflow workflow.start --local examples/signals.py:Approval

Here a child requests an approval and the parent gives it. A program, or a person at the command line, could give it
as well.
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
        # A wait is submitted like anything else. It ends at once if the signal has arrived before.
        approval = self.submit(self.wait_signal("approved")).result
        (who,), pages = approval["args"], approval["kwargs"]["pages"]
        return str(self.submit(publish, who, pages).result)


class Approval(Workflow):
    name = "approval"

    def run(self) -> dict[str, Any]:
        publication = self.submit(Publication)
        # This goes to one execution, by its id. Without an id it goes to this execution and, with propagate=True (the
        # default), also to its parent and its open children.
        pause = self.submit(self.start_timer("think", 0))
        futures.wait(pause)
        self.submit(self.signal("approved", "Ann", workflow_id="publication-of-today", pages=3))
        self.submit(self.signal("noted", "for myself", propagate=False))
        (noted,) = futures.wait(self.submit(self.wait_signal("noted")))
        return {"child": publication.result, "noted": noted["args"]}
