"""The width of text on a terminal."""

from __future__ import annotations

import pyte
import pytest

from simpleflow.cli.view.text_width import cut, justify, width

TEXTS = ["", "load.users", "größe", "gro\u0308ße", "数据.清洗", "ｆｕｌｌ", "Ⅳ·½…━✓", "🚀 start", "ﬁn"]


@pytest.mark.parametrize("text", TEXTS)
def test_width_is_that_of_a_terminal(text: str) -> None:
    screen = pyte.Screen(80, 2)
    pyte.Stream(screen).feed(text)
    assert width(text) == screen.cursor.x


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("cells", range(12))
def test_cut_returns_as_much_as_fits(text: str, cells: int) -> None:
    found = cut(text, cells)
    assert text.startswith(found)
    assert width(found) <= cells
    assert found == text or width(text[: len(found) + 1]) > cells


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ("ab", "cd", "ab    cd"),
        ("数据", "cd", "数据  cd"),
        ("ab", "", "ab      "),
        ("a" * 8, "cd", "aaaaaaaa cd"),
        ("a" * 9, "", "a" * 9),
    ],
)
def test_apart(left: str, right: str, found: str) -> None:
    assert justify(left, right, 8) == found
