"""The markers of steps, as values and as text: the command line, the live view and the page print these."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec

from simpleflow import values
from simpleflow.exceptions import AggregateException, distinct
from simpleflow.shown_text import SHOWN, count, names, plain_reason, printable, with_short_ids
from simpleflow.step.constants import (
    ARGUMENTS,
    CODE,
    COMPLETED,
    DONE_ELSEWHERE,
    FAILED,
    FILE,
    SCHEDULED,
    SKIPPED,
    WAITING,
)
from simpleflow.step.rules import DONE, Verdict
from simpleflow.values import text_or_none, text_tuple


class StepReport(msgspec.Struct, frozen=True, gc=False):
    """How things stand with a step, and why."""

    step: str  # its name
    status: str  # waiting, scheduled, completed, skipped or failed
    forced: bool = False
    reasons: tuple[str, ...] = ()
    error: str | None = None  # why it failed
    stale: str | None = None  # why a completed step was not marked
    unmarks: tuple[str, ...] = ()  # the done steps whose marks are removed before it runs
    waits_for: str | None = None  # the run that holds a step that waits
    not_kept: str | None = None  # why the result of a completed step was not kept, though the step asks for that
    optional: bool = False  # a failed step that may fail
    changed: Mapping[str, str] | None = None
    """How a skipped step differs from what it was done with, see ``changes``."""
    forces: tuple[str, ...] = ()  # the names that it forces
    after: tuple[str, ...] = ()  # the names that it depends on
    holds_steps: bool = False  # a skipped step whose work may have other steps inside
    not_skipped: tuple[str, ...] = ()  # skipped names that cover it; they have no effect, since it is a dependent


def details(step: str, status: str, verdict: Verdict, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The details of a step's marker."""
    return {"step": step, "status": status, "forced": verdict.forced, "reasons": list(verdict.reasons), **extra}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StepReport).decode


def text_of_done(step: str) -> str:
    """The text of the marker of a step that is skipped since it is done, if nothing else is to be said."""
    return '{"step":' + _encode(step).decode() + _DONE


def text_of(details: Mapping[str, Any]) -> str:
    """The JSON text of the details of a marker, as ``values`` encodes them.

    For details that hold no value of a user, but plain ones alone: a walk that finds that out takes longer than this.
    """
    try:
        return _encode(details).decode()
    except ValueError:  # a file whose name is not UTF-8
        return values.encode(details, "details of a marker")


_DONE = text_of(details("", SKIPPED, DONE, {})).removeprefix('{"step":""')


def read(details: str | None) -> StepReport | None:
    """The report in the details of a marker ``log.step``; None if they hold no report."""
    try:
        return _decode(details or "")
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _read_of_others(details or "")


