"""The census, twice, through the command line: the first run runs every step, the second one skips them all.

    make demo
    python examples/demo.py [FOLDER]      the same for the Python files of another folder

You can stop it at any time and in any way. Started again, it continues. It uses the source of simpleflow that is beside
it, so only the packages that simpleflow needs have to be installed: ``make demo`` installs these alone.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
FOLDER = ROOT / ".simpleflow" / "demo"
ENDED = FOLDER / "ended"  # its presence makes the next demo start afresh
REPORTS = ("first-run.html", "second-run.html")  # of what the runs did
HEADLINES = ("First run: every step runs", "Second run: every step is done, so it is skipped")


def main(source: str | None = None, extra: str | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # bars and boxes, on any terminal
    if source == "--needs":
        print("\n".join(needs(extra)))
        return 0
    missing = [name for name in map(module_of, needs()) if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed for {sys.executable}: {', '.join(missing)}; run: make demo", file=sys.stderr)
        return 2
    if ENDED.exists():
        shutil.rmtree(FOLDER)
    elif FOLDER.exists():
        print("A demo was stopped here, and this one continues it. Steps that have run are skipped.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    out = FOLDER / "census"
    for number, headline in enumerate(HEADLINES):
        show_headline(headline)
        code = run_census(source, out, REPORTS[number])
        if code != 0:
            print(f"\nRun {number + 1} ended with exit code {code}. To go on: make demo", file=sys.stderr)
            return code
    show_headline("The report")
    report = (out / "report.txt").read_text(encoding="utf-8").splitlines()
    print("\n".join(report[:14]))
    print("  ...")
    print("\nWhere to look:\n")
    show_places(source, out)
    ENDED.touch()
    return 0


def show_places(source: str | None, out: Path) -> None:
    """Print what there is to look at, and to try."""
    for path, what in (
        (out / "report.txt", "the whole report"),
        (out / "report.svg", "the same as a picture; open it in a browser"),
        (out / REPORTS[0], "what the first run did: open it in a browser"),
        (out / REPORTS[1], "what the second run did, which skipped all steps"),
        (out / "run.svg", "both runs as a picture: which steps ran, and when"),
        (ROOT / "examples" / "census.py", "the workflow"),
        (ROOT / "docs" / "getting-started.md", "your own workflow in ten minutes"),
    ):
        print(f"  {shown(path):<40}  {what}")
    found = importlib.util.find_spec("simpleflow")
    command = f"{shown(Path(sys.executable))} -m simpleflow"
    if SOURCE.exists() and (found is None or not Path(found.origin or "").is_relative_to(SOURCE)):
        command = f"PYTHONPATH={shlex.quote(shown(SOURCE))} {command}"
    workflow = f"--state {shlex.quote(shown(FOLDER))} {shlex.quote(shown(ROOT / 'examples' / 'census.py'))}"
    given = f"-p out={shlex.quote(shown(out))}" + (f" -p source={shlex.quote(source)}" if source else "")
    print("\nWhat to try next: list the done steps; run one of them again, with those that depend on it.\n")
    print(f"  {command} step.list {workflow}")
    print(f"  {command} workflow.start --local --force parse.asyncio \\\n    {given} {workflow}")


def needs(extra: str | None = None) -> list[str]:
    """Return what simpleflow or an extra of it needs, as ``pip`` takes it; nothing without its source."""
    path = ROOT / "pyproject.toml"
    if not path.exists():
        return []
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    found: list[str] = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return found


def module_of(need: str) -> str:
    """Return the module of a package that simpleflow needs. All of them are called like their package."""
    return need.partition(">")[0]


def run_census(source: str | None, out: Path, report: str) -> int:
    """Run the census through the command line. Returns its exit code."""
    arguments = ["workflow.start", "--local", "--state", shown(FOLDER), "-p", f"out={shown(out)}"]
    arguments += ["--report", shown(out / report)]
    arguments += ["-p", f"source={source}"] if source else []
    arguments += [shown(ROOT / "examples" / "census.py")]
    print(f"$ simpleflow {shlex.join(arguments)}\n", flush=True)
    command = [sys.executable, "-m", "simpleflow", *arguments]
    paths = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])] if SOURCE.exists() else []
    environment = os.environ | ({"PYTHONPATH": os.pathsep.join(paths)} if paths else {})
    begin = die_with_parent if sys.platform == "linux" else None
    with subprocess.Popen(command, env=environment, preexec_fn=begin) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal has interrupted the other process as well
            process.wait()
            return 130


def die_with_parent() -> None:
    """End the census if the demo is killed: otherwise it would still own the run when the next demo starts."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def show_headline(text: str) -> None:
    width = min(100, shutil.get_terminal_size().columns)
    print(f"\n━━ {text} ".ljust(width, "━") + "\n", flush=True)


def shown(path: Path) -> str:
    """Return the path relative to the current folder, if it is below that."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
