"""Loading the workflow class that a command names.

Its forms are ``module.Class``, ``module:Class``, ``path/to/file.py:Class``, and ``path/to/file.py`` if the file defines
one workflow.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from types import ModuleType
from typing import Any

from simpleflow.cli import collector, suggestions
from simpleflow.cli.errors import error_line
from simpleflow.code_names import module_name
from simpleflow.exceptions import InputError
from simpleflow.shown_text import with_article
from simpleflow.workflow import Workflow

_FORMS = "expected module.Class or path/to/file.py:Class"


def load_workflow(reference: str, code: str | None = None) -> type[Workflow]:
    """Import the module of a workflow class and return the class.

    The current folder is put on ``sys.path``, and so is the folder of a file. ``code`` is a file that is imported in
    place of the module, under the name of that. Raises InputError if there is no such file, module or class, if the
    class is not a workflow, or if the import raises an exception.
    """
    module_or_file, name = _split_reference(reference)
    find_modules_here()
    if code is not None:
        module = _in_place_of(module_or_file, code)
        module_or_file = code
    else:
        module = _module_of_file(module_or_file) if _is_file(module_or_file) else _module_named(module_or_file)
    found = getattr(module, name, None) if name else None
    if isinstance(found, type) and issubclass(found, Workflow) and found is not Workflow:
        return _checked(found)
    if not name:
        return _checked(_only_workflow(module, reference))
    if found is not None:
        raise InputError(f"{reference!r} is {_kind(found)}, not a workflow class; {_list_of_classes(module)}")
    close = suggestions.of(name, [each for each in vars(module) if not each.startswith("_")])
    raise InputError(f"there is no class {name!r} in {module_or_file!r}{close}; {_list_of_classes(module)}")


def _checked(found: type[Workflow]) -> type[Workflow]:
    """Return the class. Raises InputError if its ``run`` cannot be evaluated."""
    if found.run is Workflow.run:
        raise InputError(f"workflow class {found.__name__} has no method run, which says what there is to do")
    code = getattr(found.run, "__code__", None)
    if code is not None and code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise InputError(
            f"run of workflow class {found.__name__} is 'async def'; expected 'def': activities can be async"
        )
    return found


def check_reference(reference: str) -> None:
    """Raise InputError if a text names no workflow, as far as that can be told without loading any code."""
    module_or_file, _ = _split_reference(reference)
    if _is_file(module_or_file):
        _existing_file(module_or_file)


def _only_workflow(module: ModuleType, reference: str) -> type[Workflow]:
    """Return the one workflow that a module defines. Classes that are private or have no ``run`` do not count."""
    defined = {each for each in _workflows(module).values() if each.__module__ == module.__name__}
    found = [each for each in defined if each.run is not Workflow.run and not each.__name__.startswith("_")]
    if len(found) == 1:
        return found[0]
    why = "defines more than one workflow" if found else "defines no workflow"
    raise InputError(f"{reference!r} {why}; expected {reference}:Class; {_list_of_classes(module)}")


def _split_reference(reference: str) -> tuple[str, str]:
    """Split a reference into the module or file and the class name, which is empty if only a file is given."""
    module_or_file, colon, name = reference.rpartition(":")
    if not colon:
        if reference.endswith(".py") or "/" in reference:
            return reference, ""
        module_or_file, _, name = reference.rpartition(".")
    if not module_or_file or (colon and not name):
        close = f" (did you mean '{reference}.py'?)" if os.path.isfile(f"{reference}.py") else ""
        raise InputError(f"{reference!r} does not name a workflow{close}; {_FORMS}")
    return module_or_file, name


def _module_named(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            message = f"there is no module {error.name!r} in {os.getcwd()} or among the installed packages; {_FORMS}"
            raise InputError(message) from error
        raise InputError(f"module {name!r} cannot be imported: {error_line(error)}") from error
    except (Exception, SystemExit) as error:
        raise InputError(f"module {name!r} cannot be imported: {error_line(error)}") from error


def _module_of_file(path: str) -> ModuleType:
    """Import a file as a module with the name of the file, so that its activities have the same names as elsewhere."""
    full = _existing_file(path)
    folder, file = os.path.split(full)
    stem = os.path.splitext(file)[0].replace(".", "_")
    known = sys.modules.get(stem)
    if known is not None and _same_file(known, full):
        return known
    taken = known is not None or stem in sys.stdlib_module_names
    _add_to_path(folder, last=taken)
    # A file called json.py must not be mistaken for the module json, nor replace it.
    return _imported(path, full, f"file_{stem}" if taken else stem)


def _in_place_of(module_or_file: str, path: str) -> ModuleType:
    """Import a file under the name that another file or module has, so that its activities have the names of that."""
    full = _existing_file(path)
    name = module_or_file
    if _is_file(module_or_file):
        name = module_name(os.path.splitext(os.path.basename(module_or_file))[0])
        _add_to_path(os.path.dirname(os.path.abspath(os.path.expanduser(module_or_file))), last=True)
    elif parent := name.rpartition(".")[0]:
        _module_named(parent)  # for relative imports
    if name in sys.stdlib_module_names:
        name = f"file_{name}"
    _add_to_path(os.path.dirname(full), last=True)
    return _imported(path, full, name)


def _imported(path: str, full: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise InputError(f"{path!r} is not a Python file; {_FORMS}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise InputError(f"{path!r} cannot be imported: {error_line(error)}") from error
    return module


def _is_file(text: str) -> bool:
    return text.endswith(".py") or "/" in text or os.sep in text


def _existing_file(path: str) -> str:
    """Return the absolute path of a file. Raises InputError if there is none."""
    full = os.path.abspath(os.path.expanduser(path))
    if os.path.isdir(full):
        raise InputError(f"{path!r} is a folder; {_FORMS}")
    if not os.path.isfile(full):
        raise InputError(f"there is no file {path!r}{suggestions.of_file(path)}")
    return full


def _same_file(module: ModuleType, path: str) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.exists(file) and os.path.samefile(file, path)


def find_modules_here() -> None:
    """Put the current folder on ``sys.path``, so that its modules can be imported. Called before that."""
    collector.resume()
    _add_to_path(os.getcwd())


def find_modules_in(folder: str) -> None:
    """Put a folder on ``sys.path``, before the current one."""
    find_modules_here()
    _add_to_path(folder)


def _add_to_path(folder: str, last: bool = False) -> None:
    if folder not in sys.path:
        sys.path.insert(len(sys.path) if last else 0, folder)


def _workflows(module: ModuleType) -> dict[str, type[Workflow]]:
    return {
        name: each
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, Workflow) and each is not Workflow
    }


def _list_of_classes(module: ModuleType) -> str:
    """List the workflow classes that the module defines, or else those that it imports."""
    every = _workflows(module)
    names = [name for name, each in every.items() if each.__module__ == module.__name__] or list(every)
    return f"workflow classes there: {', '.join(names)}" if names else "there is no workflow class there"


def _kind(value: Any) -> str:
    if value is Workflow:
        return "simpleflow.Workflow itself"
    if isinstance(value, type):
        return "a class that does not derive from simpleflow.Workflow"
    return with_article(type(value).__name__)
