"""What some seeds of the campaign have beside the rest: each feature adds something to a plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.step.chaos_plan import Plan
from tests.step.chaos_random import NAMES


def _some(source: random.Random, *counts: int) -> tuple[str, ...]:
    return tuple(source.sample(NAMES, source.choice(counts)))


def marks(plan: Plan, source: random.Random) -> Plan:
    """Before the run, somebody forgets steps and marks others by hand."""
    return replace(plan, forgotten=_some(source, 0, 0, 1, 2), by_hand=_some(source, 0, 0, 0, 1))


FEATURES: Mapping[str, Callable[[Plan, random.Random], Plan]] = {"marks": marks}
