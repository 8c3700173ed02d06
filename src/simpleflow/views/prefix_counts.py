"""How many steps there are at and below each dotted name, by state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from simpleflow.step import rules
from simpleflow.views.rows import StepRow


def prefix_counts(steps: Iterable[StepRow]) -> dict[str, Counter[str]]:
    """Return the counts of states for each name that covers one of the steps; for ``*``, the counts of all.

    For ``load.users``, these names are ``*``, ``load`` and ``load.users``.
    """
    found: dict[str, Counter[str]] = {}
    for step in steps:
        for name in rules.patterns_covering(step.name):
            found.setdefault(name, Counter())[step.state] += 1
    return found
