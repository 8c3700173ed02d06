"""The output of ``step.plan --estimate``: when the run would end, what it waits for, and what would gain time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simpleflow.cli.view.tables import TableLayout, table
from simpleflow.shown_text import count, duration, printable

if TYPE_CHECKING:
    from simpleflow.steering.estimate import Estimate

_SHOWN = 12  # links of the critical path
_SAME = 0.01  # of the whole time; a smaller difference is none


def estimate_text(found: Estimate, layout: TableLayout) -> str:
    """Return the estimate as lines for people."""
    return "\n".join(_lines(found, layout))


def estimate_object(found: Estimate) -> dict[str, Any]:
    """Return the estimate as an object for programs. Times are seconds."""
    return {
        "workers": found.workers,
        "seconds": {str(chance): seconds for chance, seconds in found.quantiles.items()},
        "complete": found.complete,
        "runs": found.runs,
        "simulations": found.draws,
        "critical_path": [{"name": name, "seconds": seconds} for name, seconds in found.critical],
        "unknown": [{"step": each.step, "activity": each.activity, "count": each.count} for each in found.unknown],
        "alternatives": [
            {"change": each.change, "seconds": each.seconds, "gain": each.gain} for each in found.alternatives
        ],
    }


def _lines(found: Estimate, layout: TableLayout) -> Iterator[str]:
    from simpleflow.steering.plan_times import unknown_text

    (_, middle), *others = found.quantiles.items()
    least = "" if found.complete else "at least "
    within = "".join(f"; {chance:.0%} of runs take no longer than {duration(seconds)}" for chance, seconds in others)
    rests_on = f" (from {count(found.runs, 'earlier run')})"
    yield f"estimate: {least}{duration(middle)} with {count(found.workers, 'worker')}{within}{rests_on}"
    if not found.complete:
        yield "the plan does not reach the end of the run, so the run takes longer; see the notes above"
    for each in found.unknown:
        yield f"not known: {unknown_text(each)}"
    if found.critical:
        links = [f"{printable(name)} {duration(seconds)}" for name, seconds in found.critical]
        more = [f"and {len(links) - _SHOWN} more"] if len(links) > _SHOWN else []
        yield f"critical path: {', '.join([*links[:_SHOWN], *more])}"
    if found.alternatives:
        rows = [(each.change, duration(each.seconds), _gain(each.gain, found.typical)) for each in found.alternatives]
        yield table(("what if", "would take", "compared with this plan"), rows, layout)


def _gain(gain: float, whole: float) -> str:
    if abs(gain) <= _SAME * whole:
        return "the same"
    return f"{duration(abs(gain))} {'less' if gain > 0 else 'more'}"
