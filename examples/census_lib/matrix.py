"""The imports between the most connected units, in the order of dependence.

Units that import much are above units that are imported much, so nearly every import lies above the diagonal. An
import below the diagonal goes against the order. If both exist, the two units import each other.
"""

from __future__ import annotations

from census_lib.svg import INK, MUTED, PAPER, RULE, Box, Canvas, fit, text_width
from census_lib.tables import Link, Tables, most_connected

SHOWN = 26
_WITH, _AGAINST = ("#a5cbbd", "#4f93a0", "#1d4a68"), ("#efb8a2", "#dd7d5f", "#b8412b")
_NAMES, _HEAD = 116, 84  # room for names at the left and above


def matrix(canvas: Canvas, tables: Tables, room: Box) -> float:
    """Draw at the top left corner of `room`, in its full width. Returns the height at which it ends."""
    names = most_connected(tables, SHOWN)
    if not names:
        canvas.text(room.x, room.y + 30, "No package imports another.", 13, fill=MUTED)
        return room.y + 60
    step = min(28.0, (room.w - _NAMES - 10) / len(names))
    left, top, end = room.x + _NAMES, room.y + _HEAD, room.y + _HEAD + step * len(names)
    links = {(link["importer"], link["imported"]): link for link in tables["links"]}
    for i, name in enumerate(names):
        at = (i + 0.5) * step
        canvas.text(left - 8, top + at + 4, fit(name, _NAMES - 8, 12), 12, anchor="end")
        canvas.text(left + at + 2, top - 7, fit(name, 100, 12), 12, rotate=-45)
        canvas.rect(left + i * step, top + i * step, step - 1.5, step - 1.5, RULE)
    for i in range(len(names) + 1):
        canvas.line(left - 0.7, top + i * step - 0.7, left + step * len(names), top + i * step - 0.7)
        canvas.line(left + i * step - 0.7, top - 0.7, left + i * step - 0.7, end)
    for i, importer in enumerate(names):
        for j, imported in enumerate(names):
            link = links.get((importer, imported))
            if link is not None and i != j:
                _cell(canvas, link, left + j * step, top + i * step, step, _WITH if j > i else _AGAINST)
    return _legend(canvas, room.x + _NAMES, end + 26)


def _cell(canvas: Canvas, link: Link, x: float, y: float, step: float, shades: tuple[str, str, str]) -> None:
    files = link["eager"] or link["lazy"]
    when = "when loaded" if link["eager"] else "only later"
    tip = f"{link['importer']} imports {link['imported']} in {files:,} file{'s' * (files != 1)}, {when}"
    if link["eager"]:
        canvas.rect(x + 1, y + 1, step - 3.5, step - 3.5, _shade(files, shades), tip=tip, radius=2)
    else:
        inset = step * 0.3
        side = step - 2 * inset - 1.5
        canvas.rect(x + inset, y + inset, side, side, PAPER, tip=tip, radius=2, stroke=shades[1])


def _shade(files: int, shades: tuple[str, str, str]) -> str:
    return shades[(files >= 2) + (files >= 5)]


def _legend(canvas: Canvas, x: float, y: float) -> float:
    start = x
    for shades, files, label in [
        (_WITH, 1, "1 file"),
        (_WITH, 2, "2 to 4"),
        (_WITH, 5, "5 or more import it when loaded"),
        (_WITH, 0, "only later, if at all"),
    ]:
        x = _key(canvas, x, y, shades, files, label)
    _key(
        canvas,
        start,
        y + 24,
        _AGAINST,
        2,
        "against the order: with its mirror image, two packages that import each other",
    )
    return y + 30


def _key(canvas: Canvas, x: float, y: float, shades: tuple[str, str, str], files: int, label: str) -> float:
    if files:
        canvas.rect(x, y - 11, 13, 13, _shade(files, shades), radius=2)
    else:
        canvas.rect(x + 2, y - 9, 9, 9, PAPER, radius=2, stroke=shades[1])
    canvas.text(x + 19, y, label, 12, fill=INK if files else MUTED)
    return x + 19 + text_width(label, 12) + 18
