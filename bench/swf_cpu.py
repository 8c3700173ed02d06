"""CPU time of one activity over HTTP: of the server, the decider and the worker, each in processes of its own.

    python -m bench.swf_cpu [--activities 200] [--rounds 3]

A run has activities one after the other. The CPU time of all processes of a role is read before it and after it; the
least of the rounds is shown.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import ROOT

DOMAIN = "bench"
FLOW = """
from simpleflow import Workflow, activity

@activity.with_attributes(version="1", raises_on_failure=True)
def add_one(number):
    return number + 1

class Sequence(Workflow):
    name = "bench.sequence"
    version = "1"

    def run(self, count):
        total = 0
        for _ in range(count):
            total = self.submit(add_one, total).result
        return total
"""
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(group: int) -> float:
    """The CPU time of a process and of all below it, living and waited for."""
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        parents[pid] = int(fields[1])
        used[pid] = sum(map(int, fields[11:15])) / TICKS
    found, grown = {group}, True
    while grown:
        below = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(below)
        found |= below
    return sum(used.get(pid, 0.0) for pid in found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.swf_cpu", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--activities", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "flow.py").write_text(FLOW)
        _measure(folder, options.activities, options.rounds)
    return 0


def _measure(folder: str, count: int, rounds: int) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "SWF_DOMAIN": DOMAIN,
        "LOG_LEVEL": "WARNING",
    }

    def begin(*args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "simpleflow", *args]
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    server = begin("server", "--port", "0", "--domain", DOMAIN)
    assert server.stdout is not None
    environment["AWS_ENDPOINT_URL_SWF"] = url = server.stdout.readline().strip()
    roles = {"server": server, "decider": begin("decider.start", "flow.Sequence"), "worker": begin("worker.start")}
    try:
        import boto3

        client = boto3.client(
            "swf", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        best: dict[str, float] = {}
        for number in range(rounds + 1):
            before = {role: cpu_seconds(process.pid) for role, process in roles.items()}
            length = count if number else 5  # the first one warms up
            command = [sys.executable, "-m", "simpleflow", "workflow.start", "flow.Sequence", "-i", f"[{length}]"]
            started = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
            workflow_id, run_id = started.stdout.split()
            execution = {"workflowId": workflow_id, "runId": run_id}
            while (
                client.describe_workflow_execution(domain=DOMAIN, execution=execution)["executionInfo"][
                    "executionStatus"
                ]
                == "OPEN"
            ):
                time.sleep(0.5)
            for role, process in roles.items():
                used = (cpu_seconds(process.pid) - before[role]) * 1_000 / length
                if number:
                    best[role] = min(best.get(role, used), used)
        for role, used in best.items():
            print(f"{role:8} {used:5.2f} ms of CPU per activity")
        print(f"{'all':8} {sum(best.values()):5.2f} ms")
    finally:
        for process in roles.values():
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
