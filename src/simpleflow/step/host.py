"""The machinery of steps sees the workflow and the steps that it serves through these protocols alone."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Protocol

from simpleflow.base import Call, Executor, Submittable
from simpleflow.futures import Future, Promise, promise_of
from simpleflow.retries import Retry
from simpleflow.scopes import Scope
from simpleflow.step.constants import SIGNAL_PREFIX
from simpleflow.step.fingerprints import Fingerprint
from simpleflow.task import MarkerTask, SignalTask
from simpleflow.taskids import unclean


class Host(Protocol):
    """The workflow that submits steps."""

    task_list: str | None
    step_changes: str | None

    @property
    def executor(self) -> Executor:
        """The object that evaluates the workflow."""

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Future:
        """See ``Workflow.submit``."""

    def get_run_context(self) -> dict[str, Any]:
        """See ``Workflow.get_run_context``."""

    def record_marker(self, name: str, details: Any = None) -> MarkerTask:
        """See ``Workflow.record_marker``."""

    def signal(
        self,
        name: str,
        *args: Any,
        workflow_id: str | None = None,
        run_id: str | None = None,
        propagate: bool = True,
        **kwargs: Any,
    ) -> SignalTask:
        """See ``Workflow.signal``."""

    @property
    def marks_location(self) -> tuple[str, str]:
        """See ``WorkflowStepMixin.marks_location``."""

    def get_step_activity_params(self) -> dict[str, Any]:
        """See ``WorkflowStepMixin.get_step_activity_params``."""


class Definition(Protocol):
    """A submitted step; see ``submittable.Step`` for the attributes."""

    step_name: str
    force: bool
    emit_signal: bool
    force_steps_if_executed: list[str]
    bubbles_exception_on_failure: bool
    keep_result: bool
    fingerprint: str | None
    ready_made: Fingerprint | None
    outputs: list[str]
    optional: bool
    after: list[str]
    retries: Retry

    def work(self) -> Submittable:
        """The work of the step."""

    def work_time_limit(self) -> float | None:
        """The seconds that the work may take, with all its retries; None if it has no limit."""

    def calls(self) -> Sequence[Call]:
        """See ``Submittable.calls``."""

    def is_plain(self) -> bool:
        """True if nothing but its name and its work, without other steps inside, says what it does and when."""

    def holds_steps(self) -> bool:
        """True if the work may have other steps inside."""

    def alternative(self) -> Submittable | None:
        """The work to do when the step is skipped, or None."""


def submit(host: Host, submittable: Any, scope: Scope) -> Promise:
    """Submit something in ``scope``, but no step; returns its promise."""
    return promise_of(submit_any(host, submittable, scope))


def submit_any(host: Host, submittable: Any, scope: Scope) -> Future:
    """Submit something in ``scope``. A step keeps its result while the code of the workflow holds the future."""
    with host.executor.within(scope):
        return host.submit(submittable)


def scope_label(name: str, number: int) -> str:
    """The label of the scope in which the ``number``-th verdict on a step (from 0) submits.

    It depends on the name of the step alone, so that its task ids are the same wherever the step is submitted. No name
    has two dots in a row, or a dot at its end: nothing inside a step is ever taken for another step.
    """
    return f"{SIGNAL_PREFIX}{name}." + (f".~{number + 1}" if number else "")


def step_at(path: str, known: Container[str]) -> str | None:
    """The innermost of the ``known`` steps in the path of a scope, or in what follows the name in a task id.

    None if the path lies in no step.
    """
    found = path.rfind(SIGNAL_PREFIX)
    while found >= 0:
        if found == 0 or path[found - 1] in ".-":
            begin = found + len(SIGNAL_PREFIX)
            end = len(path)
            while (end := path.rfind(".", begin, end)) > begin:  # the longest name, if one begins with another
                # The path of a scope holds the name as it is, an id without the characters that ids may not have.
                for name in (path[begin:end], unclean(path[begin:end])):
                    if name in known:
                        return name
        found = path.rfind(SIGNAL_PREFIX, 0, found)
    return None
