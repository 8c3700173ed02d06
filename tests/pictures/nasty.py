"""Texts that try to be more than text, and what shows that they did not succeed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

NASTY = (
    "<script>alert(1)</script>",
    "</text></svg><img src=x onerror=alert(1)>",
    "a ]]> b <![CDATA[ c",
    "<!-- -- --> &amp; &#0; &nope; %s {} \\",
    "\"'` onmouseover=alert(1) '\"",
    "\x1b[2J\x1b]8;;https://example.com\x07here\x1b]8;;\x07",
    "nul \x00 bell \x07 delete \x7f",
    "alone \ud800 \udfff not \ufffe \uffff",
    "right to left \u202e gnp \u2066 zero\u200bwidth",
    "two\nlines\r\nand\ttabs\u2028and more\x85",
    "%%{init: {'theme': 'dark'}}%% end; subgraph click",
    "javascript:alert(1)",
    "日本語 ünï ✓ 👩‍👩‍👧",
)

SVG = "{http://www.w3.org/2000/svg}"

_ELEMENTS = {*("svg", "style", "rect", "defs", "pattern", "path", "g", "a", "text", "title")}
_ATTRIBUTES = {
    *("class", "width", "height", "viewBox", "role", "aria-label", "data-axis", "data-end", "data-right", "id"),
    *("patternUnits", "patternTransform", "d", "x", "y", "dy", "href", "transform", "fill"),
}


def parsed(picture: str) -> ElementTree.Element:
    """Parse SVG, and check that it holds nothing but what pictures consist of."""
    root = ElementTree.fromstring(picture)
    for element in root.iter():
        assert element.tag.startswith(SVG), element.tag
        assert element.tag.removeprefix(SVG) in _ELEMENTS, element.tag
        assert set(element.attrib) <= _ATTRIBUTES, element.attrib
    return root


def texts(root: ElementTree.Element) -> list[str]:
    """The texts of a picture, without tips."""
    return [(each.text or "") for each in root.iter(f"{SVG}text")]


def tips(root: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in root.iter(f"{SVG}title")]
