"""Middlewares: functions that the worker calls before and after every activity.

    simpleflow workflow.start --local --middleware-pre-execution middlewares.before \\
        --middleware-post-execution middlewares.after examples/middlewares.py:Middlewares

In a program: Executor(Middlewares, middlewares={"pre": [before], "post": ["middlewares.after"]}).
"""

from __future__ import annotations

import time
from typing import Any

from simpleflow import Workflow, activity


def before(context: dict[str, Any]) -> None:
    """If it raises an exception, the activity fails."""
    context["began"] = time.perf_counter()
    print(f"{context['name']}{tuple(context['input']['args'])} begins")


def after(context: dict[str, Any], result: Any = None) -> None:
    """Gets the same dict. It is not called if the activity failed."""
    took = time.perf_counter() - context["began"]
    print(f"it returned {result!r} {'quickly' if took < 1 else 'at last'}")


@activity.with_attributes(name="square", raises_on_failure=True)
def square(number: int) -> int:
    return number * number


class Middlewares(Workflow):
    def run(self) -> list[Any]:
        return [self.submit(square, number).result for number in (2, 3)]
