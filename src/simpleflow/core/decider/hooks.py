"""Hooks: the methods that a workflow class may override to follow its execution, called in one evaluation.

A hook runs in a fiber and may submit. A hook that raises fails the run.
"""

from __future__ import annotations

from simpleflow.core.decider.executor import Executor
from simpleflow.scopes import Scope
from simpleflow.workflow import Workflow


class Hooks:
    """Calls the hooks of the workflow that an executor evaluates."""

    def __init__(self, executor: Executor, workflow_class: type[Workflow]) -> None:
        self._executor = executor
        self._class = workflow_class
        self._called: set[str] = set()  # the closing hooks that were called

    def repeat(self, name: str) -> object:
        """Call a hook that belongs to every decision, if the class overrides it; returns its result."""
        if getattr(self._class, name) is getattr(Workflow, name, None):
            return None
        with self._executor.repeated(name):
            return self._call(name)

    def close(self, name: str, *args: object, waits: bool = False) -> None:
        """Call a closing hook, once in an evaluation: closing may be refused and decided again.

        ``waits``: the execution does not close before the work that the hook submits is done; else it may submit none.
        """
        if name not in self._called:
            self._called.add(name)
            self._executor.closing = None if waits else name
            self._call(name, *args)
            self._executor.settle()
            self._executor.closing = None

    def _call(self, name: str, *args: object) -> object:
        executor = self._executor
        returned = []

        def call() -> None:
            returned.append(getattr(executor.workflow, name)(executor.history, *args))

        executor.spawn(call, Scope(name))
        return returned[0] if returned else None
