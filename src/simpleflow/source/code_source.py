"""The source of code that is loaded in this process, as it was when it was loaded.

Somebody may edit a file while a process runs the code that it has loaded from it before. ``inspect.getsource`` reads
the file when it is asked, and then gives the new text, or lines of another function. So:

- A file that defines activities or workflows is read when these are defined (``remember``), while its code is loaded.
- A text is that of the loaded code if the file was last changed before this process began. That is the usual case, and
  costs a look at the file.
- Else the text is compiled. It is that of the code if compiling it gives equal code at the same line.
"""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

_LONG_AGO = time.time() - 60  # before this process loaded its modules, whatever it did before it loaded this one

_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep


class _Text:
    """The text of a file at one time."""

    def __init__(self, file: str, changed: float, text: str) -> None:
        self.file = file
        self.changed = changed  # when the file was last changed, in epoch seconds
        self.text = text
        self.is_certain = changed < _LONG_AGO
        self._lines: list[str] | None = None
        self._codes: dict[tuple[str, int], list[types.CodeType]] | None = None  # by name and line
        self._classes: dict[str, int] | None = None  # by name, the line where the class begins, from 0

    def is_of(self, code: types.CodeType) -> bool:
        """True if this code was loaded from this text."""
        if self._codes is None:
            self._codes = {}
            try:
                left = [compile(self.text, self.file, "exec", dont_inherit=True)]
            except (SyntaxError, ValueError):
                left = []
            while left:
                each = left.pop()
                self._codes.setdefault((each.co_qualname, each.co_firstlineno), []).append(each)
                left += [constant for constant in each.co_consts if isinstance(constant, types.CodeType)]
        return code in self._codes.get((code.co_qualname, code.co_firstlineno), ())

    def block(self, code: Any) -> str | None:
        """The lines of a function or class in this text, with its decorators; None if they are not found."""
        if self._lines is None:
            self._lines = [f"{line}\n" for line in self.text.removesuffix("\n").split("\n")]
        lines = self._lines
        if not isinstance(code, type) and (last := _last_line(code.__code__)) is not None:
            # Quicker than ``inspect.getblock``, which loads a tokenizer.
            return "".join(lines[code.__code__.co_firstlineno - 1 : last]) or None
        first = self._class_line(code.__qualname__) if isinstance(code, type) else code.__code__.co_firstlineno - 1
        if first is None or first >= len(lines):
            return None
        import inspect  # here and below: loaded when the source of something is needed

        try:
            return "".join(inspect.getblock(lines[first:]))
        except (SyntaxError, ValueError):
            return None

    def _class_line(self, name: str) -> int | None:
        import ast

        if self._classes is None:
            try:
                self._classes = dict(_classes(ast.parse(self.text), ""))
            except (SyntaxError, ValueError):
                self._classes = {}
        return self._classes.get(name)


_texts: dict[str, list[_Text]] = {}  # by file, as it was at the times when it defined something; the latest is the last


_now: dict[str, _Text] = {}  # by file, as it was when it was last looked at


def remember(module: str) -> None:
    """Read the file of a module that defines an activity or a workflow now."""
    file = _file_of(module)
    if file is None or file.startswith(_HERE):
        return
    try:
        known = _texts.get(file)
        if known is None:
            _texts[file] = [_read(file)]
        elif _changed(os.stat(file)) != known[-1].changed:  # the module is loaded again, or was edited meanwhile
            known.append(_read(file))
    except (OSError, UnicodeDecodeError):
        pass  # it has no source, or no longer


def of(code: Any) -> str:
    """The source of a function or class as it runs in this process. Raises OSError if it has none that is certain."""
    import inspect

    file = code.__code__.co_filename if hasattr(code, "__code__") else _file_of(code.__module__)
    if not isinstance(file, str) or not os.path.isfile(file):
        return inspect.getsource(code)  # a notebook keeps its sources by itself; nobody edits them
    found = _certain(file, list(_codes_of(code, file)))
    text = None if found is None else found.block(code)
    if text is None:
        raise OSError(f"{file} has been edited since {code!r} was loaded from it")
    return text


def of_module(name: str, code: type) -> str | None:
    """The source of the module that defines the class ``code``; None if it has none that is certain."""
    file = _file_of(name)
    if file is None:
        return None
    try:
        found = _certain(file, list(_codes_of(code, file)))
    except OSError:
        return None
    return None if found is None else found.text


def _certain(file: str, codes: list[types.CodeType]) -> _Text | None:
    """The text of the file that these codes were loaded from. Raises OSError."""
    known = _texts.get(file, [])
    if len(known) == 1 and (known[0].is_certain or not codes):
        return known[0]
    try:
        now = _now.get(file)
        if now is None or now.changed != _changed(os.stat(file)):
            now = _now[file] = _read(file)
    except UnicodeDecodeError:
        return None
    if now.is_certain and not known:
        return now
    return next((text for text in (*reversed(known), now) if codes and all(map(text.is_of, codes))), None)


def _codes_of(code: Any, file: str) -> Iterator[types.CodeType]:
    """The code of a function, or of the methods of a class, as far as it comes from the file."""
    from inspect import unwrap

    members = vars(code).values() if isinstance(code, type) else [code]
    for member in members:
        member = unwrap(getattr(member, "__func__", None) or getattr(member, "fget", None) or member)
        found = getattr(member, "__code__", None)
        if isinstance(found, types.CodeType) and found.co_filename == file:
            yield found


def _last_line(code: types.CodeType) -> int | None:
    """The last line that a function has code for, from 1; None if Python does not keep it (``-X no_debug_ranges``)."""
    last = 0
    for _, line, _, _ in code.co_positions():
        if line is None:
            return None
        last = max(last, line)
    inner = [_last_line(each) for each in code.co_consts if isinstance(each, types.CodeType)]
    return None if None in inner else max([last, *(line for line in inner if line is not None)])


def _file_of(module: str) -> str | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return file if isinstance(file, str) else None


def _read(file: str) -> _Text:
    with open(file, encoding="utf-8-sig") as stream:
        changed = _changed(os.fstat(stream.fileno()))
        return _Text(file, changed, stream.read())


def _changed(status: os.stat_result) -> float:
    return max(status.st_mtime, status.st_ctime)  # a file that was moved here keeps its time of modification


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    """The classes below a node by their qualified names, each with the line where it begins, from 0."""
    import ast

    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, min([child.lineno, *(each.lineno for each in child.decorator_list)]) - 1
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{prefix}{child.name}.<locals>."
        yield from _classes(child, inner)
