"""The modules that a worker may import to find the code of a name that a task holds.

Theory of operation
-------------------
Importing a module executes it. Users who may start workflows choose the names of activity types, and so the modules
that a worker executes: of the type ``drop_tables.x`` the module ``drop_tables``. There are three policies:

- ``ANY``: any module that can be imported, as the workers of the existing library do. The default of ``worker.start``.
- ``NOTHING``: no module. The process knows what the workflow's module has imported, and that is all. So a local run
  works.
- ``beside(module)``: likewise, and functions of that module may be activities without a decorator there: its workflow
  may decorate them while it runs, which other processes do not see. So ``standalone`` works.
- ``only(modules)``: these modules and those below them. Activities that are defined elsewhere are refused, also if a
  module has imported them. The activities about marks are always allowed.

In all of them a name that is no dotted name is refused, since ``import_module`` takes paths of files too.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from types import FunctionType

from simpleflow.exceptions import InputError, one_line
from simpleflow.named_tuple import NamedTuple

OWN_MODULES = "simpleflow.step"
"""Where the activities about marks are, and what is below it."""


class Imports(NamedTuple):
    """A policy."""

    modules: tuple[str, ...] | None = None  # that may be imported, with those below them; None: any
    refuses_others: bool = False  # activities that are defined elsewhere
    undecorated: str | None = None  # the module whose functions may be activities without a decorator

    def load(self, name: str, what: str) -> None:
        """Import the module of a dotted name, if that is allowed and was not done.

        ``what`` is the name with its kind, such as ``activity a.b``. Raises InputError.
        """
        module = name.rpartition(".")[0]
        if not module or module in sys.modules:
            return
        if not all(part.isidentifier() for part in module.split(".")):
            raise InputError(f"{what} is unknown, and {module!r} is not the name of a module")
        if not self._allows(module):
            allowed = f"only modules below {', '.join(self.modules)}" if self.modules else "no modules"
            raise InputError(
                f"{what} is unknown: import its module in the workflow's module; this process imports {allowed} for "
                "the name of a task"
            )
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise InputError(f"{what} is unknown, and its module cannot be imported: {error}") from error

    def function(self, name: str) -> FunctionType | None:
        """The function of that name that may be an activity although it has no decorator; None if there is none."""
        module, _, attribute = name.rpartition(".")
        found = getattr(sys.modules.get(module), attribute, None) if module and module == self.undecorated else None
        return found if isinstance(found, FunctionType) and found.__module__ == module else None

    def check(self, module: str, what: str) -> None:
        """Raise InputError if something that is defined in ``module`` is refused."""
        if self.refuses_others and not self._allows(module):
            raise InputError(
                f"{what} is defined in {module}, and this worker performs activities of "
                f"{', '.join(self.modules or ())} alone (--modules)"
            )

    def _allows(self, module: str) -> bool:
        return self.modules is None or any(
            module == each or module.startswith(each + ".") for each in (*self.modules, OWN_MODULES)
        )


ANY = Imports()
NOTHING = Imports(())


def beside(module: str) -> Imports:
    """The policy of the processes of one workflow, which is defined in that module."""
    return Imports((), undecorated=module)


def only(modules: Sequence[str]) -> Imports:
    """The policy of a worker that performs the activities of these modules alone, and of those below them."""
    return Imports(tuple(modules), refuses_others=True)


_process = ANY


def use(imports: Imports) -> None:
    """Set the policy of this process, and of the processes that it forks from now on."""
    global _process
    _process = imports


def in_use() -> Imports:
    """Return the policy of this process; ANY unless ``use`` has set another one."""
    return _process


def import_all(modules: Sequence[str]) -> None:
    """Import the modules of a policy. Raises InputError for one that cannot be imported."""
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:  # the user's code may raise anything
            text = f"module {module!r}, which activities may come from, cannot be imported"
            raise InputError(f"{text}: {one_line(error)}") from error
