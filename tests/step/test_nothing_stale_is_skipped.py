"""In random runs with random ends, no step is skipped that should run, and no step that is done is repeated."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.step.chaos import Item, Plan, World
from tests.step.chaos_campaign import run_seed
from tests.step.chaos_random import NAMES, later_only

FORCES = st.fixed_dictionaries(
    {
        name: st.lists(st.sampled_from(NAMES[index + 1 :] or ("z",)), max_size=2, unique=True).map(tuple)
        for index, name in enumerate(NAMES)
    }
).map(lambda forces: {name: later_only(name, patterns) for name, patterns in forces.items()})

ITEMS = st.lists(
    st.builds(
        lambda kind, names: Item(kind, tuple(names[:1] if kind == "step" else names)),
        st.sampled_from(["step", "step", "group", "chain", "func"]),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=5,
).map(tuple)

SOME = st.lists(st.sampled_from([*NAMES, "*"]), max_size=2, unique=True).map(tuple)

PLANS = st.builds(
    Plan,
    items=ITEMS,
    forced=SOME,
    skipped=SOME,
    failing=st.frozensets(st.sampled_from(NAMES), max_size=2),
    waits=st.booleans(),
    looks=st.booleans(),
    stop_after=st.none() | st.integers(1, 12),
    resumes=st.booleans(),
    argument=st.integers(0, 1),
    code=st.integers(0, 1),
    changes=st.sampled_from(["tell", "run", "ignore"]),
    only=st.lists(st.sampled_from(NAMES), max_size=1).map(tuple),
)

_numbers = itertools.count()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(PLANS, min_size=1, max_size=4), FORCES, ITEMS, st.randoms(use_true_random=False))
def test_marks_are_true_at_every_instant(plans: list[Plan], forces: dict, items: tuple[Item, ...], random) -> None:
    world = World(f"memory://chaos-{next(_numbers)}", forces)
    for plan in plans:
        world.run(plan, lambda count: random.randrange(count))
    # Without failures everything is done in the end, and then no step runs any more.
    quiet = Plan(items)
    for _ in range(len(NAMES) + 1):
        world.run(quiet, lambda count: random.randrange(count))
        if not world.ran:
            break
    assert world.ran == []
    assert {name for item in items for name in item.names} <= set(world.marks)


# Each of these once left a stale mark or a run that could not go on: steps that are met again in another order.
@pytest.mark.parametrize("seed", [94, 102, 129, 551, 1052, 1414, 2036, 3478, 4140])
def test_marks_are_true_where_they_once_were_not(seed: int) -> None:
    run_seed(seed, parts=False)


# The same, in runs with steps inside steps: runs that an evaluation has not reached, marks about to be removed, and
# readings that an evaluation has asked for that was given up.
@pytest.mark.parametrize("seed", [100, 112, 876, 1387, 20208, 17216, 5091270])
def test_marks_of_steps_inside_steps_are_true_where_they_once_were_not(seed: int) -> None:
    run_seed(seed)


# The same, where functions capture what somebody edits: a mark being written while run is evaluated anew.
@pytest.mark.parametrize("seed", [720070, 720634])
def test_marks_of_edited_steps_are_true_where_they_once_were_not(seed: int) -> None:
    run_seed(seed, share=0.1, always=("closures",))


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_marks_are_true_in_runs_that_are_evaluated_afresh(start: int) -> None:
    for seed in range(10_000 + start, 10_000 + start + 100):
        run_seed(seed, parts=seed % 25 == 0)
