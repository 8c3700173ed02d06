"""A campaign: random workflows on a Dask cluster, while workers, the scheduler and the driver are killed at random.

    python -m tests.cluster.cluster_campaign [--workflows 200] [--seed 1]

Each workflow has the right result; no activity begins again once the history says that it has completed; and no
process is left, neither of an activity when its run has ended, nor of anything at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

from simpleflow.core import codec
from simpleflow.engines.sqlite.engine import SqliteEngine
from tests.cluster import dask_processes
from tests.cluster.random_steps import expected
from tests.pauses import wait_for
from tests.processes import alive
from tests.worker import programs
from tests.worker.programs import lines

DRIVER = """
import json, sys
from simpleflow.local import Executor
from tests.cluster.random_steps import Random
tell = lambda text: print(text, file=sys.stderr)
executor = Executor(Random, state="state", workers=sys.argv[1], output="none", on_wait=tell)
print(json.dumps(executor.run([sys.argv[2], int(sys.argv[3])])), flush=True)
"""
MARK = "SIMPLEFLOW_CAMPAIGN"
FAULTS = ("worker", "worker", "worker's process", "worker leaves", "scheduler", "driver", "driver")
LISTS = "default=2,other=1"
SECONDS = 120.0  # that a workflow may take


class Campaign:
    """A cluster, and what is done to it.

    Args:
        folder: for everything.
        seed: decides the workflows and the faults.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.mark = uuid.uuid4().hex
        os.environ[MARK] = self.mark
        self.cluster = dask_processes.Cluster(folder)
        self.leaving: list[subprocess.Popen[bytes]] = []  # workers that finish what they do
        self.numbers = iter(range(1, 1_000_000))
        for _ in range(2):
            self.join()

    def join(self) -> None:
        """Start another worker."""
        name = f"worker-{next(self.numbers)}"
        self.cluster.join(name, "--task-lists", LISTS, PYTHONPATH=str(dask_processes.ROOT))

    def strike(self, fault: str) -> None:
        """Have a fault happen; not those of the driver."""
        name = self.chance.choice(sorted(self.cluster.workers))
        process = self.cluster.workers[name]
        if fault == "scheduler":
            dask_processes.kill(self.cluster.scheduler)
            time.sleep(self.chance.random())
            self.cluster.start_scheduler()
        elif fault == "worker's process":
            with contextlib.suppress(OSError, IndexError):
                os.kill(_children(process.pid)[0], signal.SIGKILL)
        else:
            del self.cluster.workers[name]
            if fault == "worker leaves":
                process.terminate()
                self.leaving.append(process)
            else:
                dask_processes.kill(process)
            self.join()

    def workflow(self, seed: int) -> None:
        """Run one workflow to its end. Raises AssertionError."""
        folder = self.folder / f"run-{seed}"
        folder.mkdir()
        faults = [self.chance.choice(FAULTS) for _ in range(self.chance.randint(0, 3))]
        end = time.monotonic() + SECONDS
        driver = self.drive(folder, seed)
        result: str | None = None
        for fault in faults:
            time.sleep(0.8 + self.chance.random() * 1.5)
            if driver.poll() is not None:
                break
            self.counts[fault] += 1
            if fault == "driver":
                programs.kill(driver)
                driver.communicate()
                if (result := self.result(folder)) is not None:
                    break  # it was killed after its run had closed: another start would be another run
                driver = self.drive(folder, seed)
            else:
                self.strike(fault)
        if result is None:
            code, result, err = programs.finish(driver, max(1.0, end - time.monotonic()))
            assert code == 0, f"seed {seed}, after {faults}: exit code {code}: {err}"
        assert json.loads(result) == expected(seed), f"seed {seed}, after {faults}: {result[:2000]}"
        self.check_repeats(folder, seed)
        self.check_processes(folder, seed)
        self.counts["workflows"] += 1

    def drive(self, folder: Path, seed: int) -> subprocess.Popen[str]:
        """Start the process of a run."""
        # Not forked: the campaign knows what is left by its environment.
        return programs.begin(DRIVER, self.cluster.address, str(folder), str(seed), folder=folder, forks=False)

    def result(self, folder: Path) -> str | None:
        """The result of the run as JSON; None if it has not completed."""
        engine = SqliteEngine(str(folder / "state"))
        try:
            for run in engine.list_runs():
                last = codec.event_to_dict(list(engine.history(run.workflow_id, run.run_id))[-1])
                ended = last.get("workflowExecutionCompletedEventAttributes")
                return None if ended is None else str(ended["result"])
            return None
        finally:
            engine.close()

    def check_repeats(self, folder: Path, seed: int) -> None:
        """No activity has begun after the event that says it completed."""
        engine = SqliteEngine(str(folder / "state"))
        try:
            (run,) = engine.list_runs()
            names: dict[int, str] = {}
            completed: dict[str, float] = {}
            for event in map(codec.event_to_dict, engine.history(run.workflow_id, run.run_id)):
                if (scheduled := event.get("activityTaskScheduledEventAttributes")) is not None:
                    names[event["eventId"]] = json.loads(scheduled["input"])["args"][1]
                elif (ended := event.get("activityTaskCompletedEventAttributes")) is not None:
                    completed[names[ended["scheduledEventId"]]] = float(event["eventTimestamp"])
        finally:
            engine.close()
        begun = [line.split() for line in lines(folder / "begun")]
        self.counts["activities begun"] += len(begun)
        self.counts["activities completed"] += len({name for _, name, _ in begun} & set(completed))
        again = [name for at, name, _ in begun if float(at) > completed[name] + 0.002]
        assert not again, f"seed {seed}: begun again after they had completed: {again}"

    def check_processes(self, folder: Path, seed: int) -> None:
        """The children that are kept for the next activities do not count: nothing below them lives."""
        pids = {int(line.split()[2]) for line in lines(folder / "begun")}
        end = time.monotonic() + 5
        while any(_children(pid) for pid in pids if alive(pid)):
            assert time.monotonic() < end, f"seed {seed}: processes of activities are left"
            time.sleep(0.02)

    def close(self) -> None:
        """End everything in order, and check that nothing is left. Raises AssertionError."""
        for name in list(self.cluster.workers):
            wait_for(lambda name=name: "joined" in self.cluster.log(name), name)  # type: ignore[misc]
            assert self.cluster.stop(name, 20) == 0, self.cluster.log(name)
        for process in self.leaving:
            # A signal that comes before the program has its handlers ends it.
            assert process.wait(20) in (0, -signal.SIGTERM), process.returncode
        self.cluster.close()
        end = time.monotonic() + 5
        while left := [pid for pid in _marked(self.mark) if pid != os.getpid()]:
            assert time.monotonic() < end, f"processes are left: {left}"
            time.sleep(0.05)


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _marked(mark: str) -> list[int]:
    """The processes that have the mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes() and alive(int(path.parent.name)):
                found.append(int(path.parent.name))
    return found


def run(workflows: int, seed: int, folder: Path, show: bool = False) -> Counter[str]:
    """Run so many workflows; returns what happened. Raises AssertionError."""
    campaign = Campaign(folder, seed)
    try:
        for number in range(workflows):
            began = time.monotonic()
            campaign.workflow(seed * 1_000_000 + number)
            if show:
                print(f"{number + 1}: {time.monotonic() - began:.1f} s  {dict(campaign.counts)}", flush=True)
        campaign.close()
    finally:
        campaign.cluster.close()
        os.environ.pop(MARK, None)
    return campaign.counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.cluster_campaign")
    parser.add_argument("--workflows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="simpleflow-campaign-") as folder:
        try:
            counts = run(options.workflows, options.seed, Path(folder), show=True)
        except AssertionError as error:
            print(f"FAILED with --seed {options.seed}: {error}")
            return 1
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
