"""The common parts of all pictures: the style sheet of their shapes, the frame of a file, the pattern of waits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from simpleflow.pictures import style
from simpleflow.pictures.markup import fit, number, text


@cache
def stylesheet() -> str:
    """The style of the shapes in pictures, for a page that has the style sheet of ``style`` too."""
    return Path(__file__).with_name("shapes.css").read_text(encoding="utf-8")


@cache
def whole_stylesheet() -> str:
    """The style of a picture that is a whole file."""
    return style.sheet() + stylesheet()


def frame(width: float, height: float, margin: float, title: str, said: str) -> Iterator[str]:
    """Yield the ground of a picture that is a whole file: its style, its title and a sentence. Both are cut to fit."""
    room = width - 2 * margin
    yield f"<style>{whole_stylesheet()}</style>"
    yield f'<rect class="paper" width="{number(width)}" height="{number(height)}"/>'
    yield f'<text class="title" x="{number(margin)}" y="42">{text(fit(title or "The run", room, 24))}</text>'
    yield f'<text class="subtitle" x="{number(margin)}" y="66">{text(fit(said, room, 13))}</text>'


def hatches(key: str) -> str:
    """The pattern of waits. ``key`` makes its id unique on a page."""
    return (
        f'<defs><pattern id="{key}-waits" width="5" height="5" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path class="weave" d="M0 2.5H5"/></pattern></defs>'
    )
