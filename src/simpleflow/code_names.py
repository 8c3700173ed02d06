"""The names of functions and classes, where their module is a script.

The module of a script that runs is ``__main__``. Where its file is imported, as by ``workflow.start``, the module has
the name of the file. A history has to hold one name for both.
"""

from __future__ import annotations

import os
import sys

SCRIPT = "__main__"
"""The name of the module of a script that runs."""


def lasting_name(name: str) -> str:
    """The name of something in a module, as it is where a script is not run but imported.

    For something in a script (module ``__main__``), the module is the stem of the script's file.
    """
    if not name.startswith(SCRIPT + ".") or not isinstance(file := getattr(_main(), "__file__", None), str):
        return name
    return os.path.splitext(os.path.basename(file))[0] + name.removeprefix(SCRIPT)


def imported_name(name: str) -> str:
    """The name of something in a module, as it is where ``workflow.start`` imports the file of a script.

    That differs from ``lasting_name`` for files whose names are not the names of modules, or those of others.
    """
    lasting = lasting_name(name)
    if lasting == name:
        return name
    stem, _, rest = lasting.rpartition(".")
    return f"{module_name(stem)}.{rest}"


def module_name(stem: str) -> str:
    """The name under which a file with that stem is imported: ``json.py`` must not stand in for the module ``json``."""
    stem = stem.replace(".", "_")
    return f"file_{stem}" if stem in sys.stdlib_module_names else stem


def _main() -> object:
    return sys.modules.get(SCRIPT)
