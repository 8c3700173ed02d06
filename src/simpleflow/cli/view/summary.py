"""What is said of the steps when a run has ended: how many, why some were skipped, and what that saved."""

from __future__ import annotations

import time
from typing import NamedTuple

from simpleflow import stores
from simpleflow.cli.view.follower import Follower
from simpleflow.step.report import duration, names

_SHARE = 0.02
_LOCAL_SECONDS = 0.02
_REMOTE_SECONDS = 0.3
_WORTH_A_LINE = 0.5  # seconds, of a brief summary


class TimeSaved(NamedTuple):
    """The recorded seconds of steps that were skipped; ``all``: of all of them."""

    seconds: float
    all: bool


def summary_lines(follower: Follower, seconds: float, brief: bool, failed: bool) -> list[str]:
    """What there is to say of the steps of a run that took so long.

    ``brief``: in two lines at most; ``failed``: with the names of those that failed.
    """
    tally = follower.tally
    if not len(tally):
        return []
    found = [f"{tally} in {duration(seconds)}"]
    why = tally.why_skipped()
    names_failed = [f"failed: {names(tally.failed)}"] if failed and tally.failed else []
    saved = time_saved(follower, seconds) if why else None
    if saved is not None and (not brief or saved.seconds >= _WORTH_A_LINE):
        text = f"time saved by skipping: {'' if saved.all else 'at least '}{duration(saved.seconds)}"
        return [*found, f"{why}; {text}"] if brief else [*found, why, *names_failed, text]
    return found if brief else [*found, *([why] if why else []), *names_failed]


def time_saved(follower: Follower, seconds: float) -> TimeSaved | None:
    """What the marks of skipped steps say that playing them took; None if none of them says anything.

    Looking it up takes 2 % of the ``seconds`` of the run, or a moment if that is more.
    """
    total, missing, read = 0.0, 0, 0
    began = time.monotonic()
    for workflow_id, listed in follower.listings.items():
        skipped = follower.tally.skipped(workflow_id)
        if not skipped:
            continue
        try:
            from simpleflow.steering.marks import recorded_seconds

            least = _LOCAL_SECONDS if stores.is_local(listed.bucket) else _REMOTE_SECONDS
            left = max(least, seconds * _SHARE) - (time.monotonic() - began)
            found, number = recorded_seconds(listed.bucket, listed.path, skipped, left) if left > 0 else (0.0, 0)
        except Exception:  # noqa: BLE001 (a summary that cannot be made is no reason to spoil the end of a run)
            found, number = 0.0, 0
        total, read, missing = total + found, read + number, missing + len(skipped) - number
    return TimeSaved(total, not missing) if read else None
