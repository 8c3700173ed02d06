"""Unknown results: the objects that stand in a dry run for results which are known only after an activity has run.

Theory of operation
-------------------
As JSON, an unknown result is ``{"__simpleflow_unknown__": "activity pkg.name", "task": ...}``. It is recorded in the
history of the dry run like any result, and can be part of another value at any depth. Decoded, it is an ``Unknown``.

A workflow may pass an ``Unknown`` on without looking into it: as an argument, in a list, as a result. Every use that
would depend on the value calls ``Use``, which never returns: it blocks the code that looked, for ever. So a dry run
does nothing that a real run might not do. To notice each use, ``Unknown`` defines all special methods (``_USES``), and
``__class__`` as a property, since ``isinstance`` reads it. The library and the standard library call ``isinstance`` on
every value that passes through; so the property looks for the calling frame outside of the standard library, and
blocks only if that frame is user code.

Limits: ``result is None``, ``type(result)`` and the patterns ``case [...]`` and ``case {...}`` go unnoticed. They see
an object that is neither None nor a list nor a dict.
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
"""Called at a use, with the source of the result and the source line of the use (``file.py:12``, None if unknown)."""


class Unknown:
    """An unknown result. ``content`` is its JSON object; every use of it calls ``use``, which does not return."""

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
        # isinstance() reads this. The library calls isinstance() on every value, without looking into it.
        frame = _calling_frame()
        if frame is not None and not _is_ours(frame):
            _used(self)
        return Unknown


def encode(source: str, task: str) -> str:
    """Return the JSON text of the unknown result of ``source``. ``task`` distinguishes it from others of that name."""
    return values.encode({KEY: source, "task": task}, "an unknown result")


def decode(text: str | None, use: Use) -> Any:
    """Decode as ``values.decode`` does, with unknown results as ``Unknown`` objects."""
    if text is None or KEY not in text:
        return values.decode(text)

    def revive(found: dict[str, Any]) -> Any:
        return Unknown(found, use) if KEY in found else found

    try:
        return json.loads(text, object_hook=revive)
    except ValueError:
        return text


def sources(text: str) -> list[str]:
    """Return the sources of the unknown results in a JSON text, each once."""
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
    """Return the innermost frame outside this module and the standard library: the code that made the use."""
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
