"""Digests of code: equal digests mean the same code, as far as its own text tells.

The text of a function or module is its source as it was loaded (``code_source``). Where there is none (``python -c``),
or the file was edited since, it is the bytecode with its constants and names. Code that it calls in turn is not looked
at.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from simpleflow.source import code_source

sources: dict[str, str] = {}
"""The sources of the functions and classes whose digests were taken in this process, by digest."""


def _digest(text: str) -> str:
    """16 hex digits. Checksums are enough, since users do not forge their own code; ``hashlib`` takes long to load."""
    content = text.encode("utf-8", "surrogatepass")
    return f"{zlib.crc32(content):08x}{zlib.adler32(content):08x}"


def of_class(kind: type) -> str:
    """Digest of the modules that define ``kind`` and its bases, those of this library and of Python apart."""
    found = []
    for each in kind.__mro__:
        if each.__module__ == "builtins" or each.__module__.partition(".")[0] == "simpleflow":
            continue
        text = code_source.of_module(each.__module__, each)
        found.append(text if text is not None else "\n".join(_compiled(each)))
    return _digest("\0".join(found))


def of_callable(function: Callable[..., Any]) -> str:
    """Digest of a function, or of a class with all its methods and bases, but for those of libraries.

    Decorators that keep ``__wrapped__`` are unwrapped. Functions that the code captures count, as those that other
    decorators wrap.
    """
    every = list(_with_captured(function, set()))
    try:
        text = "\n".join(map(code_source.of, every))
    except (OSError, TypeError):
        return _digest("\n".join(line for each in every for line in _compiled(each)))
    found = _digest(text)
    sources[found] = text
    return found


def _with_captured(function: Any, seen: set[Any]) -> Iterator[Any]:
    """The function or class, with its own bases or the functions that it captures."""
    function = inspect.unwrap(function)
    while isinstance(function, functools.partial):
        function = inspect.unwrap(function.func)
    if function in seen:
        return
    seen.add(function)
    yield function
    if isinstance(function, type):
        for each in function.__mro__[1:]:
            if each.__module__.partition(".")[0] not in _LIBRARIES:
                yield each
    for cell in getattr(function, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:  # it has none yet
            continue
        if isinstance(value, types.FunctionType):
            yield from _with_captured(value, seen)


_LIBRARIES = sys.stdlib_module_names | {"simpleflow"}


def _compiled(value: Any) -> Iterator[str]:
    """The bytecode, constants and names of everything that ``value`` defines, the same in every process."""
    code = getattr(value, "__code__", value)
    if isinstance(code, types.CodeType):
        yield code.co_code.hex()
        yield repr(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from _compiled(constant)
            else:
                yield repr(sorted(constant, key=repr)) if isinstance(constant, frozenset) else repr(constant)
    elif isinstance(value, type):
        for name, member in sorted(vars(value).items()):
            member = getattr(member, "__func__", getattr(member, "fget", member))
            if callable(member):
                yield name
                yield from _compiled(inspect.unwrap(member))
    else:
        yield repr(type(value))
