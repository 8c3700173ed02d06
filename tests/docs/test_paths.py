"""The files and names that architecture.md, CONTRIBUTING.md and tests/README.md mention exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, prose

PAGES = ["CONTRIBUTING.md", "docs/architecture.md", "tests/README.md"]
BASES = [ROOT, ROOT / "src", ROOT / "src/simpleflow"]

_PATH = re.compile(r"`([\w./]+(?:/|\.(?:py|md|toml|yaml|svg|sql)))`")
_MODULE = re.compile(r"python -m ([\w.]+)")
_ANSWER = re.compile(r"^\| [^|]+\? \| `(?P<file>[\w/.]+)`[^|]* \| `(?P<name>[\w.]+)` \|$", re.MULTILINE)


def answers() -> list[tuple[str, str]]:
    """The table of six questions: the file and the name of each answer."""
    return [(match["file"], match["name"]) for match in _ANSWER.finditer(prose("CONTRIBUTING.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_each_path_exists(page: str) -> None:
    bases = [*BASES, (ROOT / page).parent]
    paths = _PATH.findall(prose(page))
    generated = {".forcing/", ".revoked/"}  # below a bucket of marks
    missing = [path for path in paths if path not in generated and not any((base / path).exists() for base in bases)]
    assert paths
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_each_module_to_run_exists(page: str) -> None:
    modules = [ROOT / name.replace(".", "/") for name in _MODULE.findall(prose(page)) if name.startswith("tests.")]
    missing = [each for each in modules if not (each.with_suffix(".py").exists() or (each / "__main__.py").exists())]
    assert missing == []


def test_there_are_six_answers() -> None:
    assert len(answers()) == 6


@pytest.mark.parametrize(("file", "name"), answers())
def test_each_answer_is_defined(file: str, name: str) -> None:
    assert name in defined(ROOT / "src/simpleflow" / file)


def defined(path: Path) -> set[str]:
    """The functions and classes of a file, and their methods as ``Class.method``."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return names
