"""Types of options that are numbers: each refuses what no computer can do, and says so."""

from __future__ import annotations

import math
from typing import Any

import click

from simpleflow.constants import MOST_SECONDS, MOST_WORKERS
from simpleflow.shown_text import value_text

_MOST = 999_999_999  # lines, runs and the like
_LONGEST = 1_000  # characters


class Number(click.FloatRange):
    """A number from 0 to ``most``. NaN and infinity, which Python reads too, are none."""

    def __init__(self, most: float = MOST_SECONDS) -> None:
        super().__init__(min=0)
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See ``click.ParamType``."""
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        if found > self._most:
            self.fail(f"{value_text(value)} is too large; expected at most {self._most}.", param, ctx)
        return found


class Whole(click.IntRange):
    """A whole number of things, such as lines or runs, from ``least`` to ``most``."""

    def __init__(self, least: int = 1, most: int = _MOST) -> None:
        super().__init__(min=least)
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See ``click.ParamType``."""
        if isinstance(value, str) and len(value) > _LONGEST and value.strip().isdigit():
            found = self._most + 1  # Python reads no number of 5,000 digits
        else:
            found = super().convert(value, param, ctx)
        if found > self._most:
            self.fail(f"{value_text(value)} is too large; expected at most {self._most}.", param, ctx)
        return found


class Workers(Whole):
    """A number of processes, or of activities at the same time."""

    def __init__(self, least: int = 1) -> None:
        super().__init__(least, MOST_WORKERS)
