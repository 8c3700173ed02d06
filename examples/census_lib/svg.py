"""A small canvas that writes SVG, and an upper bound of the width of a text, for placing it."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

FONTS = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
PAPER, INK, MUTED, FAINT, RULE = "#fbf9f4", "#1d2733", "#5d6673", "#8b919a", "#e2dccf"

# Hundredths of an em for " " to "~" (plus 20, so that they are letters), each the widest of DejaVu Sans,
# Liberation Sans (Arial) and Inter: with any usual font, a text takes hardly more room than this.
_WIDTHS = [
    byte - 20
    for byte in rb"4<BhTsb/;;Fh4B48TTTTTTTTTT66hhhLzXY]aWQc_1JWLm_cWc\WT^XwYWY"
    rb";8;hLFQSLSR8SS00N0uSQSS=H;SOfOOJT6Th"
]
_BOLD_FROM, _BOLD = 600, 1.15


def text_width(text: str, size: float, weight: int = 400) -> float:
    hundredths = sum(_WIDTHS[ord(c) - 32] if " " <= c <= "~" else 100 for c in text)
    return hundredths / 100 * size * (_BOLD if weight >= _BOLD_FROM else 1.0)


def fit(text: str, room: float, size: float, weight: int = 400) -> str:
    """Return the text, or as much of both its ends as there is room for, or nothing."""
    if text_width(text, size, weight) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        tail = kept * 2 // 3
        cut = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
        if text_width(cut, size, weight) <= room:
            return cut
    return ""


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    w: float
    h: float

    def overlaps(self, other: Box) -> bool:
        apart_x = self.x + self.w <= other.x or other.x + other.w <= self.x
        apart_y = self.y + self.h <= other.y or other.y + other.h <= self.y
        return not (apart_x or apart_y)

    def inside(self, other: Box) -> bool:
        in_x = other.x <= self.x and self.x + self.w <= other.x + other.w
        return in_x and other.y <= self.y and self.y + self.h <= other.y + other.h


def text_box(x: float, y: float, text: str, size: float, weight: int = 400, anchor: str = "start") -> Box:
    """Return the room that a text on the base line `y` takes."""
    width = text_width(text, size, weight)
    left = {"start": x, "middle": x - width / 2, "end": x - width}[anchor]
    return Box(left, y - 0.8 * size, width, size)


class Canvas:
    def __init__(self, width: float, title: str, description: str) -> None:
        self.width = width
        self._title, self._description = title, description
        self._parts: list[str] = []

    def finish(self, height: float) -> str:
        wide, high = _number(self.width), _number(height)
        size = f'width="{wide}" height="{high}"'
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {wide} {high}"'
            f' role="img" aria-labelledby="title desc" font-family="{FONTS}" fill="{INK}"'
            ' style="font-variant-numeric: tabular-nums">',
            f'<title id="title">{escape(self._title)}</title>',
            f'<desc id="desc">{escape(self._description)}</desc>',
            f'<rect {size} fill="{PAPER}"/>',
        ]
        return "\n".join([*head, *self._parts, "</svg>", ""])

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 13,
        *,
        weight: int = 400,
        fill: str = INK,
        anchor: str = "start",
        rotate: float = 0,
    ) -> None:
        extra = f' font-weight="{weight}"' if weight != 400 else ""
        extra += f' text-anchor="{anchor}"' if anchor != "start" else ""
        extra += f' fill="{fill}"' if fill != INK else ""
        extra += f' transform="rotate({_number(rotate)} {_number(x)} {_number(y)})"' if rotate else ""
        place = f'x="{_number(x)}" y="{_number(y)}" font-size="{_number(size)}"'
        self._parts.append(f"<text {place}{extra}>{escape(text)}</text>")

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str,
        *,
        tip: str = "",
        radius: float = 0,
        stroke: str = "",
    ) -> None:
        extra = f' rx="{_number(radius)}"' if radius else ""
        extra += f' stroke="{stroke}" stroke-width="1.5"' if stroke else ""
        place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" height="{_number(h)}"'
        self._shape("rect", f'{place} fill="{fill}"{extra}', tip)

    def circle(self, x: float, y: float, r: float, fill: str, *, tip: str = "") -> None:
        place = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(r)}"'
        self._shape("circle", f'{place} fill="{fill}" fill-opacity="0.92" stroke="{INK}" stroke-opacity="0.35"', tip)

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = RULE, dash: str = "") -> None:
        place = f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"'
        extra = f" stroke-dasharray={quoteattr(dash)}" if dash else ""
        self._parts.append(f'<line {place} stroke="{stroke}"{extra}/>')

    def _shape(self, tag: str, attributes: str, tip: str) -> None:
        end = f"><title>{escape(tip)}</title></{tag}>" if tip else "/>"
        self._parts.append(f"<{tag} {attributes}{end}")


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
