"""The kinds of faults, a file each; see ``tests.crash.faults``."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def every() -> dict[str, ModuleType]:
    """The kinds by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}
