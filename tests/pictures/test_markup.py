"""Text in SVG and HTML stays text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from simpleflow.pictures.markup import fit, lines, number, text, width_of
from simpleflow.shown_text import escaped
from tests.pictures.nasty import NASTY


@pytest.mark.parametrize("value", NASTY)
def test_a_parser_gets_back_what_was_written(value: str) -> None:
    shown = escaped(value).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
    element = ElementTree.fromstring(f'<a b="{text(value)}">{text(value)}</a>')
    assert element.text == element.attrib["b"] == shown
    assert list(element) == []
    text(value).encode("utf-8")
    assert "\n" not in text(value)


@pytest.mark.parametrize("value", NASTY)
def test_several_lines_stay_lines(value: str) -> None:
    element = ElementTree.fromstring(f"<pre>{lines(value)}</pre>")
    assert (element.text or "").count("\n") == value.count("\n")


def test_no_character_breaks_a_document() -> None:
    every = "".join(map(chr, [*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10010)]))
    assert ElementTree.fromstring(f'<a b="{text(every)}">{text(every)}</a>').attrib["b"]


def test_a_text_is_cut_in_the_middle() -> None:
    assert fit("load.users", 200, 12) == "load.users"
    cut = fit("load." + "x" * 500 + ".users", 120, 12)
    assert cut.startswith("load.x")
    assert cut.endswith(".users")
    assert width_of(cut, 12) <= 120
    assert fit("load", 1, 12) == ""
    assert [number(each) for each in (1.0, 1.25, 0.04, -3.0)] == ["1", "1.2", "0", "-3"]
