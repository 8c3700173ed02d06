"""Print the oldest versions of the dependencies that pyproject.toml allows, one requirement a line.

    python .ci/minimums.py > minimums.txt && pip install -r minimums.txt

Those of the extras that users install are among them, those of the tools of developers are not, but for OpenTelemetry's
SDK, whose version is that of its API.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

_TOOLS = ("test", "dev", "docs", "bench")


def minimums() -> list[str]:
    """The requirements, each with the one version that its lower bound names."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"], *(need for name in extras if name not in _TOOLS for need in extras[name])]
    needs += [need for need in extras["test"] if need.startswith("opentelemetry-sdk")]
    return [f"{name}=={oldest}" for name, oldest in (re.match(r"([\w-]+)>=([\w.]+)", need).groups() for need in needs)]


if __name__ == "__main__":
    print("\n".join(minimums()))
