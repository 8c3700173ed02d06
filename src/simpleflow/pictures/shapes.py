"""The common parts of all pictures: the style sheet of their shapes, and the pattern of waits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from simpleflow.pictures import style


@cache
def stylesheet() -> str:
    """The style of the shapes in pictures, for a page that has the style sheet of ``style`` too."""
    return Path(__file__).with_name("shapes.css").read_text(encoding="utf-8")


@cache
def whole_stylesheet() -> str:
    """The style of a picture that is a whole file."""
    return style.sheet() + stylesheet()


def hatches(key: str) -> str:
    """The pattern of waits. ``key`` makes its id unique on a page."""
    return (
        f'<defs><pattern id="{key}-waits" width="5" height="5" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path class="weave" d="M0 2.5H5"/></pattern></defs>'
    )
