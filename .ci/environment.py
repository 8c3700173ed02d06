"""Make virtual environments for tests in half of the usual time: without a pip of their own, and with less byte-code.

    python .ci/environment.py make FOLDER PYTHON ARGUMENT...
    python .ci/environment.py compile FOLDER
    python .ci/environment.py pip FOLDER ARGUMENT...

``make`` makes an environment of that Python, anew, and installs into it: the arguments are those of ``pip install``.
``compile`` compiles the modules of an environment. ``pip`` runs pip for an environment.

A pip of its own takes about four seconds of each environment. So the one of the Python that runs this serves, if it has
one. The tests of packages, and the services of moto that no test here uses, are not compiled: nothing loads them.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

_HAS_PIP = importlib.util.find_spec("pip") is not None

_NOT_COMPILED = r"/(tests?|mypyc)/|/moto/(?!cloudwatch|core|events|moto_|s3|swf|utilities|\w+\.py$)"
"""Paths below the folder of the environment, as a regular expression."""


def make(folder: Path, python: str, arguments: list[str]) -> None:
    """Make an environment and install into it. Raises CalledProcessError."""
    subprocess.run([python, "-m", "venv", "--clear", *["--without-pip"] * _HAS_PIP, folder], check=True)
    pip(folder, ["install", "--quiet", "--disable-pip-version-check", "--no-compile", *arguments])
    compile_modules(folder)


def compile_modules(folder: Path) -> None:
    """Compile the modules of an environment. Some files of packages cannot be: they are templates."""
    command = [folder.absolute() / "bin/python", "-m", "compileall", "-qq", "-x", _NOT_COMPILED, "lib"]
    subprocess.run(command, cwd=folder, check=False)


def pip(folder: Path, arguments: list[str]) -> None:
    """Run pip for an environment. Raises CalledProcessError."""
    inside = folder / "bin/python"
    command = [sys.executable, "-m", "pip", "--python", inside] if _HAS_PIP else [inside, "-m", "pip"]
    subprocess.run([*command, *arguments], check=True)


def main(what: str, folder: str, *arguments: str) -> int:
    try:
        if what == "make":
            make(Path(folder), arguments[0], list(arguments[1:]))
        elif what == "compile":
            compile_modules(Path(folder))
        else:
            pip(Path(folder), list(arguments))
    except subprocess.CalledProcessError as error:
        return error.returncode or 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
