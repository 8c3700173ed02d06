"""Notices about the steps of a run: declarations and requests that had no effect, or never settle.

They are read from the markers of all executions of the run, when it has completed. A plan has them too.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

from simpleflow import shell_words
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import rules
from simpleflow.step.constants import ALREADY_PLAYED, DEPENDENT_OF, FAILED, SCHEDULED, SKIPPED
from simpleflow.step.report import StepReport

_MOST = 5  # notices of one kind
_PLAYED = (ALREADY_PLAYED,)


class _Execution(NamedTuple):
    parent: str | None  # workflow id
    reports: dict[str, StepReport]  # by name of the step, the report with its verdict
    done: set[str]  # names that were done when the marks were listed


class Notices:
    """Collects the reports of steps."""

    def __init__(self) -> None:
        self._executions: dict[str, _Execution] = {}  # by workflow id
        self._forcing: dict[str, dict[str, set[str]]] = {}  # by workflow id and step: the steps that it has forced
        self._not_skipped: dict[tuple[str, str], tuple[str, ...]] = {}  # by workflow id and step: skipped names
        self._failed = False
        self.needs_done = False
        """True if the notices depend on which steps were done when the marks were listed."""

    def add(self, workflow_id: str, parent: str | None, report: StepReport) -> None:
        """Add a report of an execution; ``parent`` is the workflow id of its parent."""
        execution = self._executions.get(workflow_id) or self._execution(workflow_id, parent)
        if report.status == SKIPPED and report.reasons == _PLAYED:  # nearly always
            execution.reports[report.step] = self._in_short(report)
            return
        if report.status == FAILED:
            self._failed = True
            execution.reports.setdefault(report.step, report)
        if report.status not in (SCHEDULED, SKIPPED):
            return
        origins = _origins(report)
        short = self._in_short(report)
        execution.reports[report.step] = report if origins else short
        if report.status == SCHEDULED:
            if origins or report.unmarks:
                forcing = self._forcing.setdefault(workflow_id, {})
                for origin in set(origins) - {report.step}:
                    forcing.setdefault(origin, set()).add(report.step)
                forcing.setdefault(report.step, set()).update(each for each in report.unmarks if each != report.step)
            if report.not_skipped:
                self._not_skipped[workflow_id, report.step] = report.not_skipped

    def _in_short(self, report: StepReport) -> StepReport:
        """The report, or one that many share: only names of other steps, and whether it holds steps, matter later."""
        if report.forces or report.after:
            self.needs_done = True
            return report
        return report if report.holds_steps else _plain(report.status, report.forced)

    def add_done(self, workflow_id: str, parent: str | None, names: Iterable[str]) -> None:
        """Add the names of the steps that were done when an execution listed its marks."""
        self._execution(workflow_id, parent).done.update(names)

    def lines(self, complete: bool = True) -> list[str]:
        """The notices, each in one line; ``complete``: nothing is known to be missing among the reports."""
        looks = complete and self.needs_done and not self._failed
        unreached = list(dict.fromkeys(self._unreached())) if looks else []
        found: list[str] = []
        for lines in (list(self._without_effect()), unreached, list(self._circles())):
            found += lines[:_MOST]
            if len(lines) > _MOST:
                found.append(f"... and {len(lines) - _MOST} more of this kind")
        return found

    def _execution(self, workflow_id: str, parent: str | None) -> _Execution:
        return self._executions.setdefault(workflow_id, _Execution(parent, {}, set()))

    # Steps that were to be skipped

    def _without_effect(self) -> Iterator[str]:
        for (workflow_id, step), patterns in self._not_skipped.items():
            reports = self._executions[workflow_id].reports
            origins = _origins(reports[step])
            first, left = set[str](), list(origins)  # the steps at which the forcing began
            seen = {step}
            while left:
                name = left.pop()
                before = _origins(reports[name]) if name in reports else []
                first.update([] if before else [name])
                left += [each for each in before if each not in seen]
                seen.update(before)
            names = " and ".join(map(repr, sorted(first or origins)))
            forced = any(name in reports and reports[name].forced for name in first or origins)
            way = f"do not force {names}" if forced else f"skip {names} too"
            yield (
                f"skip {', '.join(map(repr, patterns))} has no effect on step {step!r}, since it depends on "
                f"{' and '.join(map(repr, origins))}: to leave it out, {way}, or stop before it with "
                f"--until {','.join(map(_as_option, origins))}"
            )

    # Dependencies on steps that the run does not have

    def _unreached(self) -> Iterator[str]:
        children: dict[str, list[str]] = {}
        for workflow_id, execution in self._executions.items():
            if execution.parent is not None:
                children.setdefault(execution.parent, []).append(workflow_id)
        for workflow_id, execution in self._executions.items():
            reports = execution.reports.values()
            if any(report.forces for report in reports):
                below = _Known(self._below(workflow_id, children))
                for name, pattern in [(report.step, pattern) for report in reports for pattern in report.forces]:
                    if hint := below.unreached(pattern):
                        yield f"step {name!r} forces {pattern!r}: {hint}"
            if any(report.after for report in reports):
                above = _Known(self._above(workflow_id))
                for name, pattern in [(report.step, pattern) for report in reports for pattern in report.after]:
                    if hint := above.unreached(pattern, but=name):
                        yield f"step {name!r} comes after {pattern!r}: {hint}"

    def _below(self, workflow_id: str, children: Mapping[str, list[str]]) -> Iterator[_Execution]:
        """The execution and all below it."""
        left, seen = [workflow_id], {workflow_id}
        while left:
            each = left.pop()
            yield self._executions[each]
            left += [child for child in children.get(each, ()) if child not in seen]
            seen.update(left)

    def _above(self, workflow_id: str) -> Iterator[_Execution]:
        """The execution and all above it."""
        seen: set[str] = set()
        each: str | None = workflow_id
        while each is not None and each not in seen and (execution := self._executions.get(each)) is not None:
            yield execution
            seen.add(each)
            each = execution.parent

    # Steps that force each other

    def _circles(self) -> Iterator[str]:
        if not self._forcing:
            return
        import graphlib  # here: few runs have dependents

        for forcing in self._forcing.values():
            for _ in range(_MOST):
                try:
                    graphlib.TopologicalSorter(forcing).prepare()
                    break
                except graphlib.CycleError as error:
                    circle = set(error.args[1])
                    yield (
                        f"steps {', '.join(map(repr, sorted(circle)))} force each other: whenever one runs, another is "
                        "no longer done; leave out one of these dependencies"
                    )
                    forcing = {name: forced - circle for name, forced in forcing.items() if name not in circle}


class _Known:
    """The names of steps in some executions."""

    def __init__(self, executions: Iterable[_Execution]) -> None:
        executions = list(executions)
        self._reached = [name for each in executions for name in each.reports]
        self._names = rules.Names([*self._reached, *(name for each in executions for name in each.done)])
        # A step that was skipped may have steps inside, of which nothing is known.
        self._some_are_hidden = any(
            report.status == SKIPPED and report.holds_steps for each in executions for report in each.reports.values()
        )

    def unreached(self, pattern: str, but: str | None = None) -> str | None:
        """The end of a notice if the pattern covers no known name other than ``but``."""
        if self._some_are_hidden or any(name != but for name in self._names.covered_by(pattern)):
            return None
        import difflib  # seldom needed

        patterns = dict.fromkeys(each for name in self._reached for each in rules.patterns_covering(name))
        close = difflib.get_close_matches(
            pattern, [each for each in patterns if each not in (rules.EVERYTHING, but)], 1
        )
        return "no step of that name was reached" + (f" (did you mean {close[0]!r}?)" if close else "")


def _as_option(name: str) -> str:
    """A name as one writes it in the value of an option, in a shell."""
    return shell_words.quoted(f'"{name}"' if "," in name else name)


@functools.cache
def _plain(status: str, forced: bool) -> StepReport:
    """A report in place of those that say no more: there may be very many."""
    return StepReport("", status, forced)


def _origins(report: StepReport) -> list[str]:
    """The steps of which the report says that they forced its step."""
    return [each.removeprefix(DEPENDENT_OF) for each in report.reasons if each.startswith(DEPENDENT_OF)]
