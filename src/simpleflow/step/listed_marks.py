"""The inputs that all done steps were made with, as the activity that lists the marks returns them.

A run compares each done step with the inputs that it would have now. In a folder, the activity therefore reads all
marks at once, while it lists them. Its result is recorded in the history, so it must be small: steps that run the same
activities share an entry, and arguments are shortened if there are many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from simpleflow import values
from simpleflow.step import made_with
from simpleflow.step.made_with import MadeWith

_LENGTHS = (made_with.MAX_ARGUMENTS, made_with.MAX_MARKER_ARGUMENTS, 80)  # characters of each step's arguments
_PER_STEP = 12  # characters that a step takes beside its arguments


class _Inputs(msgspec.Struct):
    arguments: str
    activities: msgspec.Raw
    file: msgspec.Raw = msgspec.Raw(b"null")


class _Mark(msgspec.Struct):
    made_with: _Inputs | None = None


_UNKNOWN = (None, None)
_decode = msgspec.json.Decoder(_Mark).decode


TOO_LONG = "what the done steps were made with does not fit into a field of Amazon SWF"
"""What is said if ``pack`` returns None; nothing else has a limit that so few steps reach."""


def pack(bodies: Sequence[bytes], room: int, most: int) -> dict[str, Any] | None:
    """The inputs in these marks as a value that can be JSON; None if it would have more than ``most`` characters.

    Arguments are shortened to get along with ``room`` characters.

    ``works`` lists what different steps have in common. ``work`` and ``arguments`` hold an entry for each mark, in
    order: the index of its work, and its arguments; or None if the mark does not say.
    """
    works: dict[tuple[bytes, bytes], int] = {}
    work: list[int | None] = []
    arguments: list[str | None] = []
    for body in bodies:
        try:
            found = _decode(body).made_with
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = None
        if found is None:
            work.append(None)
            arguments.append(None)
            continue
        work.append(works.setdefault((bytes(found.activities), bytes(found.file)), len(works)))
        arguments.append(found.arguments)
    if not works:
        return {"works": [], "work": [], "arguments": []}
    common = [{"activities": values.decode(a.decode()), "file": values.decode(b.decode())} for a, b in works]
    for longest in _LENGTHS:
        if longest < made_with.MAX_ARGUMENTS:
            arguments = [None if each is None else made_with.shortened(each, longest) for each in arguments]
        limit = most if longest == _LENGTHS[-1] else room
        result = {"works": common, "work": work, "arguments": arguments}
        size = _PER_STEP * len(arguments) + sum(map(len, filter(None, arguments)))
        # A character takes two in JSON or, seldom, six: look closely only where that may matter.
        if 4 * size < limit or len(values.encode(result, "the marks")) <= limit:
            return result
    return None


class ListedMarks:
    """The inputs of the steps that were done when the marks were listed, unpacked."""

    def __init__(self, names: Sequence[str], packed: Any) -> None:
        """``packed``: see ``pack``; anything else tells no inputs."""
        content = packed if isinstance(packed, Mapping) else {}
        self._works = list(content.get("works") or ())
        inputs = zip(content.get("work") or (), content.get("arguments") or (), strict=True)
        self._of = dict(zip(names, inputs, strict=False))

    def find(self, name: str) -> MadeWith | None:
        """The inputs of a step; None if its mark does not say them."""
        work, arguments = self._of.get(name, _UNKNOWN)
        if work is None or arguments is None:
            return None
        found = self._works[work]
        if type(found) is not MadeWith:
            if not isinstance(found, Mapping):
                return None
            found = self._works[work] = made_with.parse({"arguments": "", **found})  # used for the first time
            if found is None:
                return None
        return MadeWith(arguments, found.activities, found.file)
