"""Places for the nodes of a directed graph: in layers from left to right, with few crossings and short edges.

Each node is in a layer to the right of all that lead to it. An edge over several layers goes through a point in each.
The order within a layer is improved by medians of neighbours, back and forth. Then the heights are those that are
nearest to their neighbours while nothing overlaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simpleflow.named_tuple import NamedTuple

_SWEEPS = 8
_POINT = 10.0  # room for an edge that passes a layer

Edge = tuple[int, int]


class Layout(NamedTuple):
    """Where nodes and edges are."""

    layers: list[int]  # by node
    middles: list[float]  # by node: the height of its middle, from the top
    points: dict[Edge, list[tuple[int, float]]]  # layer and height of the points that an edge goes through
    height: float


def layout(count: int, edges: Iterable[Edge], room: float) -> Layout:
    """Place the nodes 0, 1, ... ``room``: the height that each node takes."""
    forward = _without_circles(count, edges)
    layers = _layers(count, forward)
    grid = _Grid(count, layers, forward)
    grid.order()
    middles = grid.heights(room)
    least = min((middles[at] - grid.room(at, room) / 2 for at in range(len(middles))), default=0.0)
    most = max((middles[at] + grid.room(at, room) / 2 for at in range(len(middles))), default=0.0)
    points = {
        edge: [(grid.layer[at], middles[at] - least) for at in way]
        for edge, way in grid.ways.items()
        if edge in forward
    }
    return Layout(layers, [middle - least for middle in middles[:count]], points, most - least)


def _without_circles(count: int, edges: Iterable[Edge]) -> list[Edge]:
    """Leave out the edges that close a circle."""
    after: list[list[int]] = [[] for _ in range(count)]
    for begin, end in edges:
        after[begin].append(end)
    state = [0] * count  # 1: on the way, 2: done
    found: list[Edge] = []
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(after[root]))]
        while stack:
            node, rest = stack[-1]
            for end in rest:
                if state[end] != 1:
                    found.append((node, end))
                if state[end] == 0:
                    state[end] = 1
                    stack.append((end, iter(after[end])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return sorted(found)


def _layers(count: int, edges: Sequence[Edge]) -> list[int]:
    """The longest way to each node."""
    after: list[list[int]] = [[] for _ in range(count)]
    open_ends = [0] * count
    for begin, end in edges:
        after[begin].append(end)
        open_ends[end] += 1
    layers = [0] * count
    ready = [node for node in range(count) if not open_ends[node]]
    while ready:
        node = ready.pop()
        for end in after[node]:
            layers[end] = max(layers[end], layers[node] + 1)
            open_ends[end] -= 1
            if not open_ends[end]:
                ready.append(end)
    return layers


class _Grid:
    """Nodes and the points of long edges, in layers."""

    def __init__(self, count: int, layers: Sequence[int], edges: Sequence[Edge]) -> None:
        self.count = count
        self.layer = list(layers)
        self.ways: dict[Edge, list[int]] = {}  # the points of an edge
        self._left: list[list[int]] = [[] for _ in range(count)]
        self._right: list[list[int]] = [[] for _ in range(count)]
        for begin, end in edges:
            at, way = begin, []
            for layer in range(layers[begin] + 1, layers[end]):
                self.layer.append(layer)
                self._left.append([])
                self._right.append([])
                point = len(self.layer) - 1
                way.append(point)
                self._connect(at, point)
                at = point
            self._connect(at, end)
            self.ways[begin, end] = way
        self.columns: list[list[int]] = [[] for _ in range(max(self.layer, default=-1) + 1)]
        for at, layer in enumerate(self.layer):
            self.columns[layer].append(at)

    def _connect(self, begin: int, end: int) -> None:
        self._right[begin].append(end)
        self._left[end].append(begin)

    def room(self, at: int, room: float) -> float:
        return room if at < self.count else _POINT

    def order(self) -> None:
        """Sort each column by the medians of the neighbours in the next one."""
        for sweep in range(_SWEEPS):
            forward = sweep % 2 == 0
            for column in self.columns[1:] if forward else self.columns[-2::-1]:
                near = self._left if forward else self._right
                places = {at: number for each in self.columns for number, at in enumerate(each)}
                column.sort(key=lambda at: (_median([places[each] for each in near[at]], places[at]), places[at]))

    def heights(self, room: float) -> list[float]:
        """The height of the middle of each node and point."""
        found = [0.0] * len(self.layer)
        for column in self.columns:
            y = -sum(self.room(at, room) for at in column) / 2
            for at in column:
                found[at] = y + self.room(at, room) / 2
                y += self.room(at, room)
        for sweep in range(_SWEEPS):
            for column in self.columns if sweep % 2 else self.columns[::-1]:
                wanted = []
                for at in column:
                    near = [*self._left[at], *self._right[at]]
                    wanted.append(sum(found[each] for each in near) / len(near) if near else found[at])
                for at, y in zip(column, _apart(wanted, [self.room(at, room) for at in column]), strict=True):
                    found[at] = y
        return found


def _median(values: list[int], default: float) -> float:
    if not values:
        return default
    values.sort()
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def _apart(wanted: Sequence[float], rooms: Sequence[float]) -> list[float]:
    """The heights nearest to the wanted ones at which nothing overlaps, in the same order."""
    shifts, y = [], 0.0
    for at, room in enumerate(rooms):
        y += (rooms[at - 1] + room) / 2 if at else 0.0
        shifts.append(y)
    blocks: list[list[float]] = []  # sum and number of nodes with a common shift
    for at, want in enumerate(wanted):
        blocks.append([want - shifts[at], 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, number = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += number
    placed = [total / number for total, number in blocks for _ in range(int(number))]
    return [base + shift for base, shift in zip(placed, shifts, strict=True)]
