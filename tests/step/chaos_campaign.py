"""Random runs of steps that fail, stop and resume, and a check that no mark is ever wrong.

Run it by hand with ``python -m tests.step.chaos_campaign --seconds 600``. Each seed makes up to three runs over one
set of marks. A mark is wrong if the latest work of its step did not end well, or began before a step that forces it
had ended. The campaign prints each seed that finds a wrong mark, and exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import time

from tests.step.chaos import Item, Plan, World

NAMES = ("a", "a.b", "b", "b.c", "c", "d")


def later_only(name: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns that cover neither the step itself nor one before it, so that the runs come to an end."""
    before = NAMES[: NAMES.index(name) + 1]
    return tuple(each for each in patterns if not any(b == each or b.startswith(each + ".") for b in before))


def make_plan(source: random.Random, more: random.Random) -> Plan:
    """A run that often reads futures that are not final, and so is often evaluated afresh.

    What is drawn from ``more`` was added later: a seed goes on to make the same runs otherwise.
    """
    items = []
    for _ in range(source.randint(1, 4)):
        kind = source.choice(["step", "step", "group", "chain", "func"])
        names = [source.choice(NAMES) for _ in range(source.randint(1, 4))]
        items.append(Item(kind, tuple(names[:1] if kind == "step" else names)))
    return Plan(
        tuple(items),
        forced=tuple(source.sample([*NAMES, "*"], source.choice([0, 0, 1, 2]))),
        skipped=tuple(source.sample([*NAMES, "*"], source.choice([0, 0, 1, 2]))),
        failing=frozenset(source.sample(NAMES, source.choice([0, 0, 1, 2]))),
        waits=source.random() < 0.4,
        looks=source.random() < 0.7,
        stop_after=source.choice([None, None, source.randint(1, 20)]),
        resumes=source.random() < 0.7,
        claims=source.random() < 0.5,
        keeps=source.random() < 0.5,
        version=source.choice([None, 1, 1, 2]),
        argument=more.choice([0, 0, 1]),
        code=more.choice([0, 0, 1]),
        changes=more.choice(["tell", "run", "ignore"]),
    )


def run_seed(seed: int) -> None:
    """Start up to three runs made from ``seed``. Raises AssertionError if a mark is ever wrong."""
    source, more = random.Random(seed), random.Random(f"more {seed}")
    forces = {}
    for index, name in enumerate(NAMES):
        later = NAMES[index + 1 :] or ("z",)
        forces[name] = later_only(name, tuple(source.sample(later, min(len(later), source.choice([0, 1, 2])))))
    plans = [make_plan(source, more) for _ in range(source.randint(1, 3))]
    world = World(f"memory://campaign-{seed}", forces)
    for plan in plans:
        world.run(plan, lambda count: source.randrange(count))


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.step.chaos_campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to search (default 60)")
    parser.add_argument("--start", type=int, default=0, help="first seed (default 0)")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed, wrong = options.start, 0
    while time.monotonic() < until:
        try:
            run_seed(seed)
        except AssertionError as error:
            wrong += 1
            print(f"seed {seed}: {str(error)[:200]}", flush=True)
        seed += 1
    print(f"{seed - options.start} seeds, {wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
