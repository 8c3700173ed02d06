"""The report for a terminal: at most `WIDTH` columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from string import ascii_uppercase

from census_lib.measure import LENGTH_BINS
from census_lib.tables import Row, Tables, most_connected

WIDTH = 100
LISTED = 25  # units in the large table
SIZEABLE = 1000  # lines of code from which a unit is ranked
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def render(tables: Tables) -> str:
    parts = [
        _headline(tables),
        _composition(tables),
        _packages(tables),
        _beside(
            _ranking("Longest functions, in lines", tables["longest"]),
            _ranking("Most branches in one function", tables["branchiest"]),
        ),
        _beside(
            _ranking("Imported by most others", _contest(tables, lambda row: row["imported_by"])),
            _ranking("Imports most others", _contest(tables, lambda row: row["imports"])),
        ),
        _beside(
            _ranking("Best documented, % *", _documented(tables, best=True), whole=100),
            _ranking("Least documented, % *", _documented(tables, best=False), whole=100),
        ),
        f"  * public classes, functions and methods with a docstring; from {SIZEABLE:,} lines of code",
        _beside(_ranking("Functions by length, in lines", _lengths(tables)), _matrix(tables)),
        _failures(tables),
    ]
    lines = "\n\n".join(part for part in parts if part).split("\n")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def bar(value: float, greatest: float, width: int) -> str:
    """Return a bar of eighths of a column, padded to `width`. A value above zero is always visible."""
    eighths = round(value / greatest * width * 8) if greatest else 0
    eighths = max(eighths, 1) if value > 0 else 0
    full, rest = divmod(min(eighths, width * 8), 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def shorten(text: str, width: int) -> str:
    """Cut a name in the middle, so that the package and the function's own name stay."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.0f}%"


def _headline(tables: Tables) -> str:
    totals = tables["totals"]
    figures = [
        (f"{totals['lines']:,}", "lines"),
        (f"{totals['files']:,}", "files"),
        (f"{totals['packages']:,}", "packages"),
        (f"{totals['classes']:,}", "classes"),
        (f"{totals['functions']:,}", "functions"),
        (percent(totals["documented"]), "documented"),
        (percent(totals["annotated"]), "annotated"),
    ]
    cell = (WIDTH - 2) // len(figures)
    values = "".join(value.center(cell) for value, _ in figures)
    labels = "".join(label.center(cell) for _, label in figures)
    inner = WIDTH - 2
    title = shorten(f"A census of {tables['title']}", inner - 4)
    rows = ["", title.center(inner), "", values, labels, ""]
    framed = [f"│{row.ljust(inner)}│" for row in rows]
    return "\n".join(["╭" + "─" * inner + "╮", *framed, "╰" + "─" * inner + "╯"])


def _composition(tables: Tables) -> str:
    totals = tables["totals"]
    kinds = [
        ("code", totals["code"], "█"),
        ("docstrings", totals["docstring"], "▓"),
        ("comments", totals["comment"], "▒"),
        ("blank", totals["blank"], "░"),
        ("not parsed", totals["unparsed"], "?"),
    ]
    kinds = [kind for kind in kinds if kind[1]]
    whole = sum(count for _, count, _ in kinds)
    room, drawn, seen = WIDTH - 4, "", 0
    for _, count, glyph in kinds:
        seen += count
        drawn += glyph * (round(seen / whole * room) - len(drawn))
    legend = "   ".join(f"{glyph} {name} {count / whole:.0%}" for name, count, glyph in kinds)
    return f"{_title('Every line is one of')}\n  {drawn}\n  {legend}"


