"""One scale of colour for one quantity wherever it is shown: the share of public names with a docstring."""

from __future__ import annotations

from census_lib.svg import INK, PAPER

SHADES = ("#f0dcb0", "#c3d3a9", "#82b9a3", "#357d8a", "#1d4a68")  # one per fifth
NO_SHADE = "#e4e0d8"  # nothing public to document
_DARK = frozenset({"#357d8a", "#1d4a68", "#24506b", "#c8553d"})


def shade(share: float | None) -> str:
    return NO_SHADE if share is None else SHADES[min(int(share * len(SHADES)), len(SHADES) - 1)]


def ink_on(fill: str) -> str:
    """The colour of text that is legible on `fill`."""
    return PAPER if _DARK & {fill} else INK
