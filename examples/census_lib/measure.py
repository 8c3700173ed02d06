"""Measuring Python source: one `Measure` per file. Measures can be added."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KEPT_FUNCTIONS = 10
# A function of n lines falls into the first bin with n <= limit, or into one more at the end.
LENGTH_BINS = (5, 10, 20, 50, 100, 200)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_LAYOUT = frozenset(
    {
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.COMMENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
)


@dataclass
class Measure:
    files: int = 0
    lines: int = 0
    # Each line is exactly one of these.
    code: int = 0
    docstring: int = 0
    comment: int = 0
    blank: int = 0
    unparsed: int = 0
    functions: int = 0
    async_functions: int = 0
    classes: int = 0
    branches: int = 0
    public: int = 0  # classes, functions and methods that do not begin with "_"
    documented: int = 0  # ... of which have a docstring
    slots: int = 0  # possible annotations: parameters and return values
    annotated: int = 0
    lengths: list[int] = field(default_factory=lambda: [0] * (len(LENGTH_BINS) + 1))
    longest: list[tuple[str, int]] = field(default_factory=list)
    branchiest: list[tuple[str, int]] = field(default_factory=list)
    eager: dict[str, int] = field(default_factory=dict)  # imported name -> files that import it when loaded
    lazy: dict[str, int] = field(default_factory=dict)  # ... only later, if at all
    failed: list[str] = field(default_factory=list)  # files that do not parse

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Measure:
        tops = {name: [(str(f), int(n)) for f, n in data[name]] for name in ("longest", "branchiest")}
        return cls(**{**data, **tops})


def total(measures: Iterable[Measure]) -> Measure:
    """Return the sum: numbers are added, top tens merged, lists of failures joined."""
    result = Measure()
    for one in measures:
        for each in fields(Measure):
            mine, other = getattr(result, each.name), getattr(one, each.name)
            if isinstance(other, int):
                setattr(result, each.name, mine + other)
            elif isinstance(other, dict):
                for key, count in other.items():
                    mine[key] = mine.get(key, 0) + count
            elif each.name == "lengths":
                result.lengths = [a + b for a, b in zip(mine, other, strict=True)]
            elif each.name == "failed":
                result.failed = sorted(mine + other)
            else:
                setattr(result, each.name, top(mine + other))
    result.eager = dict(sorted(result.eager.items()))
    result.lazy = dict(sorted(result.lazy.items()))
    return result


def top(functions: list[tuple[str, int]], n: int = KEPT_FUNCTIONS) -> list[tuple[str, int]]:
    return sorted(functions, key=lambda f: (-f[1], f[0]))[:n]


def measure(path: str, content: bytes) -> Measure:
    """Measure one file; `path` is relative to the library's folder. A file that does not parse is still counted."""
    count = len(content.splitlines())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes and the like do not matter here
            tree = ast.parse(content, path)
        code, comments = _lines_of_tokens(content)
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError):
        return Measure(files=1, lines=count, unparsed=count, failed=[path])
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    reader = _Reader(".".join(parts))
    reader.visit(tree)
    code -= reader.docstring_lines
    comments -= code | reader.docstring_lines
    result = reader.measure
    result.files, result.lines = 1, count
    result.code, result.docstring, result.comment = len(code), len(reader.docstring_lines), len(comments)
    result.blank = count - result.code - result.docstring - result.comment
    result.longest, result.branchiest = top(result.longest), top(result.branchiest)
    result.eager = dict.fromkeys(sorted(reader.eager - {parts[0]}), 1)
    result.lazy = dict.fromkeys(sorted(reader.lazy - reader.eager - {parts[0]}), 1)
    return result


def _lines_of_tokens(content: bytes) -> tuple[set[int], set[int]]:
    """Return the lines with code (including strings that span lines) and the lines with comments."""
    code: set[int] = set()
    comments: set[int] = set()
    for token in tokenize.tokenize(io.BytesIO(content).readline):
        if token.type == tokenize.COMMENT:
            comments.add(token.start[0])
        elif token.type not in _LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    return code, comments


class _Reader(ast.NodeVisitor):
    """One pass over a syntax tree."""

    def __init__(self, module: str) -> None:
        self.measure = Measure()
        self.docstring_lines: set[int] = set()
        self.eager: set[str] = set()
        self.lazy: set[str] = set()
        self._path = [module]
        self._depth = 0  # of functions
        self._later = 0  # blocks that loading the module does not run
        self._public = True
        self._in_class = False

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, _BRANCHES):
            self.measure.branches += 1
        elif isinstance(node, ast.BoolOp):
            self.measure.branches += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            self.measure.branches += 1 + len(node.ifs)
        super().generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        test = ast.unparse(node.test) if self._depth == 0 else ""
        later = test.startswith("__name__ ==") or test.endswith("TYPE_CHECKING")
        self._later += later
        self.generic_visit(node)
        self._later -= later

    def visit_Module(self, node: ast.Module) -> None:
        self._docstring(node)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.measure.classes += 1
        self._definition(node, is_class=True)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.measure.async_functions += 1
        self._function(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._import(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level == 0 and node.module:  # a relative import stays inside its package
            self._import(node.module)

    def _import(self, name: str) -> None:
        (self.lazy if self._depth or self._later else self.eager).add(name.partition(".")[0])

    def _function(self, node: _Function) -> None:
        out = self.measure
        out.functions += 1
        self._annotations(node)
        before = out.branches
        self._definition(node, is_class=False)
        name = ".".join([*self._path, node.name])
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        out.lengths[sum(length > limit for limit in LENGTH_BINS)] += 1
        out.longest.append((name, length))
        out.branchiest.append((name, out.branches - before))

    def _definition(self, node: _Function | ast.ClassDef, is_class: bool) -> None:
        documented = self._docstring(node)
        outer = self._public, self._in_class
        self._public = self._public and not node.name.startswith("_")
        if self._public and not self._depth:
            self.measure.public += 1
            self.measure.documented += documented
        self._in_class = is_class
        self._path.append(node.name)
        self._depth += not is_class
        self.generic_visit(node)
        self._depth -= not is_class
        self._path.pop()
        self._public, self._in_class = outer

    def _docstring(self, node: ast.Module | ast.ClassDef | _Function) -> bool:
        first = node.body[0] if node.body else None
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            return False
        if not isinstance(first.value.value, str):
            return False
        self.docstring_lines.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        return True

    def _annotations(self, node: _Function) -> None:
        every = node.args
        named = [*every.posonlyargs, *every.args]
        if self._in_class and named and named[0].arg in ("self", "cls"):
            named = named[1:]
        stars = [arg for arg in (every.vararg, every.kwarg) if arg is not None]
        hints = [arg.annotation for arg in (*named, *every.kwonlyargs, *stars)] + [node.returns]
        self.measure.slots += len(hints)
        self.measure.annotated += sum(hint is not None for hint in hints)
