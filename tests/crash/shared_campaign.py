"""Several processes run a workflow with shared marks at once, and fail or are killed; then every mark is checked.

Run it by hand with ``python -m tests.crash.shared_campaign --seconds 300 --seed 1``. It checks that:

- two living runs never run the same step at the same time;
- no run hangs;
- when all runs have ended, each mark is true: the latest work of the step ended well, and began after every step that
  forces it had ended;
- no run is ever told that its step is marked if a step that forces it worked since the work of the step began;
- after a run that runs every step, no claim is left.

A mark counts as a run sees it that reads the marks. A stale mark has a kind, which helps to find the cause: another run
prepared to run a step that forces the marked one, and revoked claims and removed marks. ``raced``: the run of the mark
claimed its step after that. ``killed``: the run of the mark was killed after it wrote the mark, before it checked its
claim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from simpleflow.step.claim_objects import CLAIMS, FORCING, REVOKED
from simpleflow.step.tasks import GetStepsDoneTask
from simpleflow.stores import open_store
from tests.crash.campaign import ROOT
from tests.crash.competing_runs import FORCES, LONGEST_RUN, NAMES, PREFIX


class Round:
    """Competing runs in one folder for some seconds, then checks when all have ended."""

    def __init__(self, folder: Path, seed: int, processes: int = 3) -> None:
        self.folder = folder
        self.seed = seed
        self.processes = processes
        self.tally: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, seconds: float) -> None:
        """Run the processes and check the marks; ``wrong`` has a line for each rule that was broken."""
        self.folder.mkdir(parents=True)
        until = time.time() + seconds
        with ThreadPoolExecutor(self.processes) as threads:
            for driver in [threads.submit(self._drive, f"w{n}", until) for n in range(self.processes)]:
                driver.result()
        self._judge("at rest")
        self._last_run(0, "after a run without requests")
        if sorted(self.marks) != sorted(NAMES):
            self.wrong.append(f"a run without requests has left steps that are not done: {sorted(self.marks)}")
        self.tally["dead claims"] += len(self.claims)
        self._last_run(-1, "after a run of all steps")
        if self.claims:
            self.wrong.append(f"claims are left: {self.claims}")

    @property
    def marks(self) -> dict[str, str]:
        """The run ids of the marks, as a run finds them."""
        bucket = str(self.folder / "marks")
        found = GetStepsDoneTask(bucket, PREFIX, ("judge", "judge")).execute()
        assert isinstance(found, dict)
        store = open_store(bucket)
        return {name: json.loads(each.body)["run_id"] for name, each in store.read(PREFIX, found["names"]).items()}

    @property
    def claims(self) -> list[str]:
        store = open_store(str(self.folder / "marks"))
        return [name for folder in (CLAIMS, REVOKED, FORCING) for name in store.names(folder)]

    # Processes

    def _drive(self, workflow_id: str, until: float) -> None:
        """Start a process for this workflow id, again and again, until the time is over and its run has ended."""
        chance = random.Random(f"{self.seed} {workflow_id}")
        number = chance.randrange(1, 1_000_000)
        while True:
            over = time.time() >= until
            fuse = chance.randint(1, chance.choice([15, 150])) if chance.random() < 0.5 and not over else 0
            process = self._start(workflow_id, number, chance.choice([0, 2]), until, fuse)
            if not fuse and not over and chance.random() < 0.9:
                try:
                    process.wait(chance.uniform(0.2, 5))
                except subprocess.TimeoutExpired:
                    process.kill()
            try:
                _, stderr = process.communicate(timeout=LONGEST_RUN + 60)
            except subprocess.TimeoutExpired:
                process.kill()
                self.wrong.append(f"{workflow_id}: hangs: {process.communicate()[1]}")
                return
            if process.returncode == 0:
                return
            if process.returncode != -signal.SIGKILL:
                self.wrong.append(f"{workflow_id}: exit code {process.returncode}: {stderr}")
                return
            self.tally["kills"] += 1
            resumes = chance.random() < 0.6
            self.tally["resumed" if resumes else "replaced"] += 1
            number = self._input(workflow_id, number) if resumes else chance.randrange(1, 1_000_000)

    def _input(self, workflow_id: str, number: int) -> int:
        """The input of the run whose process died; ``number`` if it died before it wrote its input to a file."""
        path = self.folder / f"{workflow_id}.input"
        return int((path.read_text() if path.exists() else "") or number)

    def _start(self, workflow_id: str, number: int, workers: int, until: float, fuse: int) -> subprocess.Popen[str]:
        arguments = map(str, (self.folder, workflow_id, number, workers, until, fuse))
        return subprocess.Popen(
            [sys.executable, "-m", "tests.crash.competing_runs", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )

    def _last_run(self, number: int, when: str) -> None:
        """One more run by itself, with this input number; then check the marks."""
        process = self._start("last", number, 0, 0, 0)
        _, stderr = process.communicate(timeout=LONGEST_RUN + 60)
        if process.returncode != 0:
            self.wrong.append(f"{when}: exit code {process.returncode}: {stderr}")
        self._judge(when)

    # Checks

    def _judge(self, when: str) -> None:
        """Hold every mark against the log, and at the last call every step that two runs ran at the same time."""
        lines = [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]
        judge = Judge(lines)
        for name, run_id in sorted(self.marks.items()):
            verdict = judge.of(name, run_id)
            if verdict is not None:
                kind, why = verdict
                self.tally[f"{kind} {when}"] += 1
                self.wrong.append(f"{when}: {name}, marked by run {run_id}: {kind}: {why}")
        if when == "after a run of all steps":
            self.tally.update(each["word"] for each in lines)
            self.tally["runs"] += len({each["run"] for each in lines})
            for number, each in enumerate(lines):
                if each["word"] == "marked" and (wrongly := judge.told_wrongly(number)) is not None:
                    self.wrong.append(f"{each['names'][0]} was marked though it was stale: {wrongly}")
                if each["word"] == "met":
                    kind, why = judge.met(number)
                    self.tally[f"met: {kind}"] += 1
                    self.wrong.append(f"{each['names'][0]} runs twice at the same time: {kind}: {why}")


class Judge:
    """Finds in the lines of a log whether a mark is true."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self._lines = lines

    def of(self, name: str, run_id: str) -> tuple[str, str] | None:
        """None if the mark that this run wrote is true; otherwise what kind of wrong mark it is, and why."""
        begun = self._last(name, "begin")
        ended = self._last(name, "end", "failed")
        latest = self._lines[begun]["run"]
        if ended < begun or self._lines[ended]["word"] == "failed":
            marked, claimed = self._last(name, "marking", run=run_id), self._last(name, "claimed", run=latest)
            kind = "kept" if latest != run_id and marked < claimed else "unfinished"
            return kind, (
                f"marked {marked}; claimed {claimed} and begun {begun} by {latest}, the latest run of it, which did "
                f"not end well (line {ended})"
            )
        for origin in _origins(name):
            touched = self._last(origin, "begin", "end", "failed")
            if touched > begun:
                return self._stale(name, run_id, begun, origin, touched)
        return None

    def told_wrongly(self, number: int) -> str | None:
        """Why the run of this line should not have been told that its step is marked; None if it should have been."""
        name, run = self._lines[number]["names"][0], self._lines[number]["run"]
        begun = self._last(name, "begin", run=run, before=number)
        marking = next(
            at
            for at, each in enumerate(self._lines[begun:], begun)
            if each["word"] == "marking" and each["run"] == run and name in each["names"]
        )
        for origin in _origins(name):
            touched = self._last(origin, "begin", "end", "failed", before=marking)
            if touched > begun and self._lines[touched]["run"] != run:
                return f"begun {begun}, {origin} touched {touched}, marking {marking}, marked {number} by {run}"
        return None

    def met(self, number: int) -> tuple[str, str]:
        """Why two runs ran one step at the same time: the claim of one had been revoked, or both held a claim."""
        line = self._lines[number]
        name = line["names"][0]
        begun = self._last(name, "begin", owner=line["other"], before=number)
        runs = (self._lines[begun]["run"], line["run"])
        claimed = [self._last(name, "claimed", run=run, before=number) for run in runs]
        revoked = [
            at
            for run, since in zip(runs, claimed, strict=True)
            for at, each in enumerate(self._lines[since:number], since)
            if each["word"] == "unmarking" and each["run"] != run and _covered(each["patterns"], name)
        ]
        why = f"claimed {claimed} by {' and '.join(runs)}; begun {begun}, met {number}"
        return ("revoked", f"{why}; revoked {revoked}") if revoked else ("claimed", why)

    def _stale(self, name: str, run_id: str, begun: int, origin: str, touched: int) -> tuple[str, str]:
        other = self._lines[touched]["run"]
        claimed = self._last(name, "claimed", run=run_id)
        marking, marked = self._last(name, "marking", run=run_id), self._last(name, "marked", "revoked", run=run_id)
        unmarking = max(
            (
                number
                for number, each in enumerate(self._lines)
                if each["word"] == "unmarking" and each["run"] == other and number < touched
                if _covered([*each["names"], *each["patterns"]], name)
            ),
            default=-1,
        )
        why = (
            f"claimed {claimed}, begun {begun}, marking {marking}, marked {marked} by {run_id}; origin {origin}: "
            f"unmarking {unmarking}, touched {touched} by {other}"
        )
        if other == run_id or unmarking < 0:
            return "stale", why
        if claimed > unmarking:
            return "raced", why
        return ("killed" if marked < marking else "stale"), why

    def _last(
        self, name: str, *words: str, run: str | None = None, owner: int | None = None, before: int | None = None
    ) -> int:
        """The number of the latest line with these properties; -1 if there is none."""
        for number in reversed(range(len(self._lines) if before is None else before)):
            each = self._lines[number]
            if each["word"] not in words or name not in each["names"]:
                continue
            if run in (None, each["run"]) and owner in (None, each["owner"]):
                return number
        return -1


