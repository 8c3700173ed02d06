"""Continue as new: end this execution and start one with the same id, other arguments and an empty history.

    simpleflow workflow.start --local examples/continue_as_new.py:Countdown

Use this for a workflow that goes on for ever, or whose history would become too long.
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(raises_on_failure=True)
def announce(number: int) -> str:
    text = f"{number}..."
    print(text)
    return text


class Countdown(Workflow):
    def run(self, number: int = 3, said: list[str] | None = None) -> Any:
        said = [*(said or []), self.submit(announce, number).result]
        if number > 1:
            # This future is never done. Waiting for it ends the execution; `run` starts again with the new arguments.
            futures.wait(self.submit(self.continue_as_new(number - 1, said=said)))
        context = self.get_run_context()
        return {"said": said, "continued": context["continued_execution_run_id"] is not None}
