"""Failed activities, and their places in the text of a failed step.

The error of a step repeats the reasons of the activities that failed it, each text once, joined by semicolons. The view
adds the line of the user's code to each. A text alone does not say which activity it is from: activities may fail with
equal texts, with one that begins with the other, or with none. So the id of an activity decides, which holds the name
of its step; texts decide only where no id does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from simpleflow.cli.errors import one_line
from simpleflow.named_tuple import NamedTuple
from simpleflow.taskids import clean

_CUT = "..."  # at the end of a text that was too long


class ActivityFailure(NamedTuple):
    """A failed activity whose consequence is not known yet."""

    event_id: int  # of the failure or time-out
    activity_id: str
    name: str  # of the activity
    text: str  # the reason in one line
    where: str  # file and line of the user's code; may be empty
    reason: str  # the reason as a failed step repeats it in its error, in one line
    trace: str  # the traceback; empty unless tracebacks are to be shown
    timed_out: bool = False  # then the error of a step has the text as it is
    number: int = 1  # of the try
    step: str | None = None  # the innermost step that the activity belongs to
    run_id: str = ""

    @property
    def message(self) -> str:
        """The text with the line of the user's code."""
        return f"{self.text} ({self.where})" if self.where else self.text


def of_step(step: str, error: str, failures: Iterable[ActivityFailure]) -> list[ActivityFailure]:
    """Return those of the failures that made the step fail with this error."""
    every = list(failures)
    inside = re.compile(rf"[-.]step\.{re.escape(clean(step))}(?:~\d+)?\.(?=[-.])")  # also in ids of earlier releases
    own = [each for each in every if each.step == step or (each.step is None and inside.search(each.activity_id))]
    if own:
        return [each for each in own if not each.reason or _tells(error, each)]
    found: dict[str, ActivityFailure] = {}
    for each in every:
        if each.reason and _tells(error, each):
            found.setdefault(each.reason, each)
    return list(found.values())


def with_lines(error: str, failures: Sequence[ActivityFailure]) -> str:
    """Return the error of a step with the lines of the user's code behind the texts of these failures."""
    error = one_line(error)
    by_reason: dict[str, list[ActivityFailure]] = {}
    for failed in failures:
        if failed.reason and not failed.timed_out:
            by_reason.setdefault(failed.reason, []).append(failed)
    if not by_reason:
        return error

    def located(reason: str) -> str:
        lines = dict.fromkeys(each.where for each in by_reason[reason] if each.where)
        return by_reason[reason][0].text + (f" ({', '.join(lines)})" if lines else "")

    pattern = "|".join(map(re.escape, sorted(by_reason, key=len, reverse=True)))
    placed = re.sub(rf"(^|; |: )({pattern})(?=; |$)", lambda found: found[1] + located(found[2]), error)
    if placed == error and error.endswith(_CUT):
        for reason in by_reason:
            if _cut_short(reason, error):
                return error[: len(error) - len(_cut_part(error))] + located(reason)
    return placed


def _tells(error: str, failure: ActivityFailure) -> bool:
    """True if the error of a step repeats this failure.

    Of tasks that ran into the same limit it tells one, perhaps with how long that one waited and ran.
    """
    return _is_in(failure.reason, error, more=": " if failure.timed_out else "; ")


def _is_in(reason: str, error: str, more: str) -> bool:
    error = one_line(error)
    return re.search(rf"(^|; |: ){re.escape(reason)}(?=; |{more}|$)", error) is not None or _cut_short(reason, error)


def _cut_short(reason: str, error: str) -> bool:
    """True if the error ends with the beginning of the reason, since it was too long."""
    part = _cut_part(error).removesuffix(_CUT)
    return error.endswith(_CUT) and part != "" and reason.startswith(part)


def _cut_part(error: str) -> str:
    return error.rpartition("; ")[2]
