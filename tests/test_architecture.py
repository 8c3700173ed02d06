"""The layout of the source: no import cycle, short files with a docstring, names in pyproject.toml that exist."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/simpleflow"
FILES = [path.relative_to(SOURCE).as_posix() for path in sorted(SOURCE.rglob("*.py"))]

TESTS = ROOT / "tests"
EXAMPLES = ROOT / "examples"

NOT_IN_TABLES = ("__main__.py", "compat/", "core/events/")
"""What ``docs/architecture.md`` describes as a whole, and not file by file."""

LONGEST = 400
"""Lines of the longest file. The aim is 300: one idea for each file."""

REEXPORTS = {
    "__init__.py": "the names that every workflow imports",
    "cli/__init__.py": "the entry point, which loads the command line when it is called",
    "core/events/__init__.py": "the 54 events, whose files are by the kind of thing they happen to",
    "server/__init__.py": "the server and its chaos, for tests of users",
    "step/__init__.py": "Step and WorkflowStepMixin, which are loaded when they are first used",
    "testing/__init__.py": "the test kit, whose names are loaded when they are first used",
    "stores/__init__.py": "the port that every store implements, and open_store()",
}
"""The packages whose ``__init__`` holds code, and why. All others hold a docstring at most."""

PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS: list[dict[str, Any]] = PYPROJECT["tool"]["importlinter"]["contracts"]


def import_cycles(package: str) -> list[str]:
    """One line for each cycle. All imports count: at the top of a file, in functions, and for type checking only."""
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    imports = {each: sorted(graph.find_modules_directly_imported_by(each)) for each in sorted(graph.modules)}
    cycles = []
    while True:
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            cycle = error.args[1][::-1]
            cycles.append(" -> ".join(cycle))
            imports[cycle[0]].remove(cycle[1])  # cut it, and look for the next one
        else:
            return cycles


def test_no_modules_import_each_other_in_a_circle() -> None:
    cycles = import_cycles("simpleflow")
    assert not cycles, "\n".join(["import cycles:", *cycles])


def test_an_import_in_a_function_or_for_type_checking_makes_a_cycle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "circular"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in {
        "__init__": "",
        "one": "from circular import two",
        "two": "def function():\n    from circular.three import name",
        "three": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from circular.one import name",
        "four": "import circular.one",
    }.items():
        (package / f"{name}.py").write_text(text)
    (cycle,) = import_cycles("circular")
    modules = cycle.split(" -> ")
    assert modules[0] == modules[-1]
    start = modules.index("circular.one")
    assert modules[start:-1] + modules[:start] == ["circular.one", "circular.two", "circular.three"]


def code_of(file: str) -> ast.Module:
    return ast.parse((SOURCE / file).read_text())


def test_files_are_short() -> None:
    lines = {file: len((SOURCE / file).read_text().splitlines()) for file in FILES}
    long = {file: count for file, count in lines.items() if count > LONGEST}
    assert not long, f"more than {LONGEST} lines; split each by its ideas: {long}"


def test_each_file_says_what_it_holds() -> None:
    silent = [file for file in FILES if not ast.get_docstring(code_of(file))]
    assert not silent, f"no docstring: {silent}"


@pytest.mark.parametrize(
    ("page", "folder", "files"),
    [
        ("docs/architecture.md", SOURCE, [file for file in FILES if not file.startswith(NOT_IN_TABLES)]),
        ("tests/README.md", TESTS, [path.relative_to(TESTS).as_posix() for path in sorted(TESTS.glob("*/test_*.py"))]),
        ("examples/README.md", EXAMPLES, [path.name for path in sorted(EXAMPLES.glob("*.py"))]),
    ],
)
def test_each_file_is_in_a_table_for_readers(page: str, folder: Path, files: list[str]) -> None:
    text = (ROOT / page).read_text()
    missing = [file for file in files if Path(file).name != "__init__.py" and f"`{file}`" not in text]
    assert not missing, f"add each to a table in {page}, with what it holds: {missing}"


def test_named_tuples_are_those_whose_classes_are_made_fast() -> None:
    slow = {
        file
        for file in FILES
        for each in ast.walk(code_of(file))
        if isinstance(each, ast.ImportFrom) and each.module == "typing"
        if any(name.name == "NamedTuple" for name in each.names)
    }
    assert slow == {"named_tuple.py", "pictures/name_tree.py"}, "import NamedTuple from simpleflow.named_tuple"


def test_packages_hold_no_code_unless_they_are_meant_to() -> None:
    packages = {file: code_of(file).body for file in FILES if file.endswith("__init__.py")}
    with_code = {file for file, body in packages.items() if not all(is_text(each) for each in body)}
    assert with_code == set(REEXPORTS)


def is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def names_in_contracts() -> Iterator[str]:
    """The modules that the contracts of import-linter name, in full."""
    for contract in CONTRACTS:
        layers = [re.split(r"\s*[|:]\s*", layer) for layer in contract.get("layers", [])]
        for container in contract.get("containers", [""]):
            yield from [container] if container else []
            relative = [*itertools.chain(*layers), *contract.get("exhaustive_ignores", [])]
            yield from (f"{container}.{name}" if container else name for name in relative)
        for key in ("source_modules", "forbidden_modules", "modules"):
            yield from contract.get(key, [])
        for ignored in contract.get("ignore_imports", []):
            yield from ignored.split(" -> ")


def test_the_contracts_name_modules_that_exist() -> None:
    missing = [name for name in names_in_contracts() if not importlib.util.find_spec(name)]
    assert not missing, f"no such modules: {missing}"


def test_the_tools_name_what_exists() -> None:
    """The other sections of pyproject.toml: objects, modules and paths."""
    tool = PYPROJECT["tool"]
    immutable = tool["ruff"]["lint"]["flake8-bugbear"]["extend-immutable-calls"]
    objects = [*immutable, *PYPROJECT["project"]["scripts"].values()]
    for name in objects:
        assert pkgutil.resolve_name(name), name
    for override in tool["mypy"]["overrides"]:
        for name in override["module"]:
            assert importlib.util.find_spec(name.removesuffix(".*")), name
    paths = [
        *tool["pytest"]["ini_options"]["testpaths"],
        *tool["ruff"]["src"],
        *tool["ruff"]["lint"]["per-file-ignores"],
        *tool["mypy"]["files"],
        *tool["hatch"]["build"]["targets"]["sdist"]["include"],
        tool["hatch"]["version"]["path"],
        PYPROJECT["project"]["readme"],
        *PYPROJECT["project"]["license-files"],
    ]
    for path in paths:
        assert any(ROOT.glob(path)), path