def _read_of_others(details: str) -> StepReport | None:
    """The same for JSON that others may have written: values of wrong types are left out."""
    try:
        found = json.loads(details)
        step, status = found["step"], found["status"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not (isinstance(step, str) and isinstance(status, str)):
        return None
    get = found.get
    return StepReport(
        step,
        status,
        get("forced") is True,
        text_tuple(get("reasons")),
        text_or_none(get("error")),
        text_or_none(get("stale")),
        text_tuple(get("unmarks")),
        text_or_none(get("waits_for")),
        text_or_none(get("not_kept")),
        get("optional") is True,
        _texts(get("changed")) or None,
        text_tuple(get("forces")),
        text_tuple(get("after")),
        get("holds_steps") is True,
        text_tuple(get("not_skipped")),
    )


def shared(report: StepReport) -> StepReport:
    """The report as thousands of steps can share it: without the name of its step, if it says nothing special."""
    step, status, forced, reasons = report.step, report.status, report.forced, report.reasons
    return _plain(status, forced, reasons) if report == StepReport(step, status, forced, reasons) else report


@lru_cache(256)
def _plain(status: str, forced: bool, reasons: tuple[str, ...]) -> StepReport:
    return StepReport("", status, forced, reasons)


def _texts(value: object) -> dict[str, str]:
    """The texts in an object, by key: for JSON that others may have written."""
    return {key: each for key, each in value.items() if isinstance(each, str)} if isinstance(value, dict) else {}


def change_text(changed: Mapping[str, str]) -> str:
    """The changes of a skipped step as a part of a sentence: ``with day='mon' (now 'tue') and other code of load``."""
    parts = []
    if ARGUMENTS in changed:
        parts.append(f"with {changed[ARGUMENTS] or 'other arguments'}")
    if CODE in changed:
        of = f" of {changed[CODE]}" if changed[CODE] else ""
        parts.append(f"{'' if parts else 'with '}other code{of}")
    if FILE in changed:
        parts.append(f"from {changed[FILE]}")
    return " and ".join(parts)


def why(report: StepReport) -> str:
    """The text beside step and status, in one line; may be empty."""
    if report == StepReport(report.step, report.status, report.forced, report.reasons):
        return _usual_why(report.forced, report.reasons)
    parts = []
    if report.waits_for is not None:
        parts.append("for " + with_short_ids(report.waits_for))
    if report.error is not None:
        parts.append(plain_reason(report.error))
    if report.forced or report.reasons:
        parts.append(_usual_why(report.forced, report.reasons))
    if report.not_skipped:
        parts.append(without_effect(report.not_skipped))
    if report.optional:
        parts.append("optional")
    if report.changed:
        parts[-1:] = [f"{parts[-1] if parts else 'done'}, but {change_text(report.changed)}"]
    if report.stale is not None:
        why = report.stale if report.stale == DONE_ELSEWHERE else f"not marked as done, as it is stale: {report.stale}"
        parts.append(why)
    if report.not_kept is not None:
        parts.append(f"its result was not kept: {with_short_ids(report.not_kept)}")
    if report.unmarks and report.status == SCHEDULED:
        others = [name for name in report.unmarks if name != report.step]
        if others:
            parts.append("no longer done: " + names(others))
    return printable("; ".join(parts))


@lru_cache(64)
def _usual_why(forced: bool, reasons: tuple[str, ...]) -> str:
    """Why a step ran or was skipped: a few texts for the thousands of steps of a run."""
    if not forced:
        return printable(names(reasons))
    return printable("forced: " + names(reasons) if reasons else "forced")


def without_effect(skipped: Sequence[str]) -> str:
    """Says that these skipped names have no effect on a step."""
    return f"skip {names([repr(each) for each in skipped])} has no effect"


class Tally:
    """How many steps ran, were skipped and failed. The last report of each step counts."""

    def __init__(self) -> None:
        self._latest: dict[Hashable, dict[str, StepReport]] = {}  # by run and name

    def add(self, report: StepReport, run: Hashable = None, name: str | None = None) -> None:
        """Count a report. ``run`` tells steps of one name in different workflows apart.

        ``name``: of the step, if the report does not say it, since steps share it.
        """
        self._latest.setdefault(run, {})[report.step if name is None else name] = report

    def add_all(self, reports: Mapping[str, StepReport], run: Hashable) -> None:
        """Count the reports of steps of one workflow, by name."""
        if reports:
            self._latest.setdefault(run, {}).update(reports)

    def __len__(self) -> int:
        return sum(map(len, self._latest.values()))

    def __contains__(self, key: tuple[Hashable, str]) -> bool:
        """True if there is a report of this step; ``key``: its run and its name."""
        return key[1] in self._latest.get(key[0], ())

    def _each(self) -> Iterator[tuple[str, StepReport]]:
        return chain.from_iterable(found.items() for found in self._latest.values())

    @property
    def failed(self) -> list[str]:
        """The names of the steps that failed and are not optional, in the order of their first report."""
        return [name for name, report in self._each() if report.status == FAILED and not report.optional]

    @property
    def unfinished(self) -> list[str]:
        """The names of the steps that neither completed nor were skipped, in the order of their first report."""
        return [name for name, report in self._each() if report.status not in (COMPLETED, SKIPPED)]

    @property
    def steps(self) -> list[str]:
        """The names of all steps, in the order of their first report."""
        return list(dict.fromkeys(name for name, _ in self._each()))

    def skipped(self, run: Hashable = None) -> list[str]:
        """The names of the steps that were skipped in ``run``."""
        return [name for name, report in self._latest.get(run, {}).items() if report.status == SKIPPED]

    @property
    def closed(self) -> list[str]:
        """The names of the skipped steps whose work may have other steps inside, in the order of their first report."""
        found = [name for name, report in self._each() if report.status == SKIPPED and report.holds_steps]
        return list(dict.fromkeys(found))

    def changed(self, *kinds: str) -> list[str]:
        """The names of the skipped steps that have changed in one of these ways, in the order of their first report."""
        found = [name for name, each in self._each() if each.changed and any(kind in each.changed for kind in kinds)]
        return list(dict.fromkeys(found))

    def why_skipped(self) -> str:
        """How many were skipped for which reasons, most first: ``38 skipped: Step was already played``; or ""."""
        found = Counter(report.reasons for _, report in self._each() if report.status == SKIPPED)
        counts = sorted(found.items(), key=lambda each: (-each[1], each[0]))
        parts = [f"{count} skipped" + (f": {names(reasons)}" if reasons else "") for reasons, count in counts[:SHOWN]]
        rest = sum(count for _, count in counts[SHOWN:])
        return printable("; ".join(parts) + (f"; {rest} skipped for other reasons" if rest else ""))

    @property
    def counts(self) -> Counter[str]:
        """How many steps have each status."""
        return Counter(report.status for _, report in self._each())

    def __str__(self) -> str:
        return self.text()

    def text(self, over: bool = False) -> str:
        """The counts in one line; ``over``: the run has ended, and so have steps that had not."""
        counts = self.counts
        unfinished = counts[SCHEDULED] + counts[WAITING]
        text = (
            f"{count(len(self), 'step')}: {counts[COMPLETED]} ran, {counts[SKIPPED]} skipped, {counts[FAILED]} failed"
        )
        return text + (f", {unfinished} {'stopped' if over else 'unfinished'}" if unfinished else "")


def error_text(failure: BaseException) -> str:
    """A failure in one line, as the marker records it."""
    if isinstance(failure, AggregateException):
        text = "; ".join(distinct(failure.flatten().exceptions, error_text))
    else:
        text = getattr(failure, "reason", None) or str(failure) or type(failure).__name__
    text = " ".join(text.split())
    return text if len(text) <= 1_000 else text[:997] + "..."
