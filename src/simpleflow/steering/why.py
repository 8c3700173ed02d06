"""Why a step ran or was skipped, run by run, and what differed from the run before. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from simpleflow import values
from simpleflow.core import events as e
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import changes, report
from simpleflow.step.constants import MARKER_NAME, SCHEDULED, SKIPPED
from simpleflow.step.made_with import MadeWith, parse
from simpleflow.views.run_view import RunView

NOT_REACHED = "not reached"
RAN, FAILED, OPEN = "ran", "failed", "under way"

_FURTHER = 20  # runs that are read beyond those that are shown

Source = Callable[[str], str | None]
"""The source that belongs to a digest of code; None if it is not known."""


class RunOfStep(NamedTuple):
    """The outcome of a step in a run."""

    run_id: str
    began: float | None  # when the run began, in epoch seconds
    verdict: str  # ran, skipped, failed, under way, or not reached
    why: str  # its reasons, and its error, in a line
    reasons: tuple[str, ...]
    seconds: float | None  # how long its activities worked
    made_with: MadeWith | None  # None if it did not run
    fingerprint: str | None


class Differing(NamedTuple):
    """A run of a step, and what differs from the latest run before it in which the step ran."""

    run: RunOfStep
    differences: tuple[str, ...]  # a sentence each
    code: tuple[str, ...]  # lines of the difference between the sources, as ``diff -u`` writes them


def runs_of(name: str, runs: Iterable[tuple[str, Sequence[e.Event]]], most: int) -> tuple[list[RunOfStep], int]:
    """Return the outcome of a step in the first of these runs, and how many of them are to be shown.

    After these follows one run in which the step ran, for comparison, if there is one not far behind.

    Args:
        runs: run id and events, the newest first.
        most: how many runs are to be shown.
    """
    found: list[RunOfStep] = []
    for run_id, events in islice(runs, most + _FURTHER):
        view = RunView(run_id)
        view.extend(events)
        found.append(_of(name, view, events))
        if len(found) > most and found[-1].made_with is not None:
            break
    return found, min(most, len(found))


def _of(name: str, view: RunView, events: Sequence[e.Event]) -> RunOfStep:
    row = view.steps.get(name)
    if row is None:
        return RunOfStep(view.run_id, view.began, NOT_REACHED, "", (), None, None, None)
    scheduled = _scheduled(name, events)
    state = row.state
    verdict = SKIPPED if state == SKIPPED else FAILED if state == FAILED else RAN if row.end is not None else OPEN
    return RunOfStep(
        view.run_id,
        view.began,
        verdict,
        report.why(row.report),
        row.report.reasons,
        view.work_time(name).seconds if row.ran else None,
        parse(scheduled.get("made_with")),
        values.text_or_none(scheduled.get("fingerprint")),
    )


def _scheduled(name: str, events: Sequence[e.Event]) -> dict[str, Any]:
    """The details of the last marker with which the step began to run; empty if there is none."""
    for event in reversed(events):
        attributes = event.attributes
        if isinstance(attributes, e.MarkerRecorded) and attributes.marker_name == MARKER_NAME:
            found = report.read(attributes.details)
            if found is not None and (found.step, found.status) == (name, SCHEDULED):
                details = values.decode(attributes.details)
                return details if isinstance(details, dict) else {}
    return {}


def differing(runs: Sequence[RunOfStep], source: Source) -> list[Differing]:
    """Compare each run with the latest one before it in which the step ran. ``runs``: the newest first."""
    found = []
    for at, run in enumerate(runs):
        before = next((each for each in runs[at + 1 :] if each.made_with is not None), None)
        if run.made_with is None or before is None or before.made_with is None:
            found.append(Differing(run, (), ()))
            continue
        compared = changes.compare(before.made_with, run.made_with, ())
        lines = [] if compared is None else compared.reasons()
        if compared is not None and compared.file is not None:
            lines.append(f"File changed: {compared.file.reason}")
        if run.fingerprint != before.fingerprint:
            lines.append(f"Fingerprint changed: {before.fingerprint or 'none'} -> {run.fingerprint or 'none'}")
        lines = [line for line in lines if line not in run.reasons]  # a change may be the very reason
        found.append(Differing(run, tuple(lines), tuple(_code(before.made_with, run.made_with, source))))
    return found


def _code(before: MadeWith, now: MadeWith, source: Source) -> Iterable[str]:
    for name, digest in now.activities.items():
        old = before.activities.get(name)
        if old is None or old == digest:
            continue
        texts = source(old), source(digest)
        if texts[0] is None or texts[1] is None:
            yield f"(the source of {name} was not kept)"
            continue
        lines = difflib.unified_diff(
            texts[0].splitlines(), texts[1].splitlines(), f"{name}, before", f"{name}, then", lineterm="", n=1
        )
        yield from lines
