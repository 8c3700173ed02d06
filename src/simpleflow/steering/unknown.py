"""What stands in a rehearsal for a result that only running gives.

As JSON it is ``{"__simpleflow_unknown__": "activity pkg.name", "task": ...}``. Decoded, at any depth, it is an
``Unknown``, which can be handed on as it is: as an argument, in a list, as a result. Whatever looks into it has to wait
for ever, so that the workflow does nothing that it might not do when it has the result. That includes ``isinstance`` in
code of users.

``result is None``, ``type(result)`` and the patterns ``case [...]`` and ``case {...}`` cannot be noticed: they see an
object that is neither None nor a list nor a dict.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from simpleflow import values
from simpleflow.constants import UNKNOWN

KEY = UNKNOWN

Use = Callable[[str, str | None], NoReturn]
"""What a use does; called with whose result it is, and where the use stands: ``file.py:12``, None if nowhere."""


class Unknown:
    """An unknown result, ``content`` as JSON; every use of it calls ``use``, which does not return."""

    __slots__ = ("_unknown_content", "_unknown_use")
    _unknown_content: dict[str, str]
    _unknown_use: Use

    def __init__(self, content: dict[str, str], use: Use) -> None:
        object.__setattr__(self, "_unknown_content", content)
        object.__setattr__(self, "_unknown_use", use)

    def __json_value__(self) -> dict[str, str]:
        return self._unknown_content

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, memo: object) -> Unknown:
        return self

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # What isinstance() asks. The library asks it of everything that it is handed, without looking into it.
        frame = _calling_frame()
        if frame is not None and not _is_ours(frame):
            _used(self)
        return Unknown


def encode(source: str, task: str) -> str:
    """The JSON text of the unknown result of ``source``; ``task`` tells it from others of that name."""
    return values.encode({KEY: source, "task": task}, "an unknown result")


def decode(text: str | None, use: Use) -> Any:
    """As ``values.decode``, with what is unknown as ``Unknown``."""
    if text is None or KEY not in text:
        return values.decode(text)

    def revive(found: dict[str, Any]) -> Any:
        return Unknown(found, use) if KEY in found else found

    try:
        return json.loads(text, object_hook=revive)
    except ValueError:
        return text


def sources(text: str) -> list[str]:
    """Whose unknown results a JSON text holds, each once."""
    found: dict[str, None] = {}

    def note(content: dict[str, Any]) -> dict[str, Any]:
        if KEY in content:
            found[str(content[KEY])] = None
        return content

    if KEY in text:
        json.loads(text, object_hook=note)
    return list(found)


def _used(unknown: Unknown, *_: object) -> NoReturn:
    frame = _calling_frame()
    source_line = None
    if frame is not None and not _is_ours(frame):
        source_line = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    unknown._unknown_use(unknown._unknown_content[KEY], source_line)


def _calling_frame() -> FrameType | None:
    """Who has made use of it: the innermost frame that is neither here nor in the standard library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name != __name__ and name.partition(".")[0] not in sys.stdlib_module_names:
            return frame
        frame = frame.f_back
    return None


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("simpleflow.")


_USES = """
    bool len length_hint iter next reversed contains getitem setitem delitem getattr setattr delattr dir hash call
    eq ne lt le gt ge str repr format bytes fspath int float complex index round trunc floor ceil
    add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor neg pos abs invert
    radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow rlshift rrshift rand ror rxor
    iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor
    enter exit aenter aexit await aiter anext instancecheck subclasscheck reduce_ex sizeof
"""

for _name in _USES.split():
    setattr(Unknown, f"__{_name}__", lambda self, *args, **kwargs: _used(self))
