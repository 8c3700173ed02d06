"""A run does what its plan says, if all results are known."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow.core import events as e
from simpleflow.engines.run import Run
from simpleflow.local import Executor
from simpleflow.steering import plan as steering
from simpleflow.steering.plan import plan
from simpleflow.step.report import change_text
from simpleflow.stores import open_store
from tests.step import chaos
from tests.step.chaos import Item, Plan, World
from tests.step.chaos_random import NAMES
from tests.step.test_nothing_stale_is_skipped import FORCES, ITEMS, SOME

_numbers = itertools.count()

PLANS = st.builds(
    Plan,
    items=ITEMS,
    forced=SOME,
    skipped=SOME,
    waits=st.booleans(),
    looks=st.booleans(),
    argument=st.integers(0, 1),
    code=st.integers(0, 1),
    changes=st.sampled_from([None, "tell", "run", "ignore"]),
)

ONLY = st.just(()) | SOME


def run(workflow: Any, **requested: Any) -> list[tuple[Any, ...]]:
    """Run the workflow. Returns the verdicts that the markers of its steps record."""
    found: list[tuple[Any, ...]] = []

    def observe(_: Run, events: Sequence[e.Event]) -> None:
        for event in events:
            if isinstance(event.attributes, e.MarkerRecorded) and event.attributes.marker_name == "log.step":
                details = json.loads(event.attributes.details or "")
                verdict = {"scheduled": "run", "skipped": "skip"}.get(details["status"])
                if verdict is not None:
                    unmarks = tuple(each for each in details.get("unmarks", ()) if each != details["step"])
                    reasons = tuple(details["reasons"])
                    changed = change_text(details.get("changed", {})) or None
                    found.append((details["step"], verdict, details["forced"], reasons, unmarks, changed))

    Executor(workflow, workflow_id="w", observer=observe, **requested).run()
    return found


def rows(planned: steering.Plan) -> list[tuple[Any, ...]]:
    return [
        (each.step, each.verdict, each.forced, each.reasons, each.unmarks, each.changed)
        for each in planned.steps
        if each.verdict != steering.NOT_RUN
    ]


@settings(max_examples=100)
@given(PLANS, FORCES, st.lists(st.sampled_from(NAMES), unique=True), SOME, SOME, ONLY, ONLY)
def test_the_run_does_what_the_plan_says(
    graph: Plan,
    forces: dict[str, tuple[str, ...]],
    done: list[str],
    force: tuple[str, ...],
    skip: tuple[str, ...],
    only: tuple[str, ...],
    until: tuple[str, ...],
) -> None:
    world = World(f"memory://plan-{next(_numbers)}", forces)
    store = open_store(world.bucket)
    for name in done:
        store.put("w/steps", name, b"{}")
    workflow = chaos.workflow(world, graph)
    requested = {"force": force, "skip": skip, "only": only, "until": until}
    planned = plan(workflow, workflow_id="w", default_bucket=None, **requested)
    assert world.marks == sorted(done)
    assert [store.get("w/steps", name) for name in done] == [b"{}"] * len(done)
    assert world.ran == []
    assert planned.notes == ()
    assert rows(planned) == run(workflow, **{f"{key}_steps": names for key, names in requested.items()})
    # The plan of the next run is true as well: the first plan has left nothing behind.
    assert rows(plan(workflow, workflow_id="w", default_bucket=None)) == run(workflow)
    # So are those of runs with another argument and other code, told or run.
    for changed in (False, True):
        edited = chaos.workflow(world, replace(graph, argument=1 - graph.argument, code=1 - graph.code))
        planned = plan(edited, workflow_id="w", default_bucket=None, changed=changed)
        assert rows(planned) == run(edited, changed=changed)


def test_random_workflows_have_both_verdicts() -> None:
    """The property does not hold merely because there are no steps."""
    world = World("memory://plan-both", {"a": ("b",)})
    graph = Plan((Item("group", ("a", "b", "c")), Item("step", ("c",)), Item("func", ("d", "a.b"))), skipped=("d",))
    open_store(world.bucket).put("w/steps", "b", b"{}")
    open_store(world.bucket).put("w/steps", "c", b"{}")
    found = plan(chaos.workflow(world, graph), workflow_id="w", default_bucket=None, force="c")
    assert [(each.step, each.verdict, each.forced) for each in found.steps] == [
        ("a", "run", False),
        ("c", "run", True),
        ("b", "run", True),
        ("c", "skip", False),
        ("d", "skip", True),
        ("a.b", "run", False),
    ]
