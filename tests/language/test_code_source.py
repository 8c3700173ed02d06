"""The digest of code is that of the code that runs, also if its file was edited after it was loaded."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simpleflow import activity
from simpleflow.local import Executor
from simpleflow.source import code_digest, code_source
from simpleflow.stores import open_store

FLOW = """
import functools
from simpleflow import Workflow, activity
from simpleflow.canvas import FuncGroup
from simpleflow.step import WorkflowStepMixin


def kept(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper


@activity.with_attributes()
@kept
def function(x):
    return x, "VERSION"


@activity.with_attributes()
class Class:
    def __init__(self, x):
        self.x = x

    def execute(self):
        return [each for each in "VERSION"]


class Child(Workflow):
    name = "code-source-child"

    def run(self):
        return "VERSION"


def group():
    return (function, "VERSION")


class Flow(Workflow, WorkflowStepMixin):
    name = "code-source"

    def run(self):
        works = {"function": (function, 1), "class": (Class, 1), "child": Child, "group": FuncGroup(group)}
        return [self.submit(self.step(name, work)).ran for name, work in works.items()]
"""

PLAIN = """
def first(x):
    return "VERSION"


def second(x):
    return x
"""

Load = Callable[..., ModuleType]
CODE = {
    "function": lambda module: module.function.callable,
    "class": lambda module: module.Class.callable,
    "child": lambda module: module.Child,
    "group": lambda module: module.group,
    "method": lambda module: module.Class.callable.execute,
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Writes a module with a text and imports it; ``old`` files were written long ago."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def found(name: str, text: str, old: bool = False) -> ModuleType:
        write(tmp_path / f"{name}.py", text)
        if old:
            monkeypatch.setattr(code_source, "_LONG_AGO", time.time() + 1)
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        monkeypatch.setattr(code_source, "_LONG_AGO", time.time() - 60)
        return module

    yield found
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, text: str) -> None:
    """As an editor does: a new file takes the place of the former one."""
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def version(number: int, text: str = FLOW) -> str:
    return text.replace("VERSION", f"version {number}")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", CODE)
def test_a_file_that_is_edited_before_the_first_look(load: Load, tmp_path: Path, kind: str, old: bool) -> None:
    same = code_digest.of_callable(CODE[kind](load("same", version(1))))
    other = code_digest.of_callable(CODE[kind](load("other", version(2))))
    assert same != other
    module = load("edited", version(1), old)
    write(tmp_path / "edited.py", "# two\n# lines\n" + version(2))
    assert code_digest.of_callable(CODE[kind](module)) == same
    (tmp_path / "edited.py").unlink()
    code = CODE[kind](load("again", version(1), old))
    write(tmp_path / "again.py", "no Python (")
    assert code_digest.of_callable(code) == same


@pytest.mark.parametrize("old", [False, True])
def test_the_module_of_a_workflow(load: Load, tmp_path: Path, old: bool) -> None:
    found = [load(f"flow{n}{old}", version(n), old) for n in (1, 1, 2)[:2]]
    before = code_digest.of_class(found[0].Flow)
    module = load(f"edited{old}", version(1), old)
    write(tmp_path / f"edited{old}.py", version(2))
    assert code_digest.of_class(module.Flow) == before


def test_a_module_that_is_loaded_again(load: Load, tmp_path: Path) -> None:
    digests = [code_digest.of_callable(load(f"v{n}", version(n)).function.callable) for n in (1, 2)]
    module = load("twice", version(1), old=True)
    former = module.function.callable
    write(tmp_path / "twice.py", "# a line\n" + version(2))
    os.utime(tmp_path / "twice.py", (1, 1))
    importlib.reload(module)
    assert code_digest.of_callable(module.function.callable) == digests[1]
    assert code_digest.of_callable(former) == digests[0]


def test_a_helper_that_becomes_an_activity_after_it_was_edited(load: Load, tmp_path: Path) -> None:
    module = load("helpers", version(1, PLAIN))
    whole = {name: code_digest.of_callable(getattr(module, name)) for name in ("first", "second")}
    module = load("edited", version(1, PLAIN))
    write(tmp_path / "edited.py", version(2, PLAIN))
    first, second = (activity.with_attributes()(each) for each in (module.first, module.second))
    new = code_digest.of_callable(load("new", version(2, PLAIN)).first)
    found = code_digest.of_callable(first.callable)
    assert found not in (new, whole["first"])  # its source is lost: it is that of its bytecode
    assert code_digest.of_callable(second.callable) == whole["second"]  # this text is that of its code
    bytecode = code_digest.of_callable(functools.partial(module.first))
    assert found == bytecode


def test_code_without_a_file() -> None:
    digests = []
    for number in (1, 1, 2):
        space: dict[str, Any] = {"__name__": "nowhere"}
        exec(version(number, PLAIN), space)
        digests.append(code_digest.of_callable(space["first"]))
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("odd", ["\x0c", "s = '\x1c\u2028'\n"])
def test_characters_that_end_no_line_of_python(load: Load, tmp_path: Path, odd: str) -> None:
    same = code_digest.of_callable(load("same", version(1, PLAIN)).first)
    assert code_digest.of_callable(load("odd", odd + version(1, PLAIN)).first) == same


def test_a_file_that_is_not_utf8(load: Load, tmp_path: Path) -> None:
    text = (
        "# coding: latin-1\nfrom simpleflow import activity\n\n@activity.with_attributes()\ndef f():\n    return 'é'\n"
    )
    (tmp_path / "latin.py").write_bytes(text.encode("latin-1"))
    assert len(code_digest.of_callable(importlib.import_module("latin").f.callable)) == 16


def test_the_mark_bears_the_code_that_ran(load: Load, tmp_path: Path) -> None:
    module = load("flow", version(1))
    write(tmp_path / "flow.py", version(2))
    assert Executor(module.Flow).run() == [True] * 4
    executor = Executor(module.Flow)
    assert executor.run() == [False] * 4
    assert not any("changed" in each.details for each in executor.list_markers(all=True))
    del sys.modules["flow"]
    importlib.invalidate_caches()
    executor = Executor(importlib.import_module("flow").Flow)
    assert executor.run() == [False] * 4
    markers = executor.list_markers(all=True)
    told = {each.details["step"]: each.details.get("changed", {}).get("code") for each in markers}
    assert told == {"function": "function", "class": "Class", "child": "code-source-child", "group": "group"}
    assert len(open_store(executor.default_bucket).names("code-source/steps")) == 4


def test_a_script(load: Load, tmp_path: Path) -> None:
    digest = code_digest.of_callable(load("flow", version(1)).function.callable)
    end = "\nimport os, sys\nfrom simpleflow.source import code_digest\n"
    end += "open(__file__, 'w').write('# edited')\nprint(code_digest.of_callable(function.callable))\n"
    write(tmp_path / "script.py", version(1) + end)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"{digest}\n"
