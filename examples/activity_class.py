"""Activities as classes, and the context of the task that an activity runs in.

simpleflow workflow.start --local examples/activity_class.py:ActivityClass
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(raises_on_failure=True)
class Parcel:
    """Made with the submitted arguments. Then `execute` runs, which returns the result, and then `post_execute`."""

    context: dict[str, Any]

    def __init__(self, content: str, weight: int = 1) -> None:
        self.content, self.weight = content, weight

    def execute(self) -> dict[str, Any]:
        return {"content": self.content, "weight": self.weight, "for": self.context["workflow_id"]}

    def post_execute(self) -> None:
        print(f"{self.content} is on its way")


@activity.with_attributes(raises_on_failure=True)
def which_task() -> str:
    # While a function runs, the same dict is the attribute `context` of the function.
    return str(which_task.context["activity_id"])


def tagged(text: str, context: dict[str, Any]) -> str:
    return f"{text} {context['tag_list']}"


tagged.add_context_in_kwargs = True  # type: ignore[attr-defined]  # pass the context as an argument instead
with_tags = activity.with_attributes(raises_on_failure=True)(tagged)


class ActivityClass(Workflow):
    def run(self) -> list[Any]:
        return futures.wait(
            self.submit(Parcel, "a book", weight=2), self.submit(which_task), self.submit(with_tags, "tags:")
        )
