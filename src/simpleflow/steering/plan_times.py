"""The estimate of a plan as a part of a file or of a message: when the planned run would end. See ``estimate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from simpleflow.shown_text import printable

if TYPE_CHECKING:
    from simpleflow.steering.estimate import Estimate, Unknown


class StepTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long a step that runs would work."""

    workflow_id: str
    step: str
    seconds: float
    rests_on: int
    """How many earlier runs this rests on at least; 0: some durations are not known."""


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """When the planned run would end."""

    workers: int
    seconds: float
    """From its start to its end: the median."""
    most: float
    """The same, which a share of the runs does not exceed."""
    share: float = 0.9
    """This share: nine of ten runs."""
    typical: float
    """The same with typical durations, as for ``critical`` and ``alternatives``."""
    complete: bool
    """False: the plan does not reach the end of the run, so the run takes longer."""
    runs: int
    """How many earlier runs were read."""
    steps: tuple[StepTime, ...]
    critical: tuple[tuple[str, float], ...]
    unknown: tuple[str, ...]
    alternatives: tuple[tuple[str, float, float], ...]
    """Another way to run, how long the run would take, and how much sooner it would end."""

    @classmethod
    def of(cls, found: Estimate) -> Times:
        """The estimate in this form. Its quantiles are the median, and one more unless that is the median, too."""
        from simpleflow.steering.estimate import TYPICAL  # here: a plan without an estimate does without it

        share = next((chance for chance in found.quantiles if chance != TYPICAL), TYPICAL)
        return cls(
            workers=found.workers,
            seconds=found.quantiles[TYPICAL],
            most=found.quantiles[share],
            share=share,
            typical=found.typical,
            complete=found.complete,
            runs=found.runs,
            steps=tuple(
                StepTime(workflow_id=id, step=step, seconds=seconds, rests_on=found.rests_on.get((id, step), 0))
                for (id, step), seconds in found.steps.items()
            ),
            critical=found.critical,
            unknown=tuple(map(unknown_text, found.unknown)),
            alternatives=tuple((each.change, each.seconds, each.gain) for each in found.alternatives),
        )


def unknown_text(each: Unknown) -> str:
    """Return a line about activities whose durations are not known."""
    number = "activity" if each.count == 1 else f"{each.count} activities"
    where = "" if each.step is None else f" of step {printable(repr(each.step))}"
    took = "it counts as 0 s" if each.count == 1 else "they count as 0 s"
    return f"how long {number} {printable(each.activity)}{where} takes: no earlier run completed it, so {took}"
