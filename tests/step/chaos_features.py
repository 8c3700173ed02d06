"""What some seeds of the campaign have beside the rest: each feature adds something to a plan."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.step.chaos_plan import Plan
from tests.step.chaos_random import NAMES, make_after, make_forces


def _some(source: random.Random, *counts: int) -> tuple[str, ...]:
    return tuple(source.sample(NAMES, source.choice(counts)))


def marks(plan: Plan, source: random.Random) -> Plan:
    """Before the run, somebody forgets steps and marks others by hand."""
    return replace(plan, forgotten=_some(source, 0, 0, 1, 2), by_hand=_some(source, 0, 0, 0, 1))


def outputs(plan: Plan, source: random.Random) -> Plan:
    """The steps make files, which may be gone, or which they may fail to make."""
    makes = source.random() < 0.8
    return replace(plan, makes=makes, unmade=frozenset(_some(source, 0, 0, 1)), removed=_some(source, 0, 0, 1, 2))


def inputs(plan: Plan, source: random.Random) -> Plan:
    """The steps have fingerprints of ready-made parts, and read files that are edited."""
    reads = source.choice([None, "mtime", "content", "content"])
    return replace(plan, reads=reads, edited=_some(source, 0, 0, 1, 2))


def requests(plan: Plan, source: random.Random) -> Plan:
    """What a run is started with has patterns, and the steps have further parameters."""
    patterns = [*NAMES, "*"]
    return replace(
        plan,
        requested=tuple(source.sample(patterns, source.choice([0, 0, 1, 2]))),
        requested_skips=tuple(source.sample(patterns, source.choice([0, 0, 1, 2]))),
        insists=frozenset(_some(source, 0, 0, 1)),
        alternates=source.random() < 0.5,
        alternates_badly=frozenset(_some(source, 0, 0, 0, 1)),
        signals=source.random() < 0.5,
    )


def failures(plan: Plan, source: random.Random) -> Plan:
    """Failures fail the workflow, at once or once nothing else can be done; or they pass with the next try."""
    return replace(
        plan,
        raises=source.random() < 0.7,
        keeps_going=source.random() < 0.6,
        tries=source.choice([0, 1]),
        flaky=frozenset(_some(source, 0, 1, 2)),
    )


def turns(plan: Plan, source: random.Random) -> Plan:
    """The executions continue as new."""
    return replace(plan, turns=source.choice([1, 2, 2, 3]))


def dependencies(plan: Plan, source: random.Random) -> Plan:
    """Somebody edits what depends on what."""
    if source.random() < 0.3:
        return plan
    return replace(plan, forces=make_forces(source), after=make_after(source))


def closures(plan: Plan, source: random.Random) -> Plan:
    """Somebody edits what functions capture, another function or a value, and nothing else of them."""
    return replace(plan, argument=0, code=0, helper=source.choice([0, 0, 1]), captured=source.choice([0, 1]))


FEATURES: Mapping[str, Callable[[Plan, random.Random], Plan]] = {
    each.__name__: each for each in (marks, outputs, inputs, requests, failures, turns, dependencies, closures)
}
