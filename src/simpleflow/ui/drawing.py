"""Small pictures in the rows of tables: bars of states, squares of runs, bars of durations. SVG without styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from simpleflow.pictures.style import LOOKS, Look
from simpleflow.ui.texts import counts_text

_BAR = 160, 10  # width and height of a bar of states
_SQUARE, _STEP = 10, 13
_SPARK = 6, 22  # width of a bar of a duration with its gap, and height


def states_bar(counts: Mapping[str, int], width: int = _BAR[0]) -> Markup:
    """A bar whose parts are the numbers of steps by look. A part that would be too thin to see is two pixels wide."""
    total = sum(counts.values())
    text = counts_text(counts) or "no steps"
    parts = []
    if total:
        seen = [(each, counts[each.name]) for each in LOOKS if counts.get(each.name)]
        least = 2.0
        free = width - least * len(seen)
        x = 0.0
        for each, number in seen:
            wide = least + free * number / total
            parts.append(
                f'<rect class="is-{each.name}" x="{x:.1f}" y="{_inset(each)}" width="{max(1.0, wide - 1):.1f}" '
                f'height="{_BAR[1] - 2 * _inset(each)}"/>'
            )
            x += wide
    return Markup(
        f'<svg class="bar" width="{width}" height="{_BAR[1]}" viewBox="0 0 {width} {_BAR[1]}" role="img" '
        f'aria-label="{escape(text)}"><title>{escape(text)}</title>{"".join(parts)}</svg>'
    )


def _inset(look: Look) -> int:
    """Shapes differ, not only colours: skipped steps are thin, steps that go on or wait are a little smaller."""
    return {"skipped": 3, "waiting": 2, "running": 1}.get(look.name, 0)


def squares(looks: Sequence[tuple[Look, str, str]], most: int = 20) -> Markup:
    """A square for each of the last runs of a workflow, the latest on the right: its look, its title and its link."""
    width = most * _STEP
    parts = []
    for at, (look, title, href) in enumerate(looks[:most][::-1]):
        x = at * _STEP + (_STEP - _SQUARE) / 2
        shape = _shape(look, x, 1.5)
        parts.append(
            f'<a href="{escape(href)}" aria-label="{escape(title)}"><title>{escape(title)}</title>'
            f'<rect x="{x - 1.5:g}" y="0" width="{_STEP}" height="{_STEP}" fill="transparent"/>{shape}</a>'
        )
    return Markup(
        f'<svg class="squares" width="{width}" height="{_STEP}" viewBox="0 0 {width} {_STEP}" role="group" '
        f'aria-label="the last runs">{"".join(parts)}</svg>'
    )


def _shape(look: Look, x: float, y: float) -> str:
    size = _SQUARE
    if look.name == "failed":  # a square with its corner cut off, so that it is found without colour
        return (
            f'<path class="is-failed" d="M{x:g} {y:g}h{size}v{size}h-{size}z"/>'
            f'<path class="cross" d="M{x + 2.5:g} {y + 2.5:g}l5 5m0 -5l-5 5"/>'
        )
    inset = {"skipped": 3, "waiting": 1, "running": 2, "stopped": 2}.get(look.name, 0)
    side = size - 2 * inset
    round_ = side / 2 if look.name == "running" else 2
    return (
        f'<rect class="is-{look.name}" x="{x + inset:g}" y="{y + inset:g}" width="{side}" height="{side}" '
        f'rx="{round_:g}"/>'
    )


def spark(values: Sequence[tuple[float | None, Look, str]], most: int = 10) -> Markup:
    """Bars of the durations of a step in its last runs, the latest on the right. A run without a duration is a dot."""
    step, height = _SPARK
    width = most * step
    longest = max((seconds for seconds, _, _ in values[:most] if seconds is not None), default=0.0) or 1.0
    parts = []
    for at, (seconds, look, title) in enumerate(values[:most][::-1]):
        x = at * step
        tall = 2.0 if seconds is None else max(2.0, height * seconds / longest)
        parts.append(
            f'<rect class="is-{look.name}" x="{x}" y="{height - tall:.1f}" width="{step - 2}" height="{tall:.1f}">'
            f"<title>{escape(title)}</title></rect>"
        )
    text = "; ".join(title for _, _, title in values[:most])
    return Markup(
        f'<svg class="spark" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(text or "no earlier runs")}">{"".join(parts)}</svg>'
    )


def share_bar(share: float, look: Look, width: int = 220, waited: float = 0.0) -> Markup:
    """A bar as long as its share of a whole. ``waited``: the share of it that was spent waiting, which is pale."""
    wide = max(2.0, width * min(1.0, max(0.0, share)))
    pale = wide * min(1.0, max(0.0, waited))
    bars = f'<rect class="is-{look.name}" x="{pale:.1f}" width="{wide - pale:.1f}" height="8" rx="1"/>'
    if pale:
        bars = f'<rect class="is-{look.name}" width="{pale:.1f}" height="8" rx="1" opacity="0.3"/>' + bars
    return Markup(
        f'<svg class="share" width="{width}" height="8" viewBox="0 0 {width} 8" aria-hidden="true" '
        f'preserveAspectRatio="none">{bars}</svg>'
    )
