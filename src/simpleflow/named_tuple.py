"""``NamedTuple``, as ``typing`` has it, for classes that are made faster.

``typing.NamedTuple`` compiles each annotation and a constructor, and makes six methods, for every class. That takes a
million instructions, and a run loads ninety such classes. Here they share their methods, no annotation is compiled, and
a class gets its constructor when it is first called. Their instances are the same tuples, with the same methods.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter as field_at

    _UNEXPECTED = TypeError if sys.version_info >= (3, 13) else ValueError  # as collections.namedtuple of that version

    class _Values(tuple):
        """The base of every class: the methods that ``collections.namedtuple`` makes for each class anew."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}

        def __new__(cls, /, *args, **kwargs):
            """Create an instance. This is the first one: from now on, the class has a constructor of its own."""
            return _constructor(cls)(cls, *args, **kwargs)

        @classmethod
        def _make(cls, iterable):
            """Make an instance from a sequence or iterable."""
            made = tuple.__new__(cls, iterable)
            if len(made) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes):
            """Return a copy with other values for some fields."""
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise _UNEXPECTED(f"Got unexpected field names: {list(changes)!r}")
            return made

        __replace__ = _replace

        def _asdict(self):
            """Return a dict from field names to values."""
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({shown})"

        def __getnewargs__(self):
            return tuple(self)

    class _Maker(type):
        """Makes a class from a body of annotations, defaults and methods."""

        def __new__(maker, name, bases, namespace):
            if not bases:  # NamedTuple itself
                return type.__new__(maker, name, bases, namespace)
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace[field] for field in fields if field in namespace}
            if list(defaults) != list(fields[len(fields) - len(defaults) :]):
                raise TypeError(f"{name}: a field without a default follows one with a default")
            namespace |= {field: field_at(index, "") for index, field in enumerate(fields)}
            namespace |= {"__slots__": (), "__match_args__": fields, "_fields": fields, "_field_defaults": defaults}
            return type.__new__(type, name, (_Values,), namespace)

    class NamedTuple(metaclass=_Maker):
        """The base in the head of a class whose instances are tuples with names."""

    def _constructor(cls):
        """Compile the constructor of a class, or of the one that it is derived from, and give it to that class."""
        owner = next(each for each in cls.__mro__ if "_fields" in vars(each))
        names = "".join(f"{field}, " for field in owner._fields)
        made = eval(f"lambda cls, {names}: new(cls, ({names}))", {"new": tuple.__new__})
        made.__name__, made.__qualname__ = "__new__", f"{owner.__qualname__}.__new__"
        made.__defaults__ = tuple(owner._field_defaults.values())
        owner.__new__ = staticmethod(made)
        return made