def _origins(name: str) -> list[str]:
    return [origin for origin, patterns in FORCES.items() if _covered(patterns, name)]


def _covered(patterns: Iterable[str], name: str) -> bool:
    return any(pattern == name or name.startswith(pattern + ".") for pattern in patterns)


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.crash.shared_campaign",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=300, help="seconds of all rounds together (default 300)")
    parser.add_argument(
        "--round", type=float, default=15, help="seconds of each round, which has its own folder (default 15)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round (default 0)")
    parser.add_argument("--keep", action="store_true", help="keep the folder of each round that breaks a rule")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    tally: Counter[str] = Counter()
    seed = arguments.seed
    wrong = 0
    while time.monotonic() < end:
        folder = tempfile.TemporaryDirectory(prefix=f"competing-{seed}-")
        found = Round(Path(folder.name) / "round", seed)
        found.run(arguments.round)
        tally += found.tally
        wrong += len(found.wrong)
        for each in found.wrong:
            print(f"seed {seed}: {each}", flush=True)
        if found.wrong and arguments.keep:
            os.rename(folder.name, f"{folder.name}kept")
            os.mkdir(folder.name)
        folder.cleanup()
        seed += 1
    print(f"{seed - arguments.seed} rounds: {dict(sorted(tally.items()))}; {wrong} wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
