"""The recipe for Slurm in docs/cluster.md, on a real Slurm: Debian's munge, slurmctld and slurmd, on loopback.

    apt-get install slurmctld slurmd slurm-client munge
    python -m tests.cluster.slurm_recipe

The census runs on workers that ``sbatch`` starts with the script of the page. The daemons need root, and programs that
are not installed everywhere: without them this says so, and ends with exit code 77. Everything is below a temporary
folder, and has ended at the end.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.cluster import dask_processes
from tests.docs.pages import blocks
from tests.servers import free_ports, tied

SKIPPED = 77
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "sinfo")

CONFIGURATION = """
ClusterName=simpleflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""


def missing() -> str:
    """Why this cannot run here; an empty text if it can."""
    absent = [name for name in PROGRAMS if _path(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "the daemons of Slurm need root"


def _path(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def script() -> str:
    """The batch script of the page."""
    found = [block.text for block in blocks("docs/cluster.md") if block.text.startswith("#!/bin/sh\n#SBATCH")]
    assert len(found) == 1
    return found[0]


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A Slurm with one node; gives the environment of its commands."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    conf = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    conf.write_text(
        CONFIGURATION.format(host=host, folder=folder, ports=free_ports(2), cores=len(os.sched_getaffinity(0)))
    )
    environment = {**os.environ, "SLURM_CONF": str(conf), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    files = [f"--{kind}-file={folder}/munge.{kind}" for kind in ("key", "log", "pid", "seed")]
    commands = [
        ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files],
        ["slurmctld", "-D", "-c", "-f", str(conf)],
        ["slurmd", "-D", "-c", "-f", str(conf), "-N", host],
    ]
    with contextlib.ExitStack() as stack:
        for number, command in enumerate(commands):
            stack.enter_context(_started(command, environment, folder))
            if number == 0:
                _wait(lambda: (folder / "munge.socket").exists(), "munged", folder)
        _wait(lambda: "idle" in _out(["sinfo", "-h", "-o", "%T"], environment), "an idle node", folder)
        yield environment


@contextlib.contextmanager
def _started(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    path = _path(command[0])
    assert path is not None
    with open(folder / f"{command[0]}.out", "wb") as log:
        process = subprocess.Popen(
            [path, *command[1:]], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=tied
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _out(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def _wait(condition, what: str, folder: Path, seconds: float = 30) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            logs = "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in folder.glob("*.log"))
            raise SystemExit(f"waited in vain for {what}\n{logs}")
        time.sleep(0.1)


def main() -> int:
    why = missing()
    if why:
        print(f"SKIPPED, NOTHING WAS TESTED: {why}", file=sys.stderr)
        return SKIPPED
    root = dask_processes.ROOT
    with tempfile.TemporaryDirectory(prefix="simpleflow-slurm-") as name, slurm(Path(name)) as environment:
        folder = Path(name)
        beside = Path(sys.executable).parent
        environment |= {"PATH": f"{beside}:{environment['PATH']}", "PYTHONPATH": f"{root}/src"}
        for part in ("census.py", "census_lib"):
            (folder / part).symlink_to(root / "examples" / part)
        (folder / "workers.sbatch").write_text(script())
        loopback = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--no-dashboard"]
        scheduler = dask_processes.start(
            folder, "scheduler", "-m", "distributed.cli.dask_scheduler", *loopback, "--scheduler-file", "scheduler.json"
        )
        try:
            _wait((folder / "scheduler.json").exists, "the scheduler", folder)
            sizes = ["--nodes", "1", "--ntasks-per-node", "2", "--cpus-per-task", "1"]
            job = subprocess.run(
                ["sbatch", *sizes, "--chdir", name, "workers.sbatch"],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
            )
            print(job.stdout or job.stderr, end="")
            number = re.findall(r"\d+", job.stdout)[0]
            started = time.monotonic()
            command = ["workflow.start", "--local", "--workers", "scheduler.json", "census.py"]
            run = subprocess.run(
                [sys.executable, "-m", "simpleflow", *command],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
            )
            print(run.stderr.splitlines()[-1], run.stdout, sep="\n", end="")
            assert run.returncode == 0, run.stderr
            assert json.loads(run.stdout)["lines"] > 100_000
            print(f"the census took {time.monotonic() - started:.1f} s; job {number}:")
            print(_out(["squeue", "-o", "%i %T %j"], environment), end="")
            subprocess.run(["scancel", "--batch", "--signal=TERM", number], env=environment, check=True)
            subprocess.run(["scancel", number], env=environment, check=True)
            _wait(lambda: not _out(["squeue", "-h"], environment).strip(), "the end of the job", folder)
            print((folder / f"slurm-{number}.out").read_text(), end="")
        finally:
            dask_processes.kill(scheduler)
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
