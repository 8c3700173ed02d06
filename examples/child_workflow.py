"""A workflow can submit other workflows. Each child is a separate execution with its own history.

simpleflow workflow.start --local examples/child_workflow.py:Parent
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group


@activity.with_attributes(raises_on_failure=True)
def greet(name: str) -> str:
    return f"Hello, {name}!"


class Child(Workflow):
    name = "child"
    version = "1.0"
    # A child inherits nothing by default. This gives it the tags of its parent.
    tag_list = Workflow.INHERIT_TAG_LIST

    def run(self, who: str) -> dict[str, Any]:
        context = self.get_run_context()
        return {
            "greeting": self.submit(greet, who).result,
            "my id": context["workflow_id"],
            "parent": context["parent_workflow_id"],
        }


class NamedChild(Child):
    name = "named child"

    @classmethod
    def get_workflow_id(cls, who: str) -> str:
        # Without this method, the id is made of the parent's id and the position of this submission in the parent.
        return f"greeting-of-{who}"


class Parent(Workflow):
    name = "parent"

    def run(self) -> list[dict[str, Any]]:
        alone = self.submit(Child, "Ann")
        together = self.submit(Group((Child, "Ben"), (NamedChild, "Cid")))
        futures.wait(alone, together)
        return [alone.result, *together.result]
