"""Activities on a Dask cluster on loopback, beside what Dask needs for the same functions.

    python -m bench.cluster [ROUNDS]

A scheduler and two workers with one slot each are started, all on this machine, and used by both in turn. The time of a
run is that from the first to the last event of its history. The ideal for activities of so much CPU time is what plain
processes, one a worker, take for the same work in the same round, since other machines may use these cores, too. The
exit code is 1 if a target is missed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import cluster_flows as flows
from bench.measure import ROOT
from simpleflow.local import Executor

NUMBER = 1_000
BURNS = 8
SECONDS = 0.5
WORKERS = 2
MAP_LIMIT = 1.3
BURN_LIMIT = 1.1


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address of a scheduler with two workers."""
    file = folder / "scheduler.json"
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    }
    loopback = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--no-dashboard")
    commands: list[tuple[str, ...]] = [
        ("-m", "distributed.cli.dask_scheduler", *loopback, "--scheduler-file", str(file))
    ]
    commands += [("-m", "simpleflow", "worker.join", str(file), "--task-lists", "default=1")] * WORKERS
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            with open(folder / "log", "ab") as log:
                started.append(
                    subprocess.Popen([sys.executable, *command], env=environment, cwd=folder, stdout=log, stderr=log)
                )
            while not file.exists():
                time.sleep(0.05)
        yield json.loads(file.read_text())["address"]
    finally:
        for process in reversed(started):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            process.wait()


def run(workflow: Any, arguments: list[Any], **options: Any) -> float:
    """Return the seconds of a run, from its first event to its last one."""
    executor = Executor(workflow, **options)
    executor.run(arguments)
    times = [each["eventTimestamp"] for each in (executor.history[0], executor.history[-1])]
    return float(times[1]) - float(times[0])


def plain() -> float:
    """Return the seconds of the same burns in one plain process for each worker, without the processes' starts."""
    code = (
        "import sys, time; from bench.cluster_flows import burn; sys.stdin.readline(); began = time.monotonic()\n"
        f"for _ in range({BURNS // WORKERS}): burn({SECONDS})\n"
        "print(began, time.monotonic())"
    )
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(WORKERS)
    ]
    time.sleep(1)  # all have imported what they need
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    times = [[float(word) for word in process.communicate()[0].split()] for process in processes]
    return max(end for _, end in times) - min(began for began, _ in times)


def memory(workers: str | None) -> float:
    """Return the most memory in MiB of a process that drives a run of no-ops."""
    code = f"from bench.cluster import drive; drive({workers!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def drive(workers: str | None) -> None:
    """In a process of its own: drive a run, and print how much memory that took."""
    run(flows.Noops, [NUMBER], **({"nb_workers": WORKERS} if workers is None else {"workers": workers}))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def ratio_of(mine: list[float], theirs: list[float]) -> float:
    """Return the median of the ratios of each round."""
    return statistics.median(one / other for one, other in zip(mine, theirs, strict=True))


def main(rounds: int) -> int:
    import distributed

    dask: Any = distributed
    with tempfile.TemporaryDirectory(prefix="simpleflow-bench-") as folder, cluster(Path(folder)) as address:
        with dask.Client(address, set_as_default=False) as client:
            client.wait_for_workers(WORKERS, timeout=60)
            mapped, ran, burnt, burnt_here, ideals = [], [], [], [], []
            for number in range(rounds + 1):
                began = time.perf_counter()
                resources = {"default": 1}
                futures = client.map(flows.nothing, range(NUMBER), pure=False, resources=resources)
                assert sum(client.gather(futures)) == sum(range(NUMBER))
                seconds = time.perf_counter() - began
                del futures
                found = run(flows.Noops, [NUMBER], workers=address)
                if number:  # the first round warms up
                    mapped.append(seconds)
                    ran.append(found)
                    ideals.append(plain())
                    burnt.append(run(flows.Burns, [BURNS, SECONDS], workers=address))
                    burnt_here.append(run(flows.Burns, [BURNS, SECONDS], nb_workers=WORKERS))
        driver = [memory(None), memory(address)]
    dask_s, run_s, burn_s, ideal = map(statistics.median, (mapped, ran, burnt, ideals))
    ratio = ratio_of(ran, mapped)
    burn_ratio = ratio_of(burnt, ideals)
    here = statistics.median(run(flows.Noops, [NUMBER], nb_workers=WORKERS) for _ in range(rounds))
    print(f"{NUMBER} no-op activities, {WORKERS} workers on loopback, medians of {rounds} rounds")
    print(f"  client.map                 {dask_s:6.2f} s")
    print(f"  a run with workers there   {run_s:6.2f} s   {ratio:4.2f} x   target {MAP_LIMIT} x")
    print(f"  a run with workers here    {here:6.2f} s")
    print(f"{BURNS} activities of {SECONDS} s of CPU time")
    print(f"  plain processes (ideal)    {ideal:6.2f} s")
    print(f"  a run with workers there   {burn_s:6.2f} s   {burn_ratio:4.2f} x   target {BURN_LIMIT} x")
    print(
        f"  a run with workers here    {statistics.median(burnt_here):6.2f} s   {ratio_of(burnt_here, ideals):4.2f} x"
    )
    print(f"memory of the process of the run: workers here {driver[0]:.0f} MiB, there {driver[1]:.0f} MiB")
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"load of the machine in the last 1, 5 and 15 minutes: {load}")
    return int(ratio > MAP_LIMIT or burn_ratio > BURN_LIMIT)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
