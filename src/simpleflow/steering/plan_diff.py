"""The differences between two plans: which steps would run in one and be skipped in the other, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import count, duration, names
from simpleflow.steering.plan_file import SavedPlan, SavedStep, by_step
from simpleflow.step.constants import ALREADY_PLAYED, DEPENDENT_OF
from simpleflow.step.planned import NOT_RUN, RUN, SKIP, UNKNOWN

RUNS, RUNS_AGAIN, MAY_RUN, SKIPPED, STOPS_BEFORE, NEW, GONE, WHY = (
    "runs",
    "runs again",
    "may run",
    "is skipped",
    "is not reached",
    "is new",
    "is gone",
    "for other reasons",
)
"""The kinds of differences, as they are told."""


class Difference(NamedTuple):
    """How the verdict of a step differs."""

    step: str
    workflow_id: str
    kind: str  # one of those above
    before: SavedStep | None  # None: the step is new
    after: SavedStep | None  # None: the step is gone

    @property
    def why(self) -> str:
        """Why the step has its new verdict."""
        if self.after is None:
            return ""
        reasons = self.after.reasons or (["it is not done"] if self.after.verdict == RUN else [])
        text = names(reasons) + (f", but {self.after.changed}" if self.after.changed else "")
        return "; ".join(filter(None, [text, self.after.note or ""]))

    @property
    def seconds(self) -> float | None:
        """How long the step worked when its mark was written, as far as one of the plans knows."""
        known = [each.seconds for each in (self.before, self.after) if each is not None and each.seconds is not None]
        return known[0] if known else None


def differences(before: SavedPlan, after: SavedPlan) -> list[Difference]:
    """Return the steps whose verdicts differ, in the order of the second plan; those only in the first come last."""
    old, new = by_step(before.steps), by_step(after.steps)
    found = [
        Difference(step.step, step.workflow_id, kind, old.get(key), step)
        for key, step in new.items()
        if (kind := _kind(old.get(key), step)) is not None
    ]
    return [*found, *(Difference(key[1], key[0], GONE, step, None) for key, step in old.items() if key not in new)]


def _kind(before: SavedStep | None, after: SavedStep) -> str | None:
    if before is None:
        return NEW
    if before.verdict != after.verdict:
        if after.verdict == RUN and before.verdict == SKIP and ALREADY_PLAYED in before.reasons:
            return RUNS_AGAIN
        return {RUN: RUNS, UNKNOWN: MAY_RUN, SKIP: SKIPPED, NOT_RUN: STOPS_BEFORE}[after.verdict]
    same = (before.forced, before.reasons, before.changed) == (after.forced, after.reasons, after.changed)
    return None if same else WHY


def sentences(found: list[Difference], after: SavedPlan) -> Iterator[str]:
    """Say in a few lines what differs, the most important first."""
    total = len(by_step(after.steps))
    again = [each for each in found if each.kind == RUNS_AGAIN]
    if again:
        yield f"{_of(len(again), total)} will run again{_about(again)}{_causes(again)}"
    for kind, text in (
        (RUNS, "will run"),
        (MAY_RUN, "may run"),
        (SKIPPED, "will be skipped"),
        (STOPS_BEFORE, "will not be reached"),
    ):
        steps = [each for each in found if each.kind == kind]
        if steps:
            yield f"{_of(len(steps), total)} {text}: {names([each.step for each in steps])}"
    for kind, text in ((NEW, "new"), (GONE, "gone"), (WHY, "decided for other reasons")):
        steps = [each for each in found if each.kind == kind]
        if steps:
            is_are = "is" if len(steps) == 1 else "are"
            yield f"{count(len(steps), 'step')} {is_are} {text}: {names([each.step for each in steps])}"


def _of(number: int, total: int) -> str:
    return f"{number} of {count(total, 'step')}"


def _about(steps: list[Difference]) -> str:
    """How long the steps took before, all together."""
    known = [each.seconds for each in steps if each.seconds is not None]
    if not known:
        return ""
    return f", {'about' if len(known) == len(steps) else 'at least'} {duration(sum(known))}"


def _causes(steps: list[Difference]) -> str:
    """Why they run, but for those that run only because another one does."""
    causes = [
        f"{each.step}: {each.why}"
        for each in steps
        if each.after is not None and not all(reason.startswith(DEPENDENT_OF) for reason in each.after.reasons)
    ]
    return f" ({names(causes)})" if causes else ""
