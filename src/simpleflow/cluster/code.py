"""The code of a workflow, as the driver of a run describes it and as a worker elsewhere finds it.

The driver sends names, digests and folders, and with ``--upload`` files, never functions. A worker imports the
workflow's module: from uploaded files, from the folder that the driver has it in if there is such a folder here, else
from its own path. So all activities that the module defines or imports are known. If the file that it finds has another
digest, or Python or this library another version, the worker is not used: results would come from other code.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import os
import sys
from typing import Any

from simpleflow.constants import RELEASE
from simpleflow.exceptions import InputError, one_line
from simpleflow.named_tuple import NamedTuple


class Upload(NamedTuple):
    """A file that the driver sends."""

    name: str
    content: str  # in Base64


class Code(NamedTuple):
    """The code of a workflow. All members are text, numbers and lists of them."""

    module: str  # of the workflow
    file: str  # the name of its file, without a folder
    digest: str  # of that file
    folders: tuple[str, ...]  # in which modules are found on the driver's machine
    uploads: tuple[Upload, ...] = ()
    pre: tuple[str, ...] = ()  # dotted paths of the middlewares
    post: tuple[str, ...] = ()
    python: str = ""
    release: str = ""

    @classmethod
    def of_json(cls, found: list[Any]) -> Code:
        """The code as it was before it became JSON."""
        module, file, digest, folders, uploads, pre, post, python, release = found
        files = tuple(Upload(*each) for each in uploads)
        return cls(module, file, digest, tuple(folders), files, tuple(pre), tuple(post), python, release)


class Found(NamedTuple):
    """The versions of the code that a worker has. All members are text."""

    python: str
    release: str
    digest: str = ""  # of the file of the workflow's module
    error: str = ""  # why the module cannot be imported


def own_python() -> str:
    """The version of Python, as far as it has to be the same."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def of_workflow(workflow: type, uploads: tuple[str, ...], pre: tuple[str, ...], post: tuple[str, ...]) -> Code:
    """The code of a workflow class. Raises InputError if workers elsewhere cannot import it."""
    name = workflow.__module__
    path = getattr(sys.modules.get(name), "__file__", None)
    if name == "__main__" or not isinstance(path, str) or not os.path.isfile(path):
        raise InputError(
            f"workflow {workflow.__name__} is defined in {name}, which workers elsewhere cannot import; put it into a "
            "module of its own, and import that"
        )
    path = os.path.abspath(path)
    with open(path, "rb") as file:
        digest = _digest(file.read())
    folder = os.path.dirname(path)
    for _ in range(name.count(".") + (os.path.basename(path) == "__init__.py")):
        folder = os.path.dirname(folder)
    folders = tuple(dict.fromkeys([folder, os.getcwd()]))
    sent = tuple(Upload(os.path.basename(each), _content(each)) for each in uploads)
    return Code(name, os.path.basename(path), digest, folders, sent, pre, post, own_python(), RELEASE)


def difference(code: Code, found: Found) -> str:
    """Say why a worker that has found this cannot perform activities of the workflow; an empty text if it can."""
    for what, ours, theirs in (("Python", code.python, found.python), ("simpleflow", code.release, found.release)):
        if ours != theirs:
            return f"it has {what} {theirs}, and this run {ours}: install the same version there"
    if found.error:
        return f"it cannot import module {code.module!r}: {found.error}; put the code there, or send it with --upload"
    if found.digest != code.digest:
        return (
            f"its copy of {code.file} differs from the one of this run: update it there, or send it with --upload "
            f"{code.file}"
        )
    return ""


def load(code: Code, scratch: str) -> Found:
    """Import the module of the workflow in this process. ``scratch``: a private folder, for uploaded files."""
    paths = []
    for upload in code.uploads:
        path = os.path.join(scratch, os.path.basename(upload.name))
        with open(path, "wb") as file:
            file.write(base64.b64decode(upload.content))
        paths.append(path if path.endswith(".zip") else scratch)
    paths += [folder for folder in code.folders if os.path.isdir(folder)]
    sys.path[:0] = dict.fromkeys([*paths, os.getcwd()])
    own = Found(own_python(), RELEASE)
    if (own.python, own.release) != (code.python, code.release):
        return own
    try:
        module = _import(code, paths)
        for dotted in (*code.pre, *code.post):
            importlib.import_module(dotted.rpartition(".")[0])
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the user's code may raise anything)
        return own._replace(error=one_line(error))
    try:
        return own._replace(digest=_digest(module.__spec__.loader.get_data(module.__file__)))  # also of a zip archive
    except (AttributeError, OSError) as error:
        return own._replace(error=f"its file cannot be read: {one_line(error)}")


def _import(code: Code, paths: list[str]) -> Any:
    """Import the module by its name; or by its file, if the command line gave it a name that its file has not."""
    stem = os.path.splitext(code.file)[0]
    if "." in code.module or code.module == stem or stem == "__init__":
        return importlib.import_module(code.module)
    for folder in paths:
        path = os.path.join(folder, code.file)
        if os.path.isfile(path):
            spec = importlib.util.spec_from_file_location(code.module, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[code.module] = module
            spec.loader.exec_module(module)
            return module
    raise InputError(f"there is no file {code.file!r} in {', '.join(paths) or 'any folder'}")


def _content(path: str) -> str:
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
