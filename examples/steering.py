"""Results that are kept, and steps that run again when their inputs have changed.

Try these commands in the folder above, and view the plan before each run::

    simpleflow step.plan examples/steering.py:Shop
    simpleflow workflow.start --local examples/steering.py:Shop
    simpleflow workflow.start --local examples/steering.py:Shop --input '["USD"]'
    simpleflow workflow.start --local examples/steering.py:Shop --force report --skip '*'
    simpleflow step.list examples/steering.py:Shop
    simpleflow step.forget examples/steering.py:Shop orders
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity
from simpleflow.step import WorkflowStepMixin

RATES = {"EUR": 1.0, "USD": 1.25}


@activity.with_attributes(raises_on_failure=True)
def orders() -> list[float]:
    print("fetching orders")
    return [12.0, 30.0]


@activity.with_attributes(raises_on_failure=True)
def total(amounts: list[float], currency: str) -> str:
    print(f"adding up in {currency}")
    return f"{sum(amounts) * RATES[currency]:.2f} {currency}"


@activity.with_attributes(raises_on_failure=True)
def report(text: str) -> str:
    print(f"writing: {text}")
    return text


class Shop(Workflow, WorkflowStepMixin):
    name = "shop"

    def run(self, currency: str = "EUR") -> dict[str, Any]:
        # A run that skips this step reads its result from the mark.
        fetched: Any = self.submit(self.step("orders", orders, force_steps_if_executed=["total"], keep_result=True))
        summed: Any = self.submit(
            self.step(
                "total",
                (total, fetched.value, currency),
                force_steps_if_executed=["report"],
                keep_result=True,
                fingerprint={"currency": currency, "rate": RATES[currency]},
            )
        )
        written: Any = self.submit(self.step("report", (report, summed.value)))
        return {"total": summed.value, "why": [summed.reasons, written.reasons]}
