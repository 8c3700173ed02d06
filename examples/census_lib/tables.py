"""Joining the measures into the tables of the reports. A share is a fraction; None if there is nothing to count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from census_lib.measure import Measure, total
from census_lib.sources import Scan


class Row(TypedDict):
    """One unit: a top-level package or module."""

    name: str
    kind: str
    files: int
    lines: int
    code: int
    functions: int
    classes: int
    documented: float | None  # share of public classes, functions and methods that have a docstring
    annotated: float | None  # share of parameters and return values
    density: float | None  # branches per 100 lines of code
    longest: int  # lines of the longest function
    imports: int  # other units that it imports
    imported_by: int  # other units that import it


class Link(TypedDict):
    """`importer` imports `imported`: the number of its files that do so when they are loaded, and later."""

    importer: str
    imported: str
    eager: int
    lazy: int


class Totals(TypedDict):
    packages: int
    files: int
    lines: int
    code: int
    docstring: int
    comment: int
    blank: int
    unparsed: int
    functions: int
    async_functions: int
    classes: int
    documented: float | None
    annotated: float | None
    density: float | None


class Tables(TypedDict):
    title: str
    totals: Totals
    rows: list[Row]  # most code first
    links: list[Link]
    lengths: list[int]  # functions per bin of `measure.LENGTH_BINS`
    longest: list[tuple[str, int]]  # functions and their lines
    branchiest: list[tuple[str, int]]  # functions and their branches
    failed: list[str]


def join(found: Scan, measures: Mapping[str, Measure]) -> Tables:
    """`measures` holds one measure per unit of the scan."""
    kinds = {unit["name"]: unit["kind"] for unit in found["units"]}
    links = _links(measures)
    every = total(measures[name] for name in sorted(measures))
    rows = [_row(name, kinds[name], measures[name], links) for name in measures]
    return Tables(
        title=found["title"],
        totals=Totals(
            packages=len(rows),
            files=every.files,
            lines=every.lines,
            code=every.code,
            docstring=every.docstring,
            comment=every.comment,
            blank=every.blank,
            unparsed=every.unparsed,
            functions=every.functions,
            async_functions=every.async_functions,
            classes=every.classes,
            documented=_share(every.documented, every.public),
            annotated=_share(every.annotated, every.slots),
            density=_share(every.branches * 100, every.code),
        ),
        rows=sorted(rows, key=lambda row: (-row["code"], row["name"])),
        links=links,
        lengths=every.lengths,
        longest=every.longest,
        branchiest=every.branchiest,
        failed=every.failed,
    )


def most_connected(tables: Tables, n: int) -> list[str]:
    """Return the `n` units with most links, in the order of dependence: those that are least imported come first."""
    rows = [row for row in tables["rows"] if row["imports"] + row["imported_by"] > 0]
    rows.sort(key=lambda row: (-(row["imports"] + row["imported_by"]), row["name"]))
    rows = rows[:n]
    rows.sort(key=lambda row: (row["imported_by"] - row["imports"], row["name"]))
    return [row["name"] for row in rows]


def _links(measures: Mapping[str, Measure]) -> list[Link]:
    return [
        Link(importer=name, imported=other, eager=one.eager.get(other, 0), lazy=one.lazy.get(other, 0))
        for name, one in sorted(measures.items())
        for other in sorted(one.eager.keys() | one.lazy.keys())
        if other in measures
    ]


def _row(name: str, kind: str, one: Measure, links: list[Link]) -> Row:
    return Row(
        name=name,
        kind=kind,
        files=one.files,
        lines=one.lines,
        code=one.code,
        functions=one.functions,
        classes=one.classes,
        documented=_share(one.documented, one.public),
        annotated=_share(one.annotated, one.slots),
        density=_share(one.branches * 100, one.code),
        longest=max((lines for _, lines in one.longest), default=0),
        imports=sum(link["importer"] == name for link in links),
        imported_by=sum(link["imported"] == name for link in links),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
