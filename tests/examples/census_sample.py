"""A small invented library for the census, and a part of the real one."""

from __future__ import annotations

from pathlib import Path

from census_lib import sources, tables
from census_lib.measure import measure, total

SLICE = (
    "argparse",
    "collections",
    "email",
    "enum",
    "functools",
    "http",
    "importlib",
    "inspect",
    "io",
    "json",
)
SLICE += ("logging", "os", "re", "tempfile", "types", "typing", "urllib", "warnings", "weakref", "zipfile")

SHOP = '''"""A shop.

Sells things.
"""
# One comment,
# on two lines.
import os, json.decoder
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import decimal

LABEL = """

not a docstring"""


class Shop:
    """Open."""

    def sell(self, thing: str, price=1, *more, **rest) -> bool:
        """Sell."""
        import email.message
        if thing and price and rest:  # a comment beside code is code
            return True
        return [x for x in more if x] != []

    async def _close(self): pass


if __name__ == "__main__":
    import argparse
'''


def library(folder: Path) -> Path:
    files = {
        "shop/__init__.py": SHOP,
        "shop/till.py": "from . import shop\nfrom .. import other\nimport shop.x\nimport tools\n",
        "shop/broken.py": "def (:\n    pass\n",
        "shop/test/test_shop.py": "raise SystemExit\n",
        "shop/__pycache__/x.py": "raise SystemExit\n",
        "tools.py": "import shop\ndef work(): return 1\n",
        "_tiny.py": "",
        "config-3.13/setup.py": "raise SystemExit\n",
        "site-packages/other.py": "raise SystemExit\n",
        "notes.txt": "not Python",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def census(found: sources.Scan, only: tuple[str, ...] = ()) -> tables.Tables:
    root = Path(found["source"])
    units = [unit for unit in found["units"] if not only or unit["name"] in only]
    found = sources.Scan(title=found["title"], source=found["source"], units=units)
    measures = {
        unit["name"]: total(measure(path, (root / path).read_bytes()) for path in unit["files"]) for unit in units
    }
    return tables.join(found, measures)
