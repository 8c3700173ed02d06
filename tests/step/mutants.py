"""Breaks the rules of steps one by one, and checks that somebody notices.

Run it by hand with ``python -m tests.step.mutants``. Each mutant (``mutant_rules``) is a small fault in a copy of
``src``. The chaos campaign must find it within some seeds, or the tests that stand beside it must fail. The command
prints who found each, and exits with 1 if one was not found: that is a gap in the judge or in the tests.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.step.mutant_rules import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.step.mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=500, help="how many seeds may pass (default 500)")
    parser.add_argument("--only", default="", help="try the mutants of rules that contain this text")
    parser.add_argument("--skip", type=int, default=0, help="leave out this many at first")
    options = parser.parse_args()
    chosen = [each for each in MUTANTS if options.only in each.rule][options.skip :]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for mutant in chosen:
            begun = time.monotonic()
            found = _find(mutant, Path(folder), options.seeds)
            missed += found is None
            print(f"{found or 'NOT FOUND'}: {mutant.rule} ({time.monotonic() - begun:.0f} s)", flush=True)
    print(f"{len(chosen)} mutants, {missed} not found")
    raise SystemExit(bool(missed))


def _find(mutant: Mutant, folder: Path, seeds: int) -> str | None:
    """Who finds the mutant; None if nobody does."""
    source = folder / "src"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    file = source / "simpleflow" / mutant.file
    text = file.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.file} has {mutant.old!r} {text.count(mutant.old)} times, not once"
    file.write_text(text.replace(mutant.old, mutant.new))
    if mutant.tests:
        command = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests.split()]
    else:
        command = ["-m", "tests.step.chaos_campaign", "--seeds", str(seeds), "--first"]
        command += ["--children", "1"] if mutant.children else []
    environment = os.environ | {"PYTHONPATH": f"{source}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    lines = [each for each in done.stdout.splitlines() if each.startswith(("seed ", "FAILED "))]
    assert lines, f"the mutant of the rule {mutant.rule!r} does not run:\n{done.stdout}{done.stderr}"
    return lines[0][:100]


if __name__ == "__main__":
    main()
