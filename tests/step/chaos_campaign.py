"""Random runs of steps that fail, stop and resume, and an independent judge of what they do.

Run it by hand with ``python -m tests.step.chaos_campaign --seconds 600``, or with ``--seeds 20000``. Each seed makes up
to three runs over one set of marks, with steps inside steps, children, dependencies in both directions, and edits
between the runs. See ``chaos_truth`` and ``chaos_verdicts`` for what counts as wrong. The campaign prints each seed in
which something is wrong, and exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import time

from tests.step.chaos import World
from tests.step.chaos_features import FEATURES
from tests.step.chaos_random import NAMES, make_after, make_forces, make_plan, with_parts

SHARE = 0.15
"""How many of the seeds have each of the features."""


def run_seed(seed: int, parts: bool = True, share: float = 0.25, always: tuple[str, ...] = ()) -> None:
    """Start up to three runs made from ``seed``. Raises AssertionError if something is wrong.

    ``parts``: with steps inside steps, children and ``after`` too. Odd seeds: the engine writes the marks.
    ``share``: how many of the seeds have children, which cost most of the time.
    ``always``: the names of ``FEATURES`` that the seed has; of the others, it has some.
    """
    source, more = random.Random(seed), random.Random(f"more {seed}")
    forces = make_forces(source)
    plans = [make_plan(source, more) for _ in range(source.randint(1, 3))]
    in_history = seed % 2 == 1
    world = World(f"memory://campaign-{seed}", forces, in_history=in_history)
    if parts:
        extra = random.Random(f"children {seed}")
        optional = frozenset(extra.sample(NAMES, extra.choice([0, 0, 1, 2])))
        world = World(f"memory://campaign-{seed}", forces, make_after(extra), optional, in_history)
        children = extra.random() < share
        plans = [with_parts(plan, children, extra) for plan in plans]
    later = random.Random(f"features {seed}")
    chosen = [name for name in FEATURES if later.random() < SHARE or name in always] if parts else always
    for name in chosen:
        source_of_feature = random.Random(f"{name} {seed}")
        plans = [FEATURES[name](plan, source_of_feature) for plan in plans]
    for plan in plans:
        world.run(plan, lambda count: source.randrange(count))


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.step.chaos_campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to search (default 60)")
    parser.add_argument("--seeds", type=int, help="how many seeds to try, instead of --seconds")
    parser.add_argument("--start", type=int, default=0, help="first seed (default 0)")
    parser.add_argument("--children", type=float, default=0.25, help="share of seeds with children (default 0.25)")
    parser.add_argument("--first", action="store_true", help="end with the first seed in which something is wrong")
    parser.add_argument("--always", nargs="*", default=[], choices=FEATURES, help="features of all seeds")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed, wrong = options.start, 0
    while seed - options.start < options.seeds if options.seeds else time.monotonic() < until:
        try:
            run_seed(seed, share=options.children, always=tuple(options.always))
        except Exception as error:
            wrong += 1
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}", flush=True)
        seed += 1
        if wrong and options.first:
            break
    print(f"{seed - options.start} seeds, {wrong} wrong")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
