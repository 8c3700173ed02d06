"""One run of everything against a real account of Amazon SWF: ``make smoke-aws``, or

    python -m tests.swf.smoke [--domain NAME] [--out FOLDER] [--only EXAMPLE,EXAMPLE]

It needs credentials and a region, in the ways that boto3 knows, with the rights in docs/swf-access.md and
``swf:RegisterDomain``. It makes the domain if it does not exist, and then

1. runs every example in ``standalone``, and compares its result;
2. kills a worker and a decider in the middle of a run, and starts others, which end it;
3. checks each history: the order of its events is the one that the local server gives, so that nothing is a surprise
   to the decider; and the code of today decides what was decided;
4. writes the histories into FOLDER, as recordings.

Marks are kept in a temporary folder. It is never run in CI. The exit code is 0 if all went well, 1 if something did
not, and 77 if it was not run, since there are no credentials.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simpleflow.core.codec import decode_history
from simpleflow.core.tolerant_history import TolerantHistory
from tests.examples.conftest import EXAMPLES
from tests.examples.test_examples import EXPECTED

NOT_RUN = 77
DOMAIN = "simpleflow-smoke"
OPTIONS: dict[str, list[str]] = {
    "activity_class:ActivityClass": ["--tags", "shop"],
    "middlewares:Middlewares": [
        *("--middleware-pre-execution", "middlewares.before"),
        *("--middleware-post-execution", "middlewares.after"),
    ],
    "priorities_and_tags:Priorities": ["--tags", "shop", "-W", "1"],
}
OF_WORKERS = {"activity_class:ActivityClass": ("tags: ['shop']", "tags: []")}  # a worker does not learn the tags

KILLED = """
import os, time
from pathlib import Path
from simpleflow import Workflow, activity

@activity.with_attributes(version="1", heartbeat_timeout=10, retry=3, raises_on_failure=True)
def work(number):
    with open("done", "a") as log:
        log.write(f"{number} {os.getpgid(0)}\\n")
    time.sleep(0.5)
    return number

class Killed(Workflow):
    name = "smoke.killed"
    version = "1"
    decision_tasks_timeout = 10

    def run(self):
        return sum(self.submit(work, number).result for number in range(6))
