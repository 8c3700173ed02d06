"""The census, twice, through the command line: the first run runs every step, the second one skips them all.

    make demo
    python examples/demo.py [FOLDER]      the same for the Python files of another folder

You can stop it at any time and in any way. Started again, it continues.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".simpleflow" / "demo"
ENDED = FOLDER / "ended"  # its presence makes the next demo start afresh
HEADLINES = ("First run: every step runs", "Second run: every step is done, so it is skipped")


def main(source: str | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # bars and boxes, on any terminal
    if importlib.util.find_spec("simpleflow") is None:
        print(f"simpleflow is not installed for {sys.executable}; run: make demo", file=sys.stderr)
        return 2
    if ENDED.exists():
        shutil.rmtree(FOLDER)
    elif FOLDER.exists():
        print("A demo was stopped here, and this one continues it. Steps that have run are skipped.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    out = FOLDER / "census"
    for number, headline in enumerate(HEADLINES):
        show_headline(headline)
        code = run_census(source, out)
        if code != 0:
            print(f"\nRun {number + 1} ended with exit code {code}. To go on: make demo", file=sys.stderr)
            return code
    show_headline("The report")
    report = (out / "report.txt").read_text(encoding="utf-8").splitlines()
    print("\n".join(report[:30]))
    print("...\n")
    print(f"all of it as text   {shown(out / 'report.txt')}")
    print(f"all of it as SVG    {shown(out / 'report.svg')}   (open it in a browser)")
    ENDED.touch()
    return 0


def run_census(source: str | None, out: Path) -> int:
    """Run the census through the command line. Returns its exit code."""
    given = {"kwargs": {"source": source, "out": shown(out)} if source else {"out": shown(out)}}
    arguments = ["workflow.start", "--local", "--state", shown(FOLDER)]
    arguments += ["--input", json.dumps(given), shown(ROOT / "examples" / "census.py:Census")]
    print(f"$ simpleflow {shlex.join(arguments)}\n", flush=True)
    command = [sys.executable, "-m", "simpleflow", *arguments]
    with subprocess.Popen(command, preexec_fn=die_with_parent if sys.platform == "linux" else None) as process:
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
    sys.exit(main(*sys.argv[1:2]))
