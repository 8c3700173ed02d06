"""The test mode: behaviour that Amazon SWF may show and a local engine never does.

Tasks come in any order. Timers fire late and children start late. Requests are throttled. Replies get lost although the
request took effect. Closing decisions are refused as if an event had just arrived. Pages are short.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields

from simpleflow.exceptions import InputError


@dataclass(frozen=True)
class Chaos:
    """The kinds of misbehaviour and their amounts. The defaults mean none.

    Attributes:
        seed: seed of the random numbers.
        shuffle: True: task lists give out tasks in random order instead of first in, first out.
        delay: most seconds by which timers fire late and children start late.
        drop: share of the requests that take effect but get no reply, from 0 to less than 1. A task in the lost reply
            goes to the next poller.
        throttle: share of the requests that get a ThrottlingException and take no effect, from 0 to less than 1.
        refuse: share of the closing decisions that are refused with UNHANDLED_DECISION, from 0 to less than 1.
        page: most events or executions in one page, 1 or more.
    """

    seed: int = 0
    shuffle: bool = False
    delay: float = 0.0
    drop: float = 0.0
    throttle: float = 0.0
    refuse: float = 0.0
    page: int = 1000

    @classmethod
    def parse(cls, text: str) -> Chaos:
        """Parse text such as ``shuffle,delay=0.2,drop=0.05,refuse=0.1,page=3,seed=1``. Raises InputError."""
        given: dict[str, float | int | bool] = {}
        kinds = {field.name: type(field.default) for field in fields(cls)}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = part.partition("=")
            if name not in kinds:
                raise InputError(f"{name!r} is not an option of the test mode; expected any of {', '.join(kinds)}")
            try:
                given[name] = True if kinds[name] is bool and not value else _TYPES[kinds[name]](value)
            except (ValueError, KeyError) as error:
                raise InputError(f"test mode {part!r}: expected {name}=NUMBER") from error
        chaos = cls(**given)  # type: ignore[arg-type]
        for name in ("drop", "throttle", "refuse"):
            if not 0 <= getattr(chaos, name) < 1:
                raise InputError(f"test mode {name}={getattr(chaos, name)}: expected 0 or more and less than 1")
        if chaos.delay < 0 or chaos.page < 1:
            raise InputError("test mode: expected delay of 0 or more, and page of 1 or more")
        return chaos


_TYPES: dict[type, Callable[[str], float | int | bool]] = {
    int: int,
    float: float,
    bool: {"1": True, "0": False}.__getitem__,
}


class Dice:
    """The random choices of one server."""

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self._random = random.Random(chaos.seed)

    def lateness(self) -> float:
        """Return the seconds by which the next timer or child is late."""
        return self._random.uniform(0, self.chaos.delay) if self.chaos.delay else 0.0

    def drops(self) -> bool:
        """Return True if this reply gets lost."""
        return bool(self.chaos.drop) and self._random.random() < self.chaos.drop

    def throttles(self) -> bool:
        """Return True if this request is throttled."""
        return bool(self.chaos.throttle) and self._random.random() < self.chaos.throttle

    def refuses(self) -> bool:
        """Return True if this closing decision is refused."""
        return bool(self.chaos.refuse) and self._random.random() < self.chaos.refuse

    def choose(self, number: int) -> int:
        """Return a random index below ``number``."""
        return self._random.randrange(number)