"""


class Smoke:
    """The checks, in a folder. ``failures``: a line of text for each that failed."""

    def __init__(self, folder: Path, out: Path, domain: str) -> None:
        self.failures: list[str] = []
        self._folder = folder
        self._out = out
        self._domain = domain
        self._environment = {
            **os.environ,
            "SWF_DOMAIN": domain,
            "SIMPLEFLOW_S3_HOST": str(folder),
            "STEP_BUCKET": "marks",
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }

    def domain(self) -> None:
        """Make the domain, unless it is there."""
        import boto3

        calls = boto3.client("swf")
        try:
            calls.register_domain(name=self._domain, workflowExecutionRetentionPeriodInDays="1")
            print(f"domain {self._domain}: made")
        except calls.exceptions.DomainAlreadyExistsFault:
            print(f"domain {self._domain}: there")

    def example(self, target: str) -> None:
        """Run an example, and compare its result."""
        module, _, name = target.partition(":")
        path = f"{EXAMPLES / module}.py:{name}"
        begun = time.monotonic()
        done = self._run("standalone", "-W", "2", *OPTIONS.get(target, ()), path)
        expected = json.dumps(EXPECTED[target][0])
        if target in OF_WORKERS:
            expected = expected.replace(*OF_WORKERS[target])
        good = done.returncode == 0 and json.loads(done.stdout) == json.loads(expected)
        self._say(target, good, begun, f"exit code {done.returncode}, {done.stdout[:300]}\n{done.stderr[-500:]}")
        started = re.search(r"workflow (\S+): started, run (\S+) in domain", done.stderr)
        if started is not None:
            self._record(module, started[1], started[2], path)

    def kill(self) -> None:
        """Kill a worker and a decider in the middle of a run."""
        (self._folder / "killed.py").write_text(KILLED)
        begun = time.monotonic()
        workflow_id = f"smoke-killed-{int(time.time())}"
        start = self._run("workflow.start", "killed.Killed", "--workflow-id", workflow_id)
        if start.returncode:
            self._say("kill", False, begun, start.stderr)
            return
        run_id = start.stdout.split()[1]
        crew = [self._begin("decider.start", "killed.Killed"), self._begin("worker.start")]
        try:
            log = self._folder / "done"
            _wait(lambda: log.exists() and len(log.read_text().splitlines()) >= 2, 120)
            for process in crew:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            os.killpg(int(log.read_text().split()[-1]), signal.SIGKILL)  # the process that performs the activity
            crew = [self._begin("decider.start", "killed.Killed"), self._begin("worker.start")]
            _wait(lambda: self._status(workflow_id, run_id) != "open", 300)
            ended = self._status(workflow_id, run_id)
            numbers = [int(line.split()[0]) for line in log.read_text().splitlines()]
            good = ended == "completed" and sorted(set(numbers)) == list(range(6)) and len(numbers) <= 8
            self._say("kill", good, begun, f"{ended}, activities that began: {numbers}")
        finally:
            for process in crew:
                process.terminate()
                process.wait(60)
        self._record("killed", workflow_id, run_id, "killed.Killed")

    def _record(self, name: str, workflow_id: str, run_id: str, target: str) -> None:
        """Write the history as a recording, and check it."""
        read = self._run("workflow.history", workflow_id, run_id, "--output", "raw")
        if read.returncode:
            self._say(f"{name}: its history", False, None, read.stderr)
            return
        path = self._out / f"{name}.json"
        path.write_text(read.stdout)
        history = TolerantHistory(decode_history(read.stdout.encode()))
        surprises = [f"event {each.event.id} ({each.event.type}): {each.text}" for each in history.surprises]
        self._say(f"{name}: the order of its events", not surprises, None, "; ".join(surprises))
        checked = self._run("history.check", str(path), target, "--workflow-id", workflow_id)
        self._say(f"{name}: its decisions", checked.returncode == 0, None, checked.stdout + checked.stderr)

    def _status(self, workflow_id: str, run_id: str) -> str:
        done = self._run("workflow.info", workflow_id, run_id, "--format", "json")
        found = re.search(r'"status": *"([a-z_]+)"', done.stdout)
        return found[1] if found is not None else "open"

    def _say(self, what: str, good: bool, begun: float | None, why: str) -> None:
        seconds = "" if begun is None else f" ({time.monotonic() - begun:.1f} s)"
        print(f"{'ok  ' if good else 'FAIL'} {what}{seconds}" + ("" if good else f": {why.strip()}"), flush=True)
        if not good:
            self.failures.append(what)

    def _run(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "simpleflow", *args]
        return subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=600, check=False
        )

    def _begin(self, *args: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "simpleflow", *args]
        return subprocess.Popen(command, cwd=self._folder, env=self._environment, start_new_session=True)


def _wait(is_over: Any, seconds: float) -> None:
    """Wait until something is over. Raises TimeoutError after so many seconds."""
    end = time.monotonic() + seconds
    while not is_over():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s in vain")
        time.sleep(0.3)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.swf.smoke", description="Run everything on Amazon SWF.")
    parser.add_argument("--domain", default=DOMAIN, help=f"default: {DOMAIN}")
    parser.add_argument("--out", type=Path, default=Path("build/recordings"), help="default: build/recordings")
    parser.add_argument("--only", help="examples, by the names of their files, separated by commas")
    options = parser.parse_args(arguments)
    import boto3
    import botocore.exceptions

    session = boto3.Session()
    if session.get_credentials() is None or session.region_name is None:
        print("smoke-aws was NOT RUN: there are no AWS credentials, or no region, here; nothing was checked")
        return NOT_RUN
    wanted = None if options.only is None else set(options.only.split(","))
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="simpleflow-smoke-"))
    try:
        smoke = Smoke(folder, options.out.resolve(), options.domain)
        try:
            smoke.domain()
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
            print(f"smoke-aws was NOT RUN: the domain {options.domain} cannot be made: {error}")
            return 1
        for target in sorted(EXPECTED):
            if wanted is None or target.partition(":")[0] in wanted:
                smoke.example(target)
        if wanted is None or "kill" in wanted:
            smoke.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"recordings: {options.out}")
    print(f"{len(smoke.failures)} failed: {', '.join(smoke.failures)}" if smoke.failures else "all went well")
    return 1 if smoke.failures else 0


if __name__ == "__main__":
    sys.exit(main())
