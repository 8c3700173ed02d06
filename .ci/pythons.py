"""Find the Pythons on this machine that simpleflow supports, and make an environment of a second one.

    python .ci/pythons.py oldest|newest
    python .ci/pythons.py environment FOLDER

``oldest`` and ``newest`` print the path of that Python. ``environment`` makes a virtual environment with what the tests
need, of the Python that is farthest from the one that runs this: of the oldest one, or, if that is its own version, of
the newest one. ``FOLDER/tried.txt`` says which one it is. If there is no second version, that file says so loudly, and
there is no environment.

The Pythons on PATH are found, those of pyenv and those of uv. One without venv, pip, SQLite or TLS does not count: no
environment for the tests could be made with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

OLDEST_MINOR = 11
"""Of Python 3: ``requires-python`` in pyproject.toml."""

_QUESTION = """
import ensurepip, sqlite3, ssl, sys, venv
assert sys.implementation.name == "cpython" and sys.version_info.releaselevel == "final"
print(*sys.version_info[:3])
"""

Version = tuple[int, ...]


def candidates() -> list[Path]:
    """Files that may be Pythons, each once."""
    folders = [Path(each) for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if each]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    folders += [*pyenv.glob("versions/3.*/bin"), *uv.glob("cpython-3.*/bin")]
    names = [f"python3.{minor}" for minor in range(OLDEST_MINOR, 30)]
    found = (folder / name for folder in folders for name in names)
    return list({path.resolve(): path for path in found if os.access(path, os.X_OK)}.values())


def version(python: Path) -> Version | None:
    """The version of a Python; None if simpleflow's tests cannot run on it."""
    try:
        done = subprocess.run([python, "-c", _QUESTION], capture_output=True, text=True, timeout=60, check=True)
        found = tuple(map(int, done.stdout.split()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return found if found >= (3, OLDEST_MINOR) else None


def supported() -> list[tuple[Version, Path]]:
    """The Pythons on this machine with their versions, the oldest one first."""
    return sorted((found, path) for path in candidates() if (found := version(path)) is not None)


def other(pythons: list[tuple[Version, Path]], own: Version) -> Path | None:
    """The Python that is farthest from the version ``own``; None if there is no other minor version."""
    others = [(found, path) for found, path in pythons if found[:2] != own[:2]]
    if not others:
        return None
    return others[0 if others[0][0] < own else -1][1]


def make(folder: Path) -> None:
    """Make the environment of the other Python in this folder, if there is another Python."""
    own = sys.version_info[:3]
    python = other(supported(), own)
    if python is None:
        folder.mkdir(exist_ok=True)
    else:
        made = [sys.executable, ROOT / ".ci/environment.py", "make", folder, python]
        subprocess.run([*made, "--editable", f"{ROOT}[test]"], check=True)
    (folder / "tried.txt").write_text(report(own, None if python is None else version(python)))


def report(own: Version, found: Version | None) -> str:
    """What is tried on the other Python, of the version ``found``; None if there is none."""
    if found is not None:
        return f"On Python {text(found)}, beside all tests on Python {text(own)}:\n"
    line = "!" * 120
    lines = [
        f"ONLY PYTHON {text(own)} IS TRIED: no second version from 3.{OLDEST_MINOR} on is on PATH, in pyenv or in uv.",
        "What depends on the version of Python is NOT tested. Install another Python, and remove this environment.",
    ]
    return "\n".join([line, *(f"!! {each}" for each in lines), line, ""])


def text(version: Version) -> str:
    return ".".join(map(str, version))


def main(which: str, folder: str = "") -> int:
    if which == "environment":
        make(Path(folder))
        return 0
    pythons = supported()
    if not pythons:
        print(f"there is no Python 3.{OLDEST_MINOR} or later with venv on PATH: install one", file=sys.stderr)
        return 1
    print(pythons[0 if which == "oldest" else -1][1])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
