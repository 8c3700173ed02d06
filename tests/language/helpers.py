"""Running a function as a workflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow import Workflow
from simpleflow.local import Executor


def as_workflow(function: Callable[..., Any]) -> type[Workflow]:
    """Return a workflow whose ``run`` is ``function`` and whose name is the function's."""
    name = function.__name__.replace("<lambda>", "a_lambda")
    return type(name, (Workflow,), {"run": function, "name": name, "__module__": __name__})


def executor(function: Callable[..., Any], **options: Any) -> Executor:
    """Return an executor of a workflow whose ``run`` is ``function``."""
    return Executor(as_workflow(function), **options)


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the result of a workflow whose ``run`` is ``function``."""
    return executor(function).run({"args": list(args), "kwargs": kwargs})
