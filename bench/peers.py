"""``python -m bench.peers``: install the other tools as far as possible. The exit code is always 0."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from bench.measure import ROOT

EXTRA = "bench"


def main(requirements: Sequence[str] | None = None) -> int:
    """Install the missing packages of the project's extra, one by one, so that one failure does not stop the others."""
    for requirement in _extra() if requirements is None else requirements:
        if not _installed(requirement):
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
            process = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if process.returncode != 0:
                lines = [line for line in process.stderr.splitlines() if line.startswith("ERROR")]
                reason = lines[0] if lines else f"pip ended with exit code {process.returncode}"
                print(f"{requirement} cannot be installed and is not measured: {reason}", flush=True)
    return 0


def _extra() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[str] = tomllib.load(file)["project"]["optional-dependencies"][EXTRA]
    return found


def _installed(requirement: str) -> bool:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
