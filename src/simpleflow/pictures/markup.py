"""Text and links inside SVG and HTML: all content of a run stays text.

Names, inputs, errors and lines of logs may hold anything: tags, quotes, escapes of a terminal, characters that XML
forbids. Characters that a browser would obey become entities. Those that it would hide or refuse are written as Python
escapes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from simpleflow.shown_text import escaped

Href = Callable[[str, str], str | None]
"""Makes a link: ``href(kind, key)`` returns an address, or None.

Kinds and keys: ``step`` and its name; ``group`` and the begin of the names; ``activity`` and the id of the event that
scheduled it; ``child`` and its run id; ``worker`` and its identity.
"""

_LONG = 400  # characters; a longer text is cut, and then its middle is missing without a sign

_NOT_IN_XML = re.compile(r"[\ufffe\uffff]")  # the others that XML forbids are escaped already

# Hundredths of an em for " " to "~" (plus 20, so that they are letters), each the widest of DejaVu Sans, Liberation
# Sans (Arial) and Inter: with any usual font, a text takes hardly more room than this.
_WIDTHS = [
    byte - 20
    for byte in rb"4<BhTsb/;;Fh4B48TTTTTTTTTT66hhhLzXY]aWQc_1JWLm_cWc\WT^XwYWY"
    rb";8;hLFQSLSR8SS00N0uSQSS=H;SOfOOJT6Th"
]


def text(value: str) -> str:
    """Return a text in one line, for the content of an element or for an attribute in double quotes."""
    shown = _NOT_IN_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped(value))
    return html.escape(shown, quote=True)


def lines(value: str) -> str:
    """Return a text of several lines, for the content of an element that keeps line breaks."""
    return "\n".join(text(line.expandtabs()) for line in value.split("\n"))


def number(value: float) -> str:
    """Return a coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def width_of(value: str, size: float) -> float:
    """Return the room that a text takes in a font of this size; an upper bound for usual fonts."""
    return sum(_WIDTHS[ord(c) - 32] if " " <= c <= "~" else 100 for c in value) / 100 * size


def fit(value: str, room: float, size: float) -> str:
    """Return the text in one line, or as much of both its ends as there is room for; empty if there is hardly any."""
    value = escaped(value if len(value) <= _LONG else value[: _LONG // 2] + value[-_LONG // 2 :])
    if width_of(value, size) <= room:
        return value
    most = min(len(value) - 1, int(room / size * 4))
    for kept in range(most, 1, -1):
        tail = kept * 3 // 5
        cut = f"{value[: kept - tail]}…{value[len(value) - tail :]}"
        if width_of(cut, size) <= room:
            return cut
    return ""
