"""Dotted names as a tree that is folded until it fits: at most so many lines, and what matters stays visible.

Ten thousand steps cannot be shown in sixty lines. So groups of names are folded into one line each. Groups are unfolded
as long as there is room, in this order: those with failures, those on the critical path, the heaviest. Of a group that
is too large, a few members get a line of their own, by the same order, and one line stands for the rest. Each name is
in exactly one line.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

STEP, OPEN, FOLDED, REST = "step", "open", "folded", "rest"
"""The kinds of lines: one name; an unfolded group, whose lines follow; a folded group; the rest of a large group."""

_FEW = 8  # members of a large group that get a line of their own

_T = TypeVar("_T")


@dataclass(slots=True)
class Item(Generic[_T]):
    """Something with a dotted name."""

    name: str
    value: _T
    failed: bool = False
    critical: bool = False
    weight: float = 0.0

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Sorts what matters most to the front."""
        return not self.failed, not self.critical, -self.weight


class Line(NamedTuple, Generic[_T]):
    """A line of a folded tree."""

    kind: str
    name: str  # of the step, or what the names of the group begin with
    label: str  # the name without that of the group around it
    depth: int  # how many groups are around it
    items: list[Item[_T]]  # what it stands for; of an open group, the item that has its name
    size: int  # how many items are in it or below it


@dataclass(slots=True)
class _Node(Generic[_T]):
    name: str
    label: str
    own: list[Item[_T]] = field(default_factory=list)
    children: dict[str, _Node[_T]] = field(default_factory=dict)
    count: int = 0
    failed: bool = False
    critical: bool = False
    weight: float = 0.0

    @property
    def rank(self) -> tuple[bool, bool, float]:
        return not self.failed, not self.critical, -self.weight

    def every(self) -> Iterator[Item[_T]]:
        yield from self.own
        for child in self.children.values():
            yield from child.every()


def folded_lines(items: Iterable[Item[_T]], most: int, fold_idle: bool = False) -> list[Line[_T]]:
    """Return at most ``most`` lines that stand for all items, in the order in which their groups first occur.

    ``fold_idle``: groups that weigh nothing stay folded, although there is room.
    """
    root = _tree(items)
    chosen: _Choice[_T] = _Choice(most, fold_idle)
    chosen.unfold_what_matters(root)
    chosen.fill(root)
    return list(_lines(root, chosen.shown, 0))


class _Choice(Generic[_T]):
    """Which members of which groups get lines."""

    def __init__(self, most: int, fold_idle: bool) -> None:
        self.left = most
        self._fold_idle = fold_idle
        self.shown: dict[int, list[_Node[_T]]] = {}  # by id of a node: the children that get lines

    def unfold_what_matters(self, root: _Node[_T]) -> None:
        """Unfold groups by their rank; no group takes more than half of the room that is left."""
        heap = [(root.rank, 0, root)]
        order = 1
        while heap:
            _, _, node = heapq.heappop(heap)
            children = list(node.children.values())
            room = self.left if node is root else min(self.left, max(_FEW, self.left // 2))
            if len(children) > room:
                children = self._few(node, root)
                if not children:
                    continue
            self._show(node, children)
            for child in children:
                if self._may_unfold(child):
                    heapq.heappush(heap, (child.rank, order, child))
                    order += 1

    def _few(self, node: _Node[_T], root: _Node[_T]) -> list[_Node[_T]]:
        """The members of a large group that get a line of their own, in their order."""
        children = list(node.children.values())
        most = self.left - 1 if node is root else min(_FEW, self.left - 1)
        matter = sorted(children, key=lambda child: child.rank)[: max(0, most)]
        picked = {id(child) for child in matter if node is root or child.failed or child.critical}
        return [child for child in children if id(child) in picked]

    def fill(self, root: _Node[_T]) -> None:
        """Unfold groups into the room that is left, the outer ones first."""
        heap = [(0, root.rank, 0, root)]
        order = 1
        while heap and self.left:
            depth, _, _, node = heapq.heappop(heap)
            children = list(node.children.values())
            if len(self.shown.get(id(node), ())) < len(children) and self._cost(node, children) <= self.left:
                self._show(node, children)
            for child in self.shown.get(id(node), ()):
                if self._may_unfold(child):
                    heapq.heappush(heap, (depth + 1, child.rank, order, child))
                    order += 1

    def _may_unfold(self, node: _Node[_T]) -> bool:
        matters = node.weight > 0 or node.failed or node.critical
        return bool(node.children) and (matters or not self._fold_idle)

    def _show(self, node: _Node[_T], children: list[_Node[_T]]) -> None:
        self.left -= self._cost(node, children)
        self.shown[id(node)] = children

    def _cost(self, node: _Node[_T], children: list[_Node[_T]]) -> int:
        """How many more lines it takes to show these children."""
        return _size(len(children), node) - _size(len(self.shown.get(id(node), ())), node)


def _size(shown: int, node: _Node[_T]) -> int:
    """Lines below a group of which so many members are shown; the others share one."""
    return shown + 1 if 0 < shown < len(node.children) else shown


def _tree(items: Iterable[Item[_T]]) -> _Node[_T]:
    root: _Node[_T] = _Node("", "")
    for item in items:
        node, path = root, ""
        parts = item.name.split(".")
        for at, part in enumerate([None, *parts]):
            if part is not None:
                path = part if at == 1 else f"{path}.{part}"
                found = node.children.get(part)
                if found is None:
                    found = node.children[part] = _Node(path, part)
                node = found
            node.count += 1
            node.failed |= item.failed
            node.critical |= item.critical
            node.weight += item.weight
        node.own.append(item)
    for name, child in root.children.items():
        root.children[name] = _shortened(child)
    return root


def _shortened(node: _Node[_T]) -> _Node[_T]:
    """Leave out groups that hold one group alone."""
    while len(node.children) == 1 and not node.own:
        [child] = node.children.values()
        child.label = f"{node.label}.{child.label}"
        node = child
    for name, child in node.children.items():
        node.children[name] = _shortened(child)
    return node


def _lines(node: _Node[_T], chosen: dict[int, list[_Node[_T]]], depth: int) -> Iterator[Line[_T]]:
    shown = chosen.get(id(node), [])
    for child in shown:
        if not child.children:
            yield Line(STEP, child.name, child.label, depth, child.own, child.count)
        elif id(child) in chosen:
            yield Line(OPEN, child.name, child.label, depth, child.own, child.count)
            yield from _lines(child, chosen, depth + 1)
        else:
            yield Line(FOLDED, child.name, child.label, depth, list(child.every()), child.count)
    if len(shown) < len(node.children):
        picked = {id(child) for child in shown}
        rest = [item for child in node.children.values() if id(child) not in picked for item in child.every()]
        label = f"{len(rest):,} more" if shown else f"{len(rest):,}"
        yield Line(REST, node.name, label, depth, rest, len(rest))
