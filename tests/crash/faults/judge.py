"""Checks of a round: its log, its marks, and what it has left behind."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from simpleflow.local import Executor
from simpleflow.step import claims
from simpleflow.step.claim_objects import CLAIMS
from simpleflow.stores import open_store
from tests.crash.faults.program import PREFIX, Main, Plan
from tests.crash.faults.world import World

SAFE_SECONDS = 1.0
"""What an owner has recorded and marked so long after the end of the work, unless the store fails."""


class Work(NamedTuple):
    """One time that a step was worked on."""

    step: str
    begun: int  # number of a line of the log, as is the next one
    ended: int | None
    owner: int
    generation: int
    id: str  # workflow id
    end_at: float  # monotonic seconds


def judge(world: World) -> None:
    """Add a line to ``world.wrong`` for everything that should not be."""
    plan = Plan.of(world.seed)
    lines = world.lines()
    works = _works(lines)
    world.tally["works"] += len(works)
    world.wrong += [f"{each['step']} was worked on twice at a time" for each in lines if each["word"] == "met"]
    _check_repeats(world, plan, works)
    _check_marks(world, plan, works)
    _check_leftovers(world)


def _works(lines: list[dict[str, Any]]) -> list[Work]:
    found: list[Work] = []
    for number, line in enumerate(lines):
        if line["word"] == "begin":
            found.append(Work(line["step"], number, None, line["owner"], line["generation"], line["id"], 0.0))
        elif line["word"] == "end":
            for index in reversed(range(len(found))):
                if found[index].step == line["step"] and lines[found[index].begun]["pid"] == line["pid"]:
                    found[index] = found[index]._replace(ended=number, end_at=line["at"])
                    break
    return found


def _is_safe(world: World, work: Work, works: list[Work]) -> bool:
    """True if the work ended, and its mark must have been written before anything happened to its owner."""
    if work.ended is None or _is_taken_over(world, work) or _has_lost(world, work, works):
        return False
    lived = [at for pid, at, *_ in world.deaths if pid == work.owner and at >= work.end_at]
    if lived and min(lived) < work.end_at + SAFE_SECONDS:
        return False
    fails = ("outage", "full disk")
    return not any(
        kind in fails and begun - 1 < work.end_at + SAFE_SECONDS and work.end_at < end + SAFE_SECONDS
        for kind, begun, end in world.faults
    )


def _is_taken_over(world: World, work: Work) -> bool:
    """True if another run, whose process had died, may have lost the step to this one.

    When that run goes on, it cannot know what this one made of the step. So it removes the mark, does the step if it
    was not done, and does not mark it.
    """
    return any(
        each.id != work.id and each.generation == work.generation and each.at < work.end_at for each in world.deaths
    )


def _has_lost(world: World, work: Work, works: list[Work]) -> bool:
    """True if the run of this work went on after its process had died, and another run had done the step meanwhile."""
    died = any(each.id == work.id and each.generation == work.generation for each in world.deaths)
    return died and any(
        each.step == work.step and each.generation == work.generation and each.id != work.id for each in works
    )


def _check_repeats(world: World, plan: Plan, works: list[Work]) -> None:
    origins = {part.name: [each.name for each in plan.parts if part.name in each.forces] for part in plan.parts}
    for part in plan.parts:
        own = [each for each in works if each.step == part.name]
        used: set[int] = set()  # generations whose request to force the step has been used
        for number, later in enumerate(own):
            earlier = [each for each in own[:number] if _is_safe(world, each, works)]
            if not earlier:
                continue
            before = earlier[-1]
            # A run in which an origin has run forces its dependents, also if another run has done them since.
            same = (later.id, later.generation)
            origin_ran = any(
                each.begun < later.begun
                and (before.begun < (each.ended or each.begun) or (each.id, each.generation) == same)
                for each in works
                if each.step in origins[part.name]
            )
            if origin_ran:
                continue
            forced = part.name in plan.forced(world.seed, later.generation)
            if forced and before.generation < later.generation:
                continue
            if forced and later.generation not in used:
                used.add(later.generation)
                continue
            world.wrong.append(f"{part.name} was done again (line {later.begun}) after line {before.ended}")


def _check_marks(world: World, plan: Plan, works: list[Work]) -> None:
    bucket = world.bucket or Executor(Main, state=world.disk / "state").default_bucket
    store = open_store(bucket)
    marked = set(store.names(PREFIX))
    latest: dict[str, Work] = {}
    for each in works:
        latest[each.step] = each
    for part in plan.parts:
        if part.name not in marked:
            world.wrong.append(f"{part.name} is not marked")
            continue
        if latest[part.name].ended is None:
            world.wrong.append(f"the latest work of {part.name} did not end, and it is marked")
        for dependent in part.forces:
            origin = latest[part.name]
            if dependent in marked and latest[dependent].begun < (origin.ended or origin.begun):
                world.wrong.append(f"the mark of {dependent} is stale: {part.name} was worked on later")
    if held := claims.holders(store, PREFIX):
        world.wrong.append(f"claims are left: {held}")
    # Those of runs that were killed stay until somebody claims the step again.
    world.tally["dead claims"] += len(store.names(CLAIMS))


def _check_leftovers(world: World) -> None:
    end = time.monotonic() + 10
    while (left := world.left()) and time.monotonic() < end:
        time.sleep(0.1)
    world.wrong += [f"process {each} is left" for each in left]
    owners = world.disk / "state/owners"
    world.wrong += [f"file {each.name} is left" for each in owners.iterdir()]
    world.wrong += [f"file {each} is left" for each in world.disk.rglob("*.tmp")]
