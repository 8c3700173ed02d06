"""A run of a test that has ended: its result, and the verdicts on its steps with their reasons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow import values
from simpleflow.core import codec
from simpleflow.core import events as e
from simpleflow.marker import Marker
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import recorded_verdicts
from simpleflow.step.constants import COMPLETED, FAILED, MARKER_NAME, SCHEDULED, SKIPPED
from simpleflow.testing.script import Call


class StepVerdict(NamedTuple):
    """One verdict on a step, and how the step ended."""

    step: str  # its name
    workflow_id: str  # of the execution that it belongs to
    ran: bool  # False: it was skipped
    forced: bool
    reasons: tuple[str, ...]  # as in the step's markers
    ended: str | None  # completed or failed; None: the run ended first, or the step was skipped


class FinishedRun:
    """A run that has ended, or that a crash has interrupted.

    Attributes:
        workflow_id, run_id: of the run.
        state: how it ended: completed, failed, canceled, timed_out or terminated; crashed after a crash.
        error: the error with which it ended; None if it completed or crashed.
        seconds: how long it took on the virtual clock.
        verdicts: of all steps, also of those in child workflows, in the order in which they were taken.
        calls: the tries of activities in this run, in order; none of those about marks.
    """

    def __init__(
        self,
        workflow_id: str,
        run_id: str,
        state: str,
        result: Any,
        error: BaseException | None,
        histories: list[tuple[str, list[e.Event]]],
        calls: list[Call],
    ) -> None:
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.state = state
        self.error = error
        self.calls = calls
        self._result = result
        self.events = histories[0][1] if histories else []
        """The events of the run, without those of its children."""
        self.seconds = self.events[-1].time - self.events[0].time if self.events else 0.0
        self.verdicts = tuple(_verdicts(histories))

    @property
    def result(self) -> Any:
        """The result of ``run`` of the workflow. Raises its error if it failed, AssertionError if it crashed."""
        if self.error is not None:
            raise self.error
        if self.crashed:
            raise AssertionError(f"the run of workflow {self.workflow_id!r} crashed and has no result; run it again")
        return self._result

    @property
    def crashed(self) -> bool:
        """True if it is still open, since a crash interrupted it."""
        return self.state == "crashed"

    @property
    def ran(self) -> list[str]:
        """The names of the steps that ran, in the order of their verdicts."""
        return [each.step for each in self.verdicts if each.ran]

    @property
    def skipped(self) -> list[str]:
        """The names of the steps that were skipped, in the order of their verdicts."""
        return [each.step for each in self.verdicts if not each.ran]

    @property
    def failed(self) -> list[str]:
        """The names of the steps that failed."""
        return [each.step for each in self.verdicts if each.ended == FAILED]

    def why(self, step: str) -> tuple[str, ...]:
        """The reasons of the latest verdict on a step. Raises AssertionError if there is none."""
        found = [each for each in self.verdicts if each.step == step]
        if not found:
            raise AssertionError(f"the run has no verdict on step {step!r}; {self._description()}")
        return found[-1].reasons

    def activities(self) -> list[str]:
        """The names of the activities that were tried in this run, in order."""
        return [each.activity for each in self.calls]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The events of the run, in the JSON form of Amazon SWF."""
        return [codec.event_to_dict(event) for event in self.events]

    def markers(self, name: str | None = None) -> list[Marker]:
        """The markers that the run recorded, in order; those of one name, if that is given."""
        found = (each.attributes for each in self.events)
        return [
            Marker(each.marker_name, values.decode(each.details))
            for each in found
            if isinstance(each, e.MarkerRecorded) and name in (None, each.marker_name)
        ]

    def assert_ran(self, *steps: str) -> None:
        """Assert that these steps ran, and no others. The order does not matter."""
        if set(steps) != set(self.ran):
            raise AssertionError(f"{_difference(steps, self.ran, 'run')}; {self._description()}")

    def assert_skipped(self, *steps: str, why: str | None = None) -> None:
        """Assert that these steps were skipped, and no others, each with the reason ``why`` if that is given."""
        if set(steps) != set(self.skipped):
            raise AssertionError(f"{_difference(steps, self.skipped, 'skip')}; {self._description()}")
        for step in steps:
            if why is not None and why not in self.why(step):
                raise AssertionError(f"step {step!r} was not skipped for {why!r}; {self._description()}")

    def assert_activities(self, *names: str) -> None:
        """Assert that the activities with these names were tried, in this order; each once for every try."""
        if list(names) != self.activities():
            raise AssertionError(f"the activities were {self.activities()}; expected {list(names)}")

    def _description(self) -> str:
        rows = [f"{each.step}: {'run' if each.ran else 'skip'} ({', '.join(each.reasons)})" for each in self.verdicts]
        return f"the verdicts were {'; '.join(rows)}" if rows else "the run has no steps"

    def __repr__(self) -> str:
        return f"<FinishedRun {self.workflow_id} {self.state}: {len(self.ran)} ran, {len(self.skipped)} skipped>"


def _difference(expected: Iterable[str], found: Iterable[str], verb: str) -> str:
    missing = sorted(set(expected) - set(found))
    more = sorted(set(found) - set(expected))
    parts = [f"did not {verb}: {', '.join(missing)}"] if missing else []
    parts += [f"did {verb}, not expected: {', '.join(more)}"] if more else []
    return "steps that " + "; steps that ".join(parts)


def _verdicts(histories: list[tuple[str, list[e.Event]]]) -> list[StepVerdict]:
    found: list[tuple[float, int, StepVerdict]] = []
    for number, (workflow_id, events) in enumerate(histories):
        markers = [
            (each.time, each.attributes.details)
            for each in events
            if isinstance(each.attributes, e.MarkerRecorded) and each.attributes.marker_name == MARKER_NAME
        ]
        for each in recorded_verdicts.read(details for _, details in markers):
            if each.status not in (SCHEDULED, SKIPPED):
                continue
            status = (each.outcome or {}).get("status")
            details = each.details
            verdict = StepVerdict(
                each.name,
                workflow_id,
                each.status == SCHEDULED,
                bool(details.get("forced")),
                tuple(details.get("reasons") or ()),
                status if status in (COMPLETED, FAILED) else None,
            )
            found.append((markers[each.order][0], number, verdict))
    return [verdict for _, _, verdict in sorted(found, key=lambda each: each[:2])]
