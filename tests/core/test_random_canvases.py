"""Any canvas, order of results and failures: the result is that of a model, and the same tasks are scheduled.

``Simulation`` also compares every decision with that of a fresh evaluation.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow import Workflow
from simpleflow.base import Submittable
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.engines.base import ActivityTask as Task
from simpleflow.task import ActivityTask, ChildWorkflowTask
from simpleflow.worker.dispatch import Outcome
from tests.core.activities import hesitant
from tests.core.harness import Simulation, echo

FAILURE = Outcome(reason="OSError: drawn")


class Echoing(Workflow):
    name = "echoing"

    def run(self, *args: Any) -> Any:
        return self.submit(echo, *args).result


@dataclass
class Node:
    """A part of a canvas. A leaf has a ``number``, and its first ``failures`` attempts fail."""

    kind: str
    members: list[Node] = field(default_factory=list)
    failures: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    number: int = -1

    def build(self) -> Submittable:
        """This part as the library's object."""
        match self.kind:
            case "plain":
                return ActivityTask(echo, self.number)
            case "retried":
                return ActivityTask(hesitant, self.number)
            case "child":
                return ChildWorkflowTask(Echoing, self.number)
            case "func":
                return FuncGroup(lambda *received: self.members[0].build())
            case "group":
                return Group(*(each.build() for each in self.members), **self.options)
        return Chain(*(each.build() for each in self.members), **self.options)

    def expect(self, *received: Any) -> tuple[Any, bool]:
        """The result, and True if it failed, by the rules of the documentation."""
        if self.kind in ("plain", "retried", "child"):
            failed = self.failures > {"plain": 0, "retried": 2, "child": 9}[self.kind]
            return (None if failed else [self.number, *received]), failed
        if self.kind == "func":
            return self.members[0].expect()
        if self.kind == "group":
            ends = [each.expect(*received) for each in self.members]
        else:
            ends = []
            for member in self.members:
                ends.append(member.expect(*received))
                received = (ends[-1][0],) if self.options.get("send_result") else ()
                if ends[-1][1] and self.options.get("break_on_failure", True):
                    break
        failed = any(failed for _, failed in ends) and self.options.get("bubbles_exception_on_failure") is not False
        return [result for result, _ in ends], failed

    def leaves(self) -> list[Node]:
        return [self] if self.number >= 0 else [leaf for each in self.members for leaf in each.leaves()]


def leaf(kind: str, failures: int) -> Node:
    return Node(kind, failures=0 if kind == "child" else failures, number=0)


def numbered(node: Node) -> Node:
    for number, each in enumerate(node.leaves()):
        each.number = number
    return node


bubbles = st.fixed_dictionaries({}, optional={"bubbles_exception_on_failure": st.booleans()})
chain_options = st.one_of(
    bubbles,
    bubbles.map(lambda found: {**found, "send_result": True}),
    bubbles.map(lambda found: {**found, "break_on_failure": False}),
)
group_options = st.one_of(bubbles, st.integers(1, 3).map(lambda most: {"max_parallel": most}))
leaves = st.builds(leaf, st.sampled_from(["plain", "plain", "retried", "child"]), st.sampled_from([0, 0, 0, 1, 3]))


def containers(inside: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    members = st.lists(inside, max_size=4)
    return st.one_of(
        st.builds(lambda members, options: Node("group", members, options=options), members, group_options),
        st.builds(lambda members, options: Node("chain", members, options=options), members, chain_options),
        st.builds(lambda member: Node("func", [member]), inside),
    )


canvases = containers(st.recursive(leaves, containers, max_leaves=9)).map(numbered)


class Canvas(Workflow):
    name = "canvas"
    node: Node

    def run(self, peeks: bool) -> Any:
        future = self.submit(self.node.build())
        if peeks and not future.finished:
            self.submit(self.record_marker("not finished"))
        side = self.submit(echo, "side")
        return [future.result, future.exception is not None, side.result]


def outcomes(node: Node) -> Callable[[Task, int], Outcome | None]:
    failures = {each.number: each.failures for each in node.leaves()}

    def outcome(task: Task, attempt: int) -> Outcome | None:
        number = json.loads(task.input or "")["args"][0]
        return FAILURE if attempt <= failures.get(number, 0) else None

    return outcome


def simulate(node: Node, seed: int, peeks: bool) -> Simulation:
    workflow = type("Drawn", (Canvas,), {"node": node})
    run = Simulation(workflow, peeks)
    if seed == 0:
        return run.run(outcome=outcomes(node))
    return run.run_in_disorder(random.Random(seed).randrange, outcomes(node))


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(canvases, st.integers(1, 10_000), st.booleans())
def test_the_order_of_results_changes_neither_the_result_nor_the_tasks(node: Node, seed: int, peeks: bool) -> None:
    expected = [*node.expect(), ["side"]]
    runs = [simulate(node, seed, peeks), simulate(node, 0, False)]
    assert [run.result for run in runs] == [expected, expected]
    assert runs[0].scheduled == runs[1].scheduled
    assert runs[0].tries == runs[1].tries


class Program(Workflow):
    """Submits several canvases and reads them in drawn orders, with results as arguments of others."""

    name = "program"
    nodes: list[Node]

    def run(self) -> Any:
        futures = []
        for node in self.nodes:
            canvas = self.submit(node.build())
            futures.append((canvas, self.submit(echo, "after", canvas)))
        found = [[after.result, canvas.result] for canvas, after in reversed(futures)]
        return [*found, self.submit(echo, "end", found).result[0]]


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.lists(canvases, min_size=1, max_size=3), st.integers(1, 10_000))
def test_results_become_arguments_in_any_order_of_results(nodes: list[Node], seed: int) -> None:
    whole = numbered(Node("group", nodes))
    ends = [node.expect()[0] for node in nodes]
    expected = [*([["after", end], end] for end in reversed(ends)), "end"]
    workflow = type("DrawnProgram", (Program,), {"nodes": nodes})
    ordered = Simulation(workflow).run(outcome=outcomes(whole))
    disordered = Simulation(workflow).run_in_disorder(random.Random(seed).randrange, outcomes(whole))
    assert ordered.result == disordered.result == expected
    assert ordered.scheduled == disordered.scheduled
