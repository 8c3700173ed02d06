"""The prose rules of CONTRIBUTING.md that a machine can check."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, prose, read

ALL = [*PAGES, "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"]
TURNS = re.compile(
    r"\b([Ww]hoever|[Ww]hom|[Nn]obody|nothing but|let go of|cannot be had|is not said|what is told)\b|(?:^|[.:] )What\b"
)
PLAY = re.compile(r"\b(re)?play(s|ed|ing)?\b", re.IGNORECASE)
RECORDED = re.compile(r"`[^`]*`|workflow\.replay|before_replay|after_replay|no longer replays|\"played\"")
"""Code and recorded texts, and what else may hold the word."""


def sentences(page: str) -> str:
    """The prose of a page without tables and headings, in one line."""
    return " ".join(re.sub(r"^(\||#).*$", "", prose(page), flags=re.MULTILINE).split())


@pytest.mark.parametrize("page", ALL)
def test_no_old_turns(page: str) -> None:
    found = [sentences(page)[max(0, each.start() - 30) : each.end() + 30] for each in TURNS.finditer(sentences(page))]
    assert found == []


@pytest.mark.parametrize("page", ALL)
def test_steps_run(page: str) -> None:
    text = RECORDED.sub("", sentences(page))
    assert [text[max(0, each.start() - 30) : each.end() + 30] for each in PLAY.finditer(text)] == []


@pytest.mark.parametrize("page", ALL)
def test_lines_are_short(page: str) -> None:
    """Tables and blocks of code may be wide."""
    text = re.sub(r"^ *```.*?^ *```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    wide = [line for line in text.splitlines() if len(line) > 120 and not line.startswith(("|", "    "))]
    assert wide == []
