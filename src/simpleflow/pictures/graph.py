"""The steps of a run as a graph: which step forces which, and which waits for which; as SVG and as Mermaid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simpleflow.pictures import shapes
from simpleflow.pictures.dependencies import MOST_NODES, Dependencies, Node, dependencies
from simpleflow.pictures.graph_layout import Layout, layout
from simpleflow.pictures.markup import Href, fit, number, text, width_of
from simpleflow.pictures.sentence import sentence
from simpleflow.pictures.style import LOOKS, look
from simpleflow.shown_text import escaped
from simpleflow.views.run_view import RunView

_NODE, _HIGH, _ROOM, _GAP = 184.0, 38.0, 52.0, 76.0
_NAME, _SMALL = 12.0, 11.0
_LOOSE_COLUMNS = 5  # of nodes without edges
_MERMAID_PLAIN = frozenset(" ._-,/+")


def graph_svg(
    view: RunView,
    *,
    most_nodes: int = MOST_NODES,
    around: str = "",
    href: Href | None = None,
    standalone: bool = False,
) -> str:
    """Return the graph of a run as an ``svg`` element.

    Args:
        view: the rows of the run.
        most_nodes: at most so many nodes; steps that are alike, and then groups of names, share one.
        around: only this step, and those that it is connected with.
        href: makes links, see ``markup.Href``.
        standalone: it is a whole file, with the style and a headline.
    """
    found = dependencies(view, most_nodes, around)
    linked = sorted({at for edge in found.edges for at in edge})
    loose = [at for at in range(len(found.nodes)) if at not in set(linked)]
    place = {at: number for number, at in enumerate(linked)}
    edges = {(place[a], place[b]): forced for (a, b), forced in found.edges.items()}
    return _Picture(
        view, [found.nodes[at] for at in linked], edges, [found.nodes[at] for at in loose], href, standalone
    ).drawn()


class _Picture:
    def __init__(
        self,
        view: RunView,
        nodes: Sequence[Node],
        edges: dict[tuple[int, int], bool],
        loose: Sequence[Node],
        href: Href | None,
        standalone: bool,
    ) -> None:
        self.view, self.nodes, self.edges, self.loose, self.href = view, nodes, edges, loose, href
        self.standalone, self.margin = standalone, 20.0 if standalone else 2.0
        self.layout: Layout = layout(len(nodes), edges, _ROOM)
        self.columns = max(self.layout.layers, default=-1) + 1
        loose_columns = min(_LOOSE_COLUMNS, len(loose))
        linked = self.columns * _NODE + max(0, self.columns - 1) * _GAP
        self.width = 2 * self.margin + max(linked, loose_columns * (_NODE + 12) - 12, 240.0)

    def drawn(self) -> str:
        top = self.margin + (68 if self.standalone else 0)
        bottom = top + (self.layout.height if self.nodes else 0.0)
        loose_top = bottom + (30 if self.nodes and self.loose else 0)
        loose, bottom = self._loose(loose_top, bottom)
        height = bottom + self.margin
        size = f'width="{number(self.width)}" height="{number(height)}"'
        label = text(f"What depends on what in {self.view.workflow_id or 'a run'}")
        said = sentence(self.view)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="picture graph" {size}'
            f' viewBox="0 0 {number(self.width)} {number(height)}" role="{"group" if self.href else "img"}"'
            f' aria-label="{label}">',
            *(shapes.frame(self.width, height, self.margin, self.view.workflow_id, said) if self.standalone else ()),
            *self._edges(top),
            *(self._node(node, self._x(layer), top + y) for node, layer, y in self._places()),
            *loose,
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _places(self) -> Iterator[tuple[Node, int, float]]:
        return zip(self.nodes, self.layout.layers, self.layout.middles, strict=True)

    def _x(self, layer: int) -> float:
        return self.margin + layer * (_NODE + _GAP)

    def _edges(self, top: float) -> Iterator[str]:
        layers, middles = self.layout.layers, self.layout.middles
        for forced in (False, True):  # the strong ones on top
            ways, heads = [], []
            for (begin, end), strong in self.edges.items():
                points = self.layout.points.get((begin, end))
                if strong != forced or points is None:
                    continue
                x, y = self._x(layers[begin]) + _NODE, top + middles[begin]
                way = f"M{number(x)} {number(y)}"
                for layer, height in points:
                    way += _bend(x, y, self._x(layer), top + height) + f"h{number(_NODE)}"
                    x, y = self._x(layer) + _NODE, top + height
                last_x, last_y = self._x(layers[end]), top + middles[end]
                ways.append(way + _bend(x, y, last_x - 5, last_y))
                heads.append(f"M{number(last_x)} {number(last_y)}l-7 -4v8z")
            kind = "edge forced" if forced else "edge"
            if ways:
                yield f'<path class="{kind}" d="{"".join(ways)}"/><path class="head {kind}" d="{"".join(heads)}"/>'

    def _node(self, node: Node, x: float, middle: float) -> str:
        seen, y = look(node.state), middle - _HIGH / 2
        count = f" · {len(node.steps):,}" if len(node.steps) > 1 else ""
        name = fit(node.label, _NODE - 22 - width_of(count, _NAME) * 1.1, _NAME * 1.08) + count
        said = fit(_counts(node), _NODE - 34, _SMALL)
        place = f'x="{number(x)}" y="{number(y)}" width="{number(_NODE)}" height="{number(_HIGH)}"'
        stripe = f'x="{number(x)}" y="{number(y)}" width="5" height="{number(_HIGH)}"'
        body = (
            f"<title>{text(f'{node.label}: {_counts(node)}')}</title>"
            f'<rect class="box" {place}/><rect class="is-{seen.name}" {stripe}/>'
            f'<text class="name" x="{number(x + 14)}" y="{number(y + 16)}">{text(name)}</text>'
            f'<text class="symbol is-{seen.name}" x="{number(x + 18)}" y="{number(y + 31)}">{seen.symbol}</text>'
            f'<text class="legend" x="{number(x + 27)}" y="{number(y + 31)}">{text(said)}</text>'
        )
        kind = "step" if len(node.steps) == 1 else "group"
        address = self.href(kind, node.name) if self.href is not None and node.name else None
        return f'<a href="{text(address)}">{body}</a>' if address else f'<g class="node">{body}</g>'

    def _loose(self, top: float, bottom: float) -> tuple[list[str], float]:
        """The nodes without edges, below the others in rows."""
        parts = []
        if self.loose and self.nodes:
            parts.append(
                f'<text class="legend" x="{number(self.margin)}" y="{number(top)}">without dependencies</text>'
            )
            top += 12
        columns = max(1, int((self.width - 2 * self.margin + 12) // (_NODE + 12)))
        for at, node in enumerate(self.loose):
            middle = top + at // columns * (_HIGH + 10) + _HIGH / 2
            parts.append(self._node(node, self.margin + at % columns * (_NODE + 12), middle))
            bottom = middle + _HIGH / 2
        return parts, bottom


def _bend(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (x + to_x) / 2
    return f"C{number(middle)} {number(y)} {number(middle)} {number(to_y)} {number(to_x)} {number(to_y)}"


def _counts(node: Node) -> str:
    """The states of the steps of a node: ``ran``; of several, ``36 ran, 2 skipped``."""
    words = {"completed": "ran", "started": "under way"}
    if len(node.steps) == 1:
        return words.get(node.state, node.state)
    return ", ".join(f"{count:,} {words.get(state, state)}" for state, count in node.counts.most_common())


# Mermaid


def graph_mermaid(view: RunView, *, most_nodes: int = MOST_NODES, around: str = "") -> str:
    """Return the graph of a run as text for Mermaid, which draws it in Markdown."""
    found: Dependencies = dependencies(view, most_nodes, around)
    lines = ["flowchart LR"]
    for at, node in enumerate(found.nodes):
        seen = look(node.state)
        count = f" · {len(node.steps):,}" if len(node.steps) > 1 else ""
        lines.append(f'    n{at}["{seen.symbol} {_mermaid(node.label)}{count}"]:::{seen.name}')
    for (begin, end), forced in found.edges.items():
        lines.append(f"    n{begin} {'==>' if forced else '-->'} n{end}")
    used = {look(node.state).name for node in found.nodes}
    colors = {
        "done": ("#e4efec", "#2a6f67"),
        "skipped": ("#eef1ec", "#5d6f73"),
        "running": ("#e1edf5", "#1f6690"),
        "waiting": ("#f7edd3", "#86600f"),
        "failed": ("#f9e4dd", "#ad3d26"),
        "stopped": ("#efe9f3", "#6d5482"),
    }
    for each in LOOKS:
        if each.name in used:
            fill, ink = colors[each.name]
            lines.append(f"    classDef {each.name} fill:{fill},stroke:{ink},color:{ink}")
    return "\n".join(lines) + "\n"


def _mermaid(value: str) -> str:
    """Text in quotes for Mermaid: all but letters, digits and a few others are entities there, which stay text."""
    return "".join(
        each if each.isalnum() or each in _MERMAID_PLAIN else f"#{ord(each)};" for each in escaped(value)[:200]
    )
