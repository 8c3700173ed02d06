"""The settings of the Python interpreter that an activity must not leave changed for the next one.

These are put back after each activity: the limit of recursion, the interval at which threads take turns, trace
functions, the garbage collector's settings, the filters of warnings, the limit of digits of an integer's text, the
decimal context. The hooks of ``sys``, the settings of the root logger and what finds modules are put back too, unless
modules were imported, which may need what they have set. Settings in context variables need no look, since each
activity has a copy of the context.
"""

from __future__ import annotations

import gc
import sys
import warnings
from operator import attrgetter
from typing import Any

_PARTS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")
"""The attributes of a decimal context, without its flags and traps."""

_parts = attrgetter(*_PARTS)

_HOOKS = ("excepthook", "displayhook", "unraisablehook", "breakpointhook")

_hooks = attrgetter(*_HOOKS)


class Interpreter:
    """The settings as they are now."""

    def __init__(self) -> None:
        self._recursion = sys.getrecursionlimit()
        self._switch = sys.getswitchinterval()
        self._traces = sys.gettrace(), sys.getprofile()
        self._collects = gc.isenabled(), gc.get_threshold(), gc.get_debug()
        self._filters: Any = warnings.filters  # typed as a sequence, but it is a list
        self._kept_filters = list(warnings.filters)
        self._digits = sys.get_int_max_str_digits()
        self._decimal = _Decimal(sys.modules["decimal"]) if "decimal" in sys.modules else None
        self._logging = _Logging(sys.modules["logging"]) if "logging" in sys.modules else None
        self._hooks = _hooks(sys)
        self._finders = list(sys.meta_path), list(sys.path_hooks)

    def restore(self, imported: bool = False) -> None:
        """Put everything back. ``imported``: modules were imported since."""
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        if sys.getswitchinterval() != self._switch:
            sys.setswitchinterval(self._switch)
        if (sys.gettrace(), sys.getprofile()) != self._traces:
            sys.settrace(self._traces[0])
            sys.setprofile(self._traces[1])
        if (gc.isenabled(), gc.get_threshold(), gc.get_debug()) != self._collects:
            self._restore_collector()
        if warnings.filters is not self._filters or warnings.filters != self._kept_filters:
            self._restore_filters()
        if sys.get_int_max_str_digits() != self._digits:
            sys.set_int_max_str_digits(self._digits)
        if self._decimal is not None:
            self._decimal.restore()
        if imported:
            return
        if self._logging is not None:
            self._logging.restore()
        if _hooks(sys) != self._hooks:
            for name, hook in zip(_HOOKS, self._hooks, strict=True):
                setattr(sys, name, hook)
        if (sys.meta_path, sys.path_hooks) != self._finders:
            sys.meta_path[:], sys.path_hooks[:] = self._finders

    def _restore_collector(self) -> None:
        enabled, threshold, debug = self._collects
        gc.set_threshold(*threshold)
        gc.set_debug(debug)
        if enabled:
            gc.enable()
        else:
            gc.disable()

    def _restore_filters(self) -> None:
        self._filters[:] = self._kept_filters
        warnings.filters = self._filters
        with warnings.catch_warnings():
            pass  # modules forget which of their warnings the former filters have let through


class _Decimal:
    """The decimal context of this thread. It is changed in place, since code may hold it."""

    def __init__(self, decimal: Any) -> None:
        self._module = decimal
        self._context = decimal.getcontext()
        self._kept = self._context.copy()
        self._parts = _parts(self._context)

    def restore(self) -> None:
        if self._module.getcontext() is not self._context:
            self._module.setcontext(self._context)
        context, kept = self._context, self._kept
        if _parts(context) != self._parts or context.flags != kept.flags or context.traps != kept.traps:
            for name, value in zip(_PARTS, self._parts, strict=True):
                setattr(context, name, value)
            context.flags, context.traps = dict(kept.flags), dict(kept.traps)


class _Logging:
    """The settings of the root logger: a handler that is added for each activity would write each line again."""

    def __init__(self, logging: Any) -> None:
        self._module = logging
        self._handlers, self._filters = list(logging.root.handlers), list(logging.root.filters)
        self._level, self._disabled = logging.root.level, logging.root.manager.disable

    def restore(self) -> None:
        root = self._module.root
        if root.handlers != self._handlers:
            root.handlers[:] = self._handlers
        if root.filters != self._filters:
            root.filters[:] = self._filters
        if root.level != self._level:
            root.setLevel(self._level)
        if root.manager.disable != self._disabled:
            self._module.disable(self._disabled)
