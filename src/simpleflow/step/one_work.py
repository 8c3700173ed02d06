"""One name stands for one work: a step that is submitted again with other work is a fault of the workflow.

The second submission joins the first, or is skipped once the first is done, so its work would be dropped in silence.
The fault is recorded in a marker and reported, once for each name in an execution. Which of two submissions an
evaluation reaches first, and with which arguments, may differ between evaluations. So the name alone says what was
reported.

A step that failed may be submitted again with other work: that work is not dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from simpleflow import values
from simpleflow.constants import FAULT_MARKER
from simpleflow.exceptions import InputError
from simpleflow.step import changes
from simpleflow.step.host import Host
from simpleflow.step.made_with import MadeWith, same_arguments
from simpleflow.step.run_record import StepRun


class OneWork:
    """The work that each name stands for in an evaluation.

    Args:
        made_with: returns the inputs of a submission.
        listed: returns the inputs of a done step, as its mark says.
    """

    def __init__(
        self, host: Host, made_with: Callable[[StepRun], MadeWith], listed: Callable[[str], MadeWith | None]
    ) -> None:
        self._executor = host.executor
        self._made_with = made_with
        self._listed = listed
        # The first submission of each name, or the one after it failed; None: its inputs are those in the mark.
        self._first: dict[str, StepRun | None] = {}
        self._reported: set[str] | None = None  # names that were reported; read when they are needed

    def is_first(self, run: StepRun) -> bool:
        """True if ``run`` is the first submission of its name. It is remembered as that."""
        return self._first.setdefault(run.name, run) is run

    def is_first_as_listed(self, run: StepRun) -> bool:
        """The same for one that has the inputs that its mark tells of: it need not be kept for them."""
        if run.name in self._first:
            return False
        self._first[run.name] = None
        return True

    def check(self, run: StepRun, runs: bool, latest: StepRun | None) -> None:
        """The verdict on a submission is known: report if its name stands for other work.

        ``runs``: it is going to run. ``latest``: the latest run of its name before.
        """
        if self.is_first(run):
            return
        first = self._first[run.name]
        if runs and latest is not None and latest.failed:
            self._first[run.name] = run
            return
        before = self._listed(run.name) if first is None else self._made_with(first)
        now = self._made_with(run)
        if before is None:
            return
        if before.activities == now.activities and same_arguments(before.arguments, now.arguments):
            return
        found = changes.compare(before, now, run.step.calls())
        if found is None or (found.arguments is None and found.code is None):
            return  # as far as it is known in a plan
        if self._reported is None:
            self._reported = set(map(_name, self._executor.recorded_markers(FAULT_MARKER)))
        if run.name in self._reported:
            return
        self._reported.add(run.name)
        parts = [] if found.arguments is None else [found.arguments.reason or "other arguments"]
        if found.code is not None:
            parts.append(f"activities {found.code.reason}" if found.code.reason else "other activities")
        text = (
            f"step {run.name!r} was submitted twice with different work, {' and '.join(parts)}: the second one joins "
            "the first or is skipped, since a name stands for one work; give each work a name of its own"
        )
        self._executor.report(FAULT_MARKER, {"step": run.name, "text": text})


def _name(details: str | None) -> str:
    """The name of the step in the details of a marker."""
    try:
        found = values.decode(details)
    except InputError:
        return ""
    return str(found.get("step")) if isinstance(found, dict) else ""
