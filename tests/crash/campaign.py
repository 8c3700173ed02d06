"""Kill the process of a run at random instants, start it again, and compare the log of its activities with its history.

Run it by hand with ``python -m tests.crash.campaign --kills 500 --seed 1``. However often and whenever it kills:

- the run finishes in the end, with the right result;
- an activity whose completion is in the history when its process dies never begins again;
- a moment later no process of the dead run is alive: no worker, and no process that a worker has started;
- the journal is sound, and every history replays to the decisions that it holds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from simpleflow.core import codec
from simpleflow.core import events as e
from simpleflow.core.decider.decide import Decider
from simpleflow.core.decider.evaluation import Execution
from simpleflow.core.history import History
from simpleflow.core.service.record import record
from simpleflow.engines.sqlite.rows import unpack
from tests.crash import crash_workflow

ROOT = Path(__file__).parents[2]
CLASSES = {kind.name: kind for kind in (crash_workflow.CrashWorkflow, crash_workflow.CrashChild)}


@dataclass
class Tally:
    """The counts of a campaign."""

    runs: int = 0  # runs that finished
    kills: int = 0  # processes that were killed
    starts: int = 0  # starts of activities
    repeated: int = 0  # starts of activities that had started before; allowed, since no history held their completion
    decisions: int = 0  # decisions that were replayed


class Campaign:
    """Runs of the crash workflow, each in a new folder and killed again and again until one process reaches the end."""

    def __init__(self, folder: Path, seed: int, workers: int, size: int = 4) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.workers = workers
        self.size = size
        self.tally = Tally()

    def run(self, kills: int) -> Tally:
        """Start runs until this many processes were killed."""
        while self.tally.kills < kills:
            self.tally.runs += 1
            self._run_one(self.folder / str(self.tally.runs))
        return self.tally

    def _run_one(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        log, state = folder / "log", folder / "state"
        log.touch()
        completed: set[tuple[str, str]] = set()
        while True:
            seen = log.stat().st_size
            process = self._start(state, log)
            killed = self._kill_at_random(process, log)
            out, err = process.communicate()
            self._check_no_process_is_left(log)
            lines = log.read_bytes()[seen:].decode().splitlines()
            begun = [(run_id, id) for word, _, run_id, id in map(str.split, filter(_whole, lines)) if word == "start"]
            again = completed.intersection(begun)
            assert not again, f"completed before, and begun again: {again}"
            histories = read(state)
            completed = {(run_id, id) for (_, run_id), events in histories.items() for id in completions(events)}
            if not killed:
                assert process.returncode == 0, err.decode()
                assert json.loads(out) == crash_workflow.expected(self.size)
                break
            assert process.returncode == -9, (process.returncode, err.decode())
        starts = [tuple(line.split()[2:]) for line in log.read_text().splitlines() if line.startswith("start")]
        self.tally.starts += len(starts)
        self.tally.repeated += len(starts) - len(set(starts))
        for (workflow_id, run_id), events in histories.items():
            execution = Execution(workflow_id, run_id, None, f"state://{state}")
            self.tally.decisions += replay(execution, events)

    def _start(self, state: Path, log: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.crash.crash_workflow", str(state), str(self.workers), str(self.size)]
        environment = {**os.environ, crash_workflow.LOG: str(log)}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=-1, stderr=-1, stdin=subprocess.DEVNULL)

    def _kill_at_random(self, process: subprocess.Popen[bytes], log: Path) -> bool:
        """Kill the process some time after it has begun, or never; True if it was killed before its end."""
        choice = self.random.random()
        if choice < 0.1:
            process.wait()
            return False
        if choice < 0.3:  # often while it starts or takes over the run
            time.sleep(self.random.uniform(0.1, 0.4))
        else:
            lines = self.random.randint(1, 12)
            before = log.read_bytes().count(b"\n")
            while process.poll() is None and log.read_bytes().count(b"\n") < before + lines:
                time.sleep(0.0005)
            time.sleep(self.random.uniform(0, 0.005))
        process.kill()
        killed = process.wait() != 0
        self.tally.kills += killed
        return killed

    def _check_no_process_is_left(self, log: Path) -> None:
        deadline = time.monotonic() + 3
        while left := descendants(f"{crash_workflow.LOG}={log}"):
            assert time.monotonic() < deadline, f"processes that outlived the process of the run: {left}"
            time.sleep(0.001)


def _whole(line: str) -> bool:
    """True for a line that names a start or an end, and that was written to its end."""
    return len(line.split()) == 4


def descendants(variable: str) -> list[int]:
    """Living processes that inherited this environment variable; empty on a system without /proc."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (each / "environ").read_bytes() and int(each.name) != os.getpid():
                found.append(int(each.name))
        except OSError:
            pass
    return found


def read(state: Path) -> dict[tuple[str, str], list[e.Event]]:
    """The histories in a state folder by (workflow id, run id), read with sqlite3 alone; the journal must be sound."""
    file = state / "history.sqlite"
    if not file.exists():
        return {}
    db = sqlite3.connect(file)
    try:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
        if not db.execute("select 1 from sqlite_master where name = 'events'").fetchone():
            return {}
        rows = db.execute(
            "select workflow_id, run_id, event from events join runs on number = run order by number, id"
        ).fetchall()
    finally:
        db.close()
    histories: dict[tuple[str, str], list[e.Event]] = {}
    for workflow_id, run_id, text in rows:
        histories.setdefault((workflow_id, run_id), []).append(codec.decode_event(unpack(text)))
    return histories


def completions(events: list[e.Event]) -> set[str]:
    """Ids of the activities that are completed in the history."""
    return {record.id for record in History(events).activities.values() if record.state == "completed"}


def replay(execution: Execution, events: list[e.Event]) -> int:
    """Replay a history from its first event: the decisions must be those it holds. Returns the number of decisions."""
    started = events[0].attributes
    assert isinstance(started, e.WorkflowExecutionStarted)
    decider = Decider(CLASSES[started.workflow_type.name], execution)
    history = History()
    decisions = 0
    answered: list[e.Event] = []
    for event in events:
        if isinstance(event.attributes, e.DecisionTaskCompleted):
            decider.advance(events[len(decider.history.events) : event.attributes.started_event_id])
            context = event.attributes.execution_context
            answered = list(record(history, decider.answer().decisions, event.time, context))
            decisions += 1
        if answered:
            wanted = answered.pop(0).attributes
            assert wanted == event.attributes, f"decided {wanted}, the history holds {event}"
        history.apply(event)
    assert not answered
    decider.discard()
    return decisions


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.crash.campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="processes to kill: half with 2 workers, half without")
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants (default 0)")
    arguments = parser.parse_args()
    for workers in (2, 0):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            tally = Campaign(Path(folder), arguments.seed, workers).run((arguments.kills + 1) // 2)
            print(f"{workers or 'no'} workers: {tally}, {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
