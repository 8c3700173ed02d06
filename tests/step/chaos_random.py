"""Random plans for the campaign."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.step.chaos_plan import Item, Plan

NAMES = ("a", "a.b", "b", "b.c", "c", "d")
LETTERS = ("x", "y", "z")

Names = dict[str, tuple[str, ...]]


def later_only(name: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns that cover neither the step itself nor one before it, so that the runs come to an end."""
    before = NAMES[: NAMES.index(name) + 1]
    return tuple(each for each in patterns if not any(b == each or b.startswith(each + ".") for b in before))


def make_forces(source: random.Random) -> Names:
    """Which steps force which."""
    forces = {}
    for index, name in enumerate(NAMES):
        later = NAMES[index + 1 :] or ("z",)
        forces[name] = later_only(name, tuple(source.sample(later, min(len(later), source.choice([0, 1, 2])))))
    return forces


def make_after(source: random.Random) -> Names:
    """Which steps say that they come after which: only after those that stand before them in ``NAMES``."""
    after = {}
    for index, name in enumerate(NAMES):
        before = NAMES[:index]
        # A pattern covers names below it, which may stand later.
        allowed = [each for each in before if all(b in before or not b.startswith(each + ".") for b in NAMES)]
        count = source.choice([0, 0, 1, 2])
        after[name] = tuple(source.sample(allowed, min(len(allowed), count)))
    return after


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
        until=tuple(more.sample(NAMES, more.choice([0, 0, 0, 0, 1, 2]))),
        only=tuple(more.sample(NAMES, more.choice([0, 0, 0, 0, 1, 2]))),
    )


def with_parts(plan: Plan, children: bool, source: random.Random) -> Plan:
    """The plan with steps inside steps, a request at start, and ``children``, which cost most of the time."""
    inside = _inside(children, source)
    hidden = {name for items in inside.values() for item in items if item.kind != "child" for name in item.names}
    shown = [name for name in NAMES if name not in hidden]

    def only_shown(items: tuple[Item, ...]) -> tuple[Item, ...]:
        # An inner step takes a verdict in no other place, and so the judge knows what each verdict is about.
        return tuple(
            replace(item, names=tuple(name if name in shown else source.choice(shown) for name in item.names))
            for item in items
        )

    items = only_shown(plan.items)
    child: tuple[Item, ...] = ()
    if children and source.random() < 0.8:
        items = _mixed(items[:2], source)
        child = tuple(_steps(shown, source) for _ in range(source.choice([1, 1, 2])))
        if source.random() < 0.15:
            child = _mixed(child, source)
    stop_after = plan.stop_after
    if stop_after is not None and source.random() < 0.5:
        stop_after = source.randint(1, 80)
    return replace(
        plan,
        items=items,
        inside=inside,
        child=child,
        stop_after=stop_after,
        breaking=frozenset(source.sample(LETTERS, source.choice([0, 0, 0, 1]))),
        requested=tuple(source.sample(NAMES, source.choice([0, 0, 0, 1]))),
        requests_changed=source.random() < 0.2,
        failing=frozenset(source.sample(sorted(plan.failing), source.randint(0, len(plan.failing)))),
    )


def _inside(children: bool, source: random.Random) -> dict[str, tuple[Item, ...]]:
    """What is inside which step: each name at most once, in a step that stands before it."""
    found: dict[str, tuple[Item, ...]] = {}
    free = list(NAMES)
    for name in NAMES[:-1]:
        later = [each for each in free if NAMES.index(each) > NAMES.index(name)]
        if source.random() < 0.7 or not later:
            continue
        items = []
        for _ in range(source.randint(1, 2)):
            if not later:
                break
            item = _steps(source.sample(later, min(len(later), 2)), source)
            items.append(item)
            later = [each for each in later if each not in item.names]
            free = [each for each in free if each not in item.names]
        if children and source.random() < 0.2:
            items.append(_children(source))
        found[name] = tuple(items)
    return found


def _steps(names: list[str], source: random.Random) -> Item:
    kind = source.choice(["step", "group", "chain", "func", "quiet", "loose"])
    chosen = [source.choice(names) for _ in range(source.choice([1, 2, 2, 3]))]
    return Item(kind, tuple(chosen[:1] if kind == "step" else chosen))


def _children(source: random.Random) -> Item:
    """A list of children. The next run has another one: it may begin with new ones, or be in another order."""
    return Item("child", tuple(source.choice(LETTERS) for _ in range(source.choice([1, 1, 2, 3]))))


def _mixed(items: tuple[Item, ...], source: random.Random) -> tuple[Item, ...]:
    """The items with a list of children among them."""
    at = source.randint(0, len(items))
    return (*items[:at], _children(source), *items[at:])
