"""Idempotent activities run once for equal arguments in an execution, however often they are submitted.

simpleflow workflow.start --local examples/idempotence.py:Idempotence
"""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures


@activity.with_attributes(idempotent=True, raises_on_failure=True)
def download(url: str, formats: list[str]) -> str:
    print(f"downloading {url}")
    return f"content of {url}"


@activity.with_attributes(raises_on_failure=True)
def roll(sides: int) -> str:
    print("rolling")
    return f"a die of {sides} sides"


class Idempotence(Workflow):
    def run(self) -> dict[str, Any]:
        pages = [self.submit(download, url, formats=["html"]) for url in ("a.example", "b.example", "a.example")]
        # An activity that is not idempotent runs each time that it is submitted.
        dice = [self.submit(roll, 6) for _ in range(2)]
        futures.wait(*pages, *dice)
        return {"pages": [page.result for page in pages], "same task": pages[0] is pages[2], "dice": len(dice)}
