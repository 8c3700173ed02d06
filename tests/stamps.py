"""Lines of a run without the time that they begin with where standard error is no terminal."""

from __future__ import annotations

import re


def unstamped(text: str) -> str:
    """The text without the time at the beginning of its lines."""
    return re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", text, flags=re.MULTILINE)
