"""The summary of the steps when a run has ended: how many ran, why some were skipped, and the time that this saved."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain

from simpleflow import stores
from simpleflow.cli.view.follower import Follower
from simpleflow.core.work_time import Interval, length, union
from simpleflow.named_tuple import NamedTuple
from simpleflow.shown_text import duration, names
from simpleflow.step.mark import Times, times
from simpleflow.step.recorded_tasks import Listed

# How long reading the marks may take: this share of the run, or these seconds if that is more.
_SHARE = 0.02
_LOCAL_SECONDS = 0.1
_REMOTE_SECONDS = 0.3

_CHUNK = 250  # marks that are read between two checks of the clock

_MIN_SAVED_SECONDS = 0.5  # a brief summary does not mention less


class TimeSaved(NamedTuple):
    """The time that skipped steps would have taken."""

    seconds: float
    all: bool  # False if some of their marks were not read


def summary_lines(follower: Follower, seconds: float, brief: bool, failed: bool) -> list[str]:
    """Return the lines of the summary. ``seconds`` is how long the run took.

    A ``brief`` summary has at most two lines. With ``failed``, the failed steps are named.
    """
    tally = follower.tally
    if not len(tally):
        return []
    found = [f"{tally.text(over=True)} in {duration(seconds)}"]
    why = tally.why_skipped()
    names_failed = [f"failed: {names(tally.failed)}"] if failed and tally.failed else []
    saved = time_saved(follower, seconds) if why else None
    if saved is not None and (not brief or saved.seconds >= _MIN_SAVED_SECONDS):
        text = f"time saved by skipping: {'' if saved.all else 'at least '}{duration(saved.seconds)}"
        return [*found, f"{why}; {text}"] if brief else [*found, why, *names_failed, text]
    return found if brief else [*found, *([why] if why else []), *names_failed]


def time_saved(follower: Follower, seconds: float) -> TimeSaved | None:
    """Return how long the skipped steps took when they ran, as their marks say, or None if no mark says it.

    Steps that ran at the same time took that time once. A mark of an earlier release does not say when its step ran.

    Reading the marks is limited to 2 % of the ``seconds`` of the run, or 0.1 s (0.3 s in a bucket) if that is more.
    """
    worked: list[Interval] = []
    timed = missing = 0  # marks that say when their steps worked; steps without such a mark
    began = time.monotonic()
    for workflow_id, listed in follower.listings.items():
        skipped = follower.tally.skipped(workflow_id)
        if not skipped:
            continue
        try:
            least = _LOCAL_SECONDS if stores.is_local(listed.bucket) else _REMOTE_SECONDS
            left = max(least, seconds * _SHARE) - (time.monotonic() - began)
            found = _times(listed, skipped, left)
        except Exception:  # noqa: BLE001 (the end of a run must be reported even if reading the marks fails)
            found = []
        said = [each.worked for each in found if each.worked is not None]
        worked += chain.from_iterable(said)
        timed += len(said)
        missing += len(skipped) - len(said) - sum(each.by_hand for each in found if each.worked is None)
    return TimeSaved(length(union(worked)), not missing) if timed else None


def _times(listed: Listed, steps: Sequence[str], seconds: float) -> list[Times]:
    """Read when steps ran, for about so many ``seconds`` at most."""
    store = stores.open_store(listed.bucket)
    steps = sorted(steps)  # so that a store may read those together that stand together
    end = time.monotonic() + seconds
    found: list[Times] = []
    with stores.kept_open(listed.bucket):
        for at in range(0, len(steps), _CHUNK):
            if time.monotonic() >= end:
                break
            found += [times(stored.body) for stored in store.read(listed.path, steps[at : at + _CHUNK]).values()]
    return found
