"""Check what `make dist` has built: that it is complete, holds nothing else, and works where nothing is installed.

    python .ci/check_dist.py FOLDER [TAG]

With TAG, such as v1.0, the version must be that of the tag. Prints one line for each file, or what is wrong, and ends
with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[1]
BESIDE = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore", "PKG-INFO"}
"""What the source distribution holds besides the source."""


def main(folder: str, tag: str = "") -> int:
    [wheel] = Path(folder).glob("*.whl")
    [source] = Path(folder).glob("*.tar.gz")
    wrong = [*check_tag(wheel, tag), *check_source(source), *check_wheel(wheel), *check_installed(wheel)]
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{source}: {source.stat().st_size // 1024} kB, complete")
        print(f"{wheel}: {wheel.stat().st_size // 1024} kB, complete, runs in an environment of its own")
    return 1 if wrong else 0


def check_tag(wheel: Path, tag: str) -> list[str]:
    version = wheel.name.split("-")[1]
    if tag and tag != f"v{version}":
        return [f"{wheel}: the version is {version}, the tag {tag!r}; expected the tag v{version}"]
    return []


def modules() -> set[str]:
    """The files of the package, below src."""
    source = ROOT / "src"
    found = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return {line.removeprefix("src/") for line in found.stdout.splitlines()}
    files = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    return {str(path) for path in files if "__pycache__" not in path.parts}


def check_source(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    expected = {f"src/{name}" for name in modules()} | BESIDE
    return differences(path, names, expected)


def check_wheel(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        [info] = {name.partition("/")[0] for name in names if ".dist-info/" in name}
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    expected = modules() | {
        f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    wrong = differences(path, names, expected)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {name_of(each) for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each}
    if needed != set(map(name_of, project["dependencies"])):
        wrong.append(f"{path}: needs {', '.join(sorted(needed))}; expected the dependencies in pyproject.toml")
    if "simpleflow = simpleflow.cli:main" not in entry_points:
        wrong.append(f"{path}: lacks the command simpleflow")
    if metadata.get_payload() != (ROOT / "README.md").read_text(encoding="utf-8"):
        wrong.append(f"{path}: its description is not README.md")
    return wrong


def name_of(need: str) -> str:
    return re.split(r"[^\w-]", need)[0]


def differences(path: Path, names: set[str], expected: set[str]) -> list[str]:
    return [
        *(f"{path}: lacks {name}" for name in sorted(expected - names)),
        *(f"{path}: holds {name}, which does not belong there" for name in sorted(names - expected)),
    ]


def check_installed(wheel: Path) -> list[str]:
    """Install the wheel where nothing else is, and ask the command which library it is."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", wheel.resolve()], check=True)
        asked = [python.with_name("simpleflow"), "--version"]
        told = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False)
    version = wheel.name.split("-")[1]
    if told.returncode != 0 or not told.stdout.startswith(f"simpleflow {version}\n") or folder not in told.stdout:
        return [f"{wheel}: simpleflow --version printed {(told.stdout + told.stderr)!r}"]
    return []


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
