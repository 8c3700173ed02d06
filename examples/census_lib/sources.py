"""The files that the census reads, bundled into units of work of a sensible size.

A *unit* is a top-level package or module (`asyncio`, `argparse`). One step parses a *bundle*: a large unit
alone, or all small units whose names begin with the same letter.
"""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

# These are not the library itself: installed packages, tests, and files that compilation leaves behind.
LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})
OWN_BUNDLE_FROM = 5000  # lines; smaller units share a bundle


class Unit(TypedDict):
    name: str
    kind: str  # "package" or "module"
    bundle: str
    files: list[str]  # relative to the source folder, with "/"
    lines: int
    bytes: int


class Scan(TypedDict):
    title: str
    source: str
    units: list[Unit]


def scan(source: str | None = None, own_bundle_from: int = OWN_BUNDLE_FROM) -> Scan:
    """List the units below `source`, by default the standard library of this interpreter."""
    root = Path(source or sysconfig.get_path("stdlib"))
    if not root.is_dir():
        raise NotADirectoryError(f"no such folder: {root}")
    units: dict[str, Unit] = {}
    for relative in sorted(_python_files(root)):
        top, _, below = relative.partition("/")
        name = top if below else top.removesuffix(".py")
        kind = "package" if below else "module"
        unit = units.setdefault(name, Unit(name=name, kind=kind, bundle="", files=[], lines=0, bytes=0))
        content = (root / relative).read_bytes()
        unit["files"].append(relative)
        unit["lines"] += len(content.splitlines())
        unit["bytes"] += len(content)
    if not units:
        raise ValueError(f"no Python source below {root}")
    for unit in units.values():
        large = unit["lines"] >= own_bundle_from
        unit["bundle"] = unit["name"] if large else f"modules.{_letter(unit['name'])}"
    title = root.name if source else f"the Python {platform.python_version()} standard library"
    return Scan(title=title, source=str(root), units=[units[name] for name in sorted(units)])


def bundles(found: Scan) -> list[str]:
    """Return the names of all bundles, the heaviest first, so that long work starts early."""
    weights: dict[str, int] = {}
    for unit in found["units"]:
        weights[unit["bundle"]] = weights.get(unit["bundle"], 0) + unit["lines"]
    return sorted(weights, key=lambda name: (-weights[name], name))


def units_of(found: Scan, bundle: str) -> list[Unit]:
    return [unit for unit in found["units"] if unit["bundle"] == bundle]


def _python_files(root: Path) -> Iterator[str]:
    for folder, subfolders, files in os.walk(root):
        # Folders that cannot be imported are not part of the library: config-3.13-x86_64-linux-gnu, lib-dynload.
        subfolders[:] = [name for name in subfolders if name.isidentifier() and name not in LEFT_OUT]
        for file in files:
            path = Path(folder, file)
            if path.suffix == ".py" and path.stem.isidentifier() and path.is_file():
                yield path.relative_to(root).as_posix()


def _letter(name: str) -> str:
    return (name.strip("_") or "_")[0].lower()
