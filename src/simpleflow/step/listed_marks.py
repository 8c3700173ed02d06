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
from simpleflow.step import made_with, mark
from simpleflow.step.made_with import MadeWith

_LENGTHS = (made_with.MAX_ARGUMENTS, made_with.MAX_MARKER_ARGUMENTS, 80)  # characters of each step's arguments
_PER_STEP = 12  # characters that a step takes beside its arguments


class _Inputs(msgspec.Struct):
    arguments: str
    activities: msgspec.Raw
    file: msgspec.Raw = msgspec.Raw(b"null")


class _Mark(msgspec.Struct):
    made_with: _Inputs | None = None
    parts: dict[str, list[str]] = {}
    forces: list[str] = []
    children: list[Any] = []


_decode = msgspec.json.Decoder(_Mark).decode


TOO_LONG = "what the done steps were made with does not fit into a field of Amazon SWF"
"""The error if ``pack`` returns None; no other limit is reached with so few steps."""


def pack(bodies: Sequence[bytes], room: int, most: int) -> dict[str, Any] | None:
    """The inputs in these marks as a value that can be JSON; None if it would have more than ``most`` characters.

    Arguments are shortened to get along with ``room`` characters.

    ``works`` lists what different steps have in common. ``work`` and ``arguments`` hold an entry for each mark, in
    order: the index of its work, and its arguments; or None if the mark does not say. ``parts``,
    ``forces`` and ``children``, if there are any, have by index the steps inside the step, the names that it forces,
    and the steps of children inside.
    """
    parts: dict[str, dict[str, list[str]]] = {}
    forces: dict[str, list[str]] = {}
    children: dict[str, list[Any]] = {}
    works: dict[tuple[bytes, bytes], int] = {}
    work: list[int | None] = []
    arguments: list[str | None] = []
    for body in bodies:
        try:
            marked = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            marked = _Mark()
        if marked.parts:
            parts[str(len(work))] = marked.parts
        if marked.children:
            children[str(len(work))] = marked.children
        if marked.forces:
            forces[str(len(work))] = marked.forces
        found = marked.made_with
        if found is None:
            work.append(None)
            arguments.append(None)
            continue
        work.append(works.setdefault((bytes(found.activities), bytes(found.file)), len(works)))
        arguments.append(found.arguments)
    inside: dict[str, Any] = {"parts": parts, "forces": forces} if parts else {}  # the second serve the first
    if children:
        inside["children"] = children
    if not works:
        return {"works": [], "work": [], "arguments": [], **inside}
    common = [{"activities": values.decode(a.decode()), "file": values.decode(b.decode())} for a, b in works]
    for longest in _LENGTHS:
        if longest < made_with.MAX_ARGUMENTS:
            arguments = [None if each is None else made_with.shortened(each, longest) for each in arguments]
        limit = most if longest == _LENGTHS[-1] else room
        result = {"works": common, "work": work, "arguments": arguments, **inside}
        size = _PER_STEP * len(arguments) + sum(map(len, filter(None, arguments)))
        size += sum(2 * _PER_STEP + len(name) for inside in parts.values() for name in inside)
        size += sum(2 * _PER_STEP + len(name) for names in forces.values() for name in names) if parts else 0
        size += len(values.encode(children, "the marks")) if children else 0
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
        works: Sequence[int | None] = content.get("work") or ()
        self._arguments: dict[str, str | None] = dict(zip(names, content.get("arguments") or (), strict=False))
        self._others = {name: work for name, work in zip(names, works, strict=False) if work}  # than the first of them
        self.forces = {names[int(at)]: each for at, each in (content.get("forces") or {}).items()}
        """By name, the names that a step forces; known only if there are parts."""
        self.parts = {names[int(at)]: mark.parts(each) for at, each in (content.get("parts") or {}).items()}
        """By name, the steps inside a step, and the patterns of those that each depends on."""
        self.children = {names[int(at)]: each for at, each in (content.get("children") or {}).items()}
        """By name, the steps of children inside a step, see ``parts_in_children``."""

    def find(self, name: str) -> MadeWith | None:
        """The inputs of a step; None if its mark does not say them."""
        arguments = self._arguments.get(name)
        if arguments is None:
            return None
        work = self._others.get(name, 0) if self._others else 0
        found = self._works[work]
        if type(found) is not MadeWith:
            if not isinstance(found, Mapping):
                return None
            found = self._works[work] = made_with.parse({"arguments": "", **found})  # used for the first time
            if found is None:
                return None
        return MadeWith(arguments, found.activities, found.file)