def _packages(tables: Tables) -> str:
    rows = tables["rows"]
    greatest = max((row["code"] for row in rows), default=0)
    head = "  package             code                             files  func  docs  hints  branches  longest"
    lines = [_title("Packages and modules by lines of code"), head]
    for row in rows[:LISTED]:
        density = "-" if row["density"] is None else f"{row['density']:.1f}"
        lines.append(
            f"  {shorten(row['name'], 17):<17} {row['code']:>6,} {bar(row['code'], greatest, 27)}"
            f" {row['files']:>6,} {row['functions']:>5,} {percent(row['documented']):>5}"
            f" {percent(row['annotated']):>6} {density:>9} {row['longest']:>8,}"
        )
    rest = rows[LISTED:]
    if rest:
        code, files, functions = (sum(row[key] for row in rest) for key in ("code", "files", "functions"))
        named = f"and {len(rest):,} more"
        share = f"{code / max(1, tables['totals']['code']):.0%} of all code"
        lines.append(f"  {named:<17} {code:>6,} {share:<27} {files:>6,} {functions:>5,}")
    lines.append("  hints: parameters and returns that are annotated; branches: per 100 lines of code")
    return "\n".join(lines)


def _ranking(title: str, entries: Iterable[tuple[str, int]], width: int = 48, whole: int = 0) -> list[str]:
    listed = list(entries)
    greatest = whole or max((value for _, value in listed), default=0)
    digits = len(f"{greatest:,}")
    names = min(max((len(name) for name, _ in listed), default=0), width - 12 - digits)
    bars = width - names - digits - 4
    lines = [_title(title, width)]
    for name, value in listed:
        lines.append(f"  {shorten(name, names):<{names}} {value:>{digits},} {bar(value, greatest, bars)}")
    return lines


def _beside(left: list[str], right: list[str], gap: int = 4, width: int = 48) -> str:
    height = max(len(left), len(right))
    padded = [column + [""] * (height - len(column)) for column in (left, right)]
    return "\n".join(f"{a:<{width}}{' ' * gap}{b}" for a, b in zip(*padded, strict=True))


def _contest(tables: Tables, key: Callable[[Row], int]) -> list[tuple[str, int]]:
    ranked = sorted(tables["rows"], key=lambda row: (-key(row), row["name"]))
    return [(row["name"], key(row)) for row in ranked[:10] if key(row)]


def _documented(tables: Tables, best: bool) -> list[tuple[str, int]]:
    shares = [
        (row["name"], round(row["documented"] * 100))
        for row in tables["rows"]
        if row["documented"] is not None and row["code"] >= SIZEABLE
    ]
    return sorted(shares, key=lambda entry: (-entry[1] if best else entry[1], entry[0]))[:10]


def _lengths(tables: Tables) -> list[tuple[str, int]]:
    lowest = [1, *(limit + 1 for limit in LENGTH_BINS)]
    names = [f"{low:>3} to {high:>3}" for low, high in zip(lowest, LENGTH_BINS, strict=False)]
    return list(zip([*names, f"{lowest[-1]} or more"], tables["lengths"], strict=True))


def _matrix(tables: Tables, n: int = 12) -> list[str]:
    names = most_connected(tables, n)
    links = {(link["importer"], link["imported"]): link for link in tables["links"]}
    lines = [_title("Who (row) imports whom (column)", 48)]
    letters = ascii_uppercase[: len(names)]
    lines.append(" " * 20 + " ".join(letters))
    for letter, importer in zip(letters, names, strict=True):
        cells = ""
        for imported in names:
            link = links.get((importer, imported))
            glyph = "·" if link is None else "■" if link["eager"] else "□"
            cells += " " + ("\\" if imported == importer else glyph)
        lines.append(f"  {shorten(importer, 14):<14} {letter} {cells}")
    return [*lines, "  ■ when loaded   □ only later"]


def _failures(tables: Tables) -> str:
    failed = tables["failed"]
    if not failed:
        return ""
    return "\n".join([_title("Files that do not parse"), *(f"  {shorten(path, WIDTH - 2)}" for path in failed)])


def _title(text: str, width: int = WIDTH) -> str:
    return f"── {text} ".ljust(width, "─")
