"""Which step of a run forces which, and which waits for which: few enough nodes to be drawn.

Steps that stand side by side in the tree of names, and depend on the same ones, are one node. If there are still too
many, groups of names are folded, see ``name_tree``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from simpleflow.pictures.name_tree import OPEN, STEP, Item, folded_lines
from simpleflow.step import rules
from simpleflow.step.constants import COMPLETED, DEPENDENT_OF, FAILED, SCHEDULED, WAITING
from simpleflow.views import rows
from simpleflow.views.rows import StepRow
from simpleflow.views.run_view import RunView

MOST_NODES = 150

_ALIKE = 5  # steps that are alike become one node, if there are so many
_MOST_EDGES = 1_500
_WORST_FIRST = (FAILED, rows.STARTED, WAITING, rows.STOPPED, COMPLETED)


@dataclass(slots=True)
class Node:
    """A step, or several steps."""

    name: str  # of the step, or what the names begin with
    steps: list[StepRow]
    counts: Counter[str] = field(default_factory=Counter)  # of states

    @property
    def label(self) -> str:
        """The name, with the number of steps if there are several."""
        return self.name or "others"

    @property
    def state(self) -> str:
        """The worst of the states."""
        return next((state for state in _WORST_FIRST if self.counts[state]), next(iter(self.counts), COMPLETED))


@dataclass(slots=True)
class Dependencies:
    """The nodes of a run, and the edges between them by their places in ``nodes``; True: forced in this run."""

    nodes: list[Node]
    edges: dict[tuple[int, int], bool]


def has_dependencies(view: RunView) -> bool:
    """True if a step of the run forces another one or depends on one."""
    return any(row.forces or row.after or _origins(row) for row in view.steps.values())


def dependencies(view: RunView, most: int = MOST_NODES, around: str = "") -> Dependencies:
    """Return what depends on what in a run.

    Args:
        view: the rows of the run.
        most: at most so many nodes.
        around: only this step, and those that it is connected with.
    """
    nodes = list(_nodes(view, most, around))
    for node in nodes:
        node.counts = Counter(_state(view, row) for row in node.steps)
    found = Dependencies(nodes, dict(_edges(view, nodes)))
    return _near(found, around) if around else found


def _state(view: RunView, row: StepRow) -> str:
    state = view.state_of(row)
    return rows.STARTED if state == SCHEDULED else state


def _origins(row: StepRow) -> list[str]:
    """The steps that have forced a step in this run."""
    return [reason.removeprefix(DEPENDENT_OF) for reason in row.reasons if reason.startswith(DEPENDENT_OF)]


# Nodes


def _nodes(view: RunView, most: int, around: str) -> Iterator[Node]:
    items = []
    for name, row in view.steps.items():
        alone = row.state == FAILED or name == around
        items.append(Item(name, [row], row.state == FAILED, name == around, 0.0 if alone else 1.0))
    for line in folded_lines(_alike(items), most):
        if line.kind == OPEN and not line.items:
            continue
        found = [row for item in line.items for row in item.value]
        yield Node(line.items[0].name if line.kind in (STEP, OPEN) else line.name, found)


def _alike(items: list[Item[list[StepRow]]]) -> Iterator[Item[list[StepRow]]]:
    """Join the steps below one name that have the same links. Skipped ones do not tell which steps forced them."""
    by_prefix: dict[str, list[Item[list[StepRow]]]] = {}
    links: dict[str, set[tuple[object, ...]]] = {}
    forced_by: dict[str, set[tuple[str, ...]]] = {}
    for item in items:
        if item.failed or item.critical:
            continue
        row = item.value[0]
        origins = tuple(_origins(row))
        for prefix in _prefixes(item.name):
            by_prefix.setdefault(prefix, []).append(item)
            links.setdefault(prefix, set()).add((row.forces, row.after))
            if row.ran:
                forced_by.setdefault(prefix, set()).add(origins)
    joined: dict[str, str] = {}  # the prefix by the name of a step that is joined
    for prefix in sorted(by_prefix, key=len):
        members = by_prefix[prefix]
        alike = len(links[prefix]) == 1 and len(forced_by.get(prefix, ())) <= 1
        if alike and len(members) >= _ALIKE and members[0].name not in joined:
            joined.update((member.name, prefix) for member in members)
    groups: dict[str, Item[list[StepRow]]] = {}
    for item in items:
        prefix_of = joined.get(item.name)
        if prefix_of is None:
            yield item
        elif prefix_of in groups:
            groups[prefix_of].value.extend(item.value)
        else:
            groups[prefix_of] = Item(prefix_of, list(item.value), weight=1.0)
            yield groups[prefix_of]


def _prefixes(name: str) -> Iterator[str]:
    """The names of the groups that a step is in."""
    at = name.find(".")
    while at > 0:
        yield name[:at]
        at = name.find(".", at + 1)


# Edges


def _edges(view: RunView, nodes: list[Node]) -> Iterator[tuple[tuple[int, int], bool]]:
    place: dict[str, int] = {}
    below: dict[str, set[int]] = {}  # the nodes that a name covers
    for number, node in enumerate(nodes):
        for row in node.steps:
            place[row.name] = number
            for name in rules.patterns_covering(row.name):
                below.setdefault(name, set()).add(number)
    found: dict[tuple[int, int], bool] = {}
    seen: set[tuple[object, ...]] = set()
    for row in view.steps.values():
        here = place[row.name]
        known = (here, row.forces, row.after, row.reasons, row.ran)
        if known in seen:
            continue
        seen.add(known)
        _join(found, [here], _all(below, row.forces), False)
        _join(found, _all(below, row.after), [here], False)
        _join(found, _all(below, _origins(row)), [here], row.ran)
    kept = sorted(found, key=lambda edge: (not found[edge], edge))[:_MOST_EDGES]
    return ((edge, found[edge]) for edge in sorted(kept))


def _all(below: dict[str, set[int]], names: Iterable[str]) -> set[int]:
    return {number for name in names for number in below.get(name, ())}


def _join(found: dict[tuple[int, int], bool], begins: Collection[int], ends: Collection[int], forced: bool) -> None:
    for begin in begins:
        for end in ends:
            if begin != end:
                found[begin, end] = found.get((begin, end), False) or forced


def _near(whole: Dependencies, around: str) -> Dependencies:
    """Only the node of a step, and those that an edge connects it with."""
    center = next((at for at, node in enumerate(whole.nodes) if any(row.name == around for row in node.steps)), None)
    if center is None:
        return Dependencies([], {})
    edges = {edge: forced for edge, forced in whole.edges.items() if center in edge}
    kept = sorted({center, *(at for edge in edges for at in edge)})
    place = {at: number for number, at in enumerate(kept)}
    return Dependencies(
        [whole.nodes[at] for at in kept], {(place[a], place[b]): forced for (a, b), forced in edges.items()}
    )
