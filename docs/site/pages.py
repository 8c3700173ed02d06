"""The sections of the site, and which page is in which: read from the files, so that a new page is there by itself.

A section holds patterns of names. A page belongs to the first pattern that is its own name, else to the first one that
matches it. ``*`` takes the pages that no other pattern takes. So a new ``docs/name.md`` needs nothing here, unless it
should stand at another place than the end of "How to".
"""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Section(NamedTuple):
    """A section: its title, what it is for, and patterns of the names of its pages, in their order."""

    title: str
    purpose: str
    patterns: tuple[str, ...]


SECTIONS = (
    Section("Start", "Install it and write a first pipeline.", ("overview", "getting-started")),
    Section(
        "How to",
        "One task a page, from the question to the commands.",
        (
            *("how-to", "steering", "on-call", "programs", "notebooks", "scheduling", "ci", "testing"),
            *("operations", "stores", "cluster*", "swf*", "compatibility", "from-luigi", "from-doit", "from-snakemake"),
            *("ui*", "report*", "*"),
        ),
    ),
    Section("Concepts", "What happens, and why.", ("steps", "workflows", "activities", "engines")),
    Section(
        "Reference",
        "Everything there is, made from the code.",
        (
            "command-line",
            "reference/commands",
            "reference/settings",
            "reference/errors",
            "reference/events",
            "api/index",
        ),
    ),
    Section(
        "Inside",
        "How it works and how it is made.",
        ("architecture", "performance", "contributing", "tests", "release", "security", "changelog", "examples"),
    ),
)

BESIDE = {
    "overview": "README.md",
    "contributing": "CONTRIBUTING.md",
    "tests": "tests/README.md",
    "release": "RELEASING.md",
    "security": "SECURITY.md",
    "changelog": "CHANGELOG.md",
}
"""Pages of the site that are not in ``docs``, by name, each with its file."""


def sources() -> dict[str, str]:
    """The pages that are written by hand: name on the site, and path in the repository."""
    found = {path.stem: f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))}
    return {**found, **BESIDE}


def tree(names: list[str]) -> dict[str, list[str]]:
    """The names of the pages of each section, by its title, in their order. Each name is there once.

    Pages of single modules are not there: ``api/index`` leads to them.
    """
    places = [(section.title, pattern) for section in SECTIONS for pattern in section.patterns]
    found: dict[tuple[str, str], list[str]] = {place: [] for place in places}
    for name in sorted(each for each in names if each == "api/index" or not each.startswith("api/")):
        matching = [place for place in places if fnmatch(name, place[1])]
        own = [place for place in matching if place[1] == name]
        other = [place for place in matching if place[1] != "*"]
        found[(own or other or matching)[0]].append(name)
    return {
        section.title: [name for pattern in section.patterns for name in found[section.title, pattern]]
        for section in SECTIONS
    }
