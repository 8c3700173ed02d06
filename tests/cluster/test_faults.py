"""Workers, the scheduler and the driver die; workers come, leave and differ. It is told, and nothing is done twice."""

from __future__ import annotations

import importlib
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pytest

from simpleflow import values
from simpleflow.cluster import code, connection, missing, slots
from simpleflow.cluster.batch import Batch
from simpleflow.cluster.target import Cluster
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import ClusterError
from simpleflow.local import Executor
from tests.cluster import dask_processes, flows
from tests.pauses import wait_for
from tests.processes import alive
from tests.servers import free_ports
from tests.worker import programs
from tests.worker.programs import lines


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dask_processes.Cluster]:
    """A scheduler without workers, for this test alone."""
    with dask_processes.cluster(tmp_path_factory.mktemp("dask")) as found:
        yield found


class Run:
    """A run in a thread."""

    def __init__(self, workflow: Any, folder: Path, workers: str | Cluster, *args: Any) -> None:
        self.told: list[str] = []
        self.executor = Executor(workflow, state=folder / "state", workers=workers, on_wait=self.told.append)
        self.result: Any = None
        self.thread = threading.Thread(target=self._run, args=(list(args),))
        self.thread.start()

    def _run(self, args: list[Any]) -> None:
        try:
            self.result = self.executor.run(args)
        except Exception as error:
            self.result = error

    def end(self, seconds: float = 40) -> Any:
        self.thread.join(seconds)
        assert not self.thread.is_alive(), self.told
        return self.result

    def events(self, kind: str) -> list[Any]:
        key = f"{kind[0].lower()}{kind[1:]}EventAttributes"
        return [event[key] for event in self.executor.history if event["eventType"] == kind]


def begun(folder: Path) -> list[int]:
    """The processes of all activities that have begun so far, and those that they have started."""
    return [int(pid) for line in lines(folder / "begun") for pid in line.split()[1:]]


def all_end(pids: list[int]) -> None:
    wait_for(lambda: not any(map(alive, pids)), "the end of all activities", 5)


def test_a_worker_and_the_scheduler_are_killed(own: dask_processes.Cluster, tmp_path: Path) -> None:
    """One cluster, since it takes seconds to start: a worker dies, another one joins late, the scheduler dies."""
    first = own.join("first", "--task-lists", "default=2")
    own.wait_for_workers(1)
    run = Run(flows.Waits, tmp_path, own.address, str(tmp_path), "a", "b")
    wait_for(lambda: len(lines(tmp_path / "begun")) == 2, "both activities")
    before = begun(tmp_path)

    dask_processes.kill(first)
    all_end(before)
    own.join("second", "--task-lists", "default=2")
    wait_for(lambda: len(lines(tmp_path / "begun")) == 4, "both activities on the worker that joined late")

    before = begun(tmp_path)
    dask_processes.kill(own.scheduler)
    wait_for(lambda: run.told, "a line about the scheduler", 5)
    all_end(before)
    own.start_scheduler()
    wait_for(lambda: len(lines(tmp_path / "begun")) == 6, "both activities after the scheduler came back")
    assert [text.partition("; ")[0] for text in run.told] == [
        f"the scheduler {own.address} is lost",
        f"the scheduler {own.address} is there again",
    ]
    (tmp_path / "go").touch()
    assert run.end() == ["a", "b"]
    reasons = [each["reason"] for each in run.events("ActivityTaskFailed")]
    assert len(reasons) == 2
    assert all(reason.startswith("WorkerDied: worker tcp://127.0.0.1:") for reason in reasons)
    assert sorted(lines(tmp_path / "ended")) == ["a", "b"]
    assert own.stop("second") == 0
    all_end(begun(tmp_path))


DRIVER = """
import sys
from simpleflow.local import Executor
from tests.cluster import flows
print(Executor(flows.Steps, state="state", workers=sys.argv[1]).run([sys.argv[2]]), flush=True)
"""


def test_the_driver_is_killed_and_started_again(shared: dask_processes.Cluster, tmp_path: Path) -> None:
    first = programs.begin(DRIVER, shared.address, str(tmp_path), folder=tmp_path)
    wait_for(lambda: begun(tmp_path), "the last step")
    programs.kill(first)
    first.communicate()
    all_end(begun(tmp_path))
    second = programs.begin(DRIVER, shared.address, str(tmp_path), folder=tmp_path)
    wait_for(lambda: len(lines(tmp_path / "begun")) == 2, "the last step again")
    (tmp_path / "go").touch()
    code, out, err = programs.finish(second)
    assert (code, out) == (0, "last\n"), err
    assert sorted(lines(tmp_path / "ended")) == ["last", "s0", "s1", "s2"]


def test_task_lists_without_workers_and_a_scheduler_that_does_not_come_back(
    own: dask_processes.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "SECONDS", 0.3)
    run = Run(flows.Only, tmp_path / "one", own.address, str(tmp_path))
    wait_for(lambda: run.told == [missing_line("only", own)], "a line about the task list")
    own.join("first", "--task-lists", "only=1")
    wait_for(lambda: len(lines(tmp_path / "begun")) == 1, "the activity")
    assert run.told[1:] == ["a worker for task list 'only' has joined"]
    first = own.workers.pop("first")
    first.terminate()
    time.sleep(0.3)
    assert first.poll() is None  # it finishes what is under way
    (tmp_path / "go").touch()
    assert first.wait(10) == 0
    wait_for(lambda: run.told[2:] == [missing_line("only", own)], "a line about the second activity")
    own.join("second", "--task-lists", "only=1")
    assert run.end() == ["a", "b"]
    assert not run.events("ActivityTaskFailed")

    run = Run(flows.Short, tmp_path / "two", Cluster(own.address, reconnect_for=0.5), str(tmp_path))
    wait_for(lambda: run.told, "a line about the task list")
    dask_processes.kill(own.scheduler)
    found = run.end()
    assert isinstance(found, ClusterError)
    assert str(found) == (
        f"the scheduler {own.address} was lost, and did not come back within 0.5 s; the run stays open and goes on "
        "when the same command is run again"
    )
    begins: list[str] = []
    state = tmp_path / "two/state"
    again = Executor(flows.Short, state=state, on_begin=lambda beginning: begins.append(beginning.kind))
    assert (again.run([str(tmp_path)]), begins) == ("x", ["resumed"])


def missing_line(task_list: str, cluster: dask_processes.Cluster) -> str:
    return (
        f"no worker performs task list {task_list!r}: its activities wait for one; start one with: "
        f"simpleflow worker.join {cluster.address} --task-lists {task_list}=1"
    )


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.3)
    (port,) = free_ports(1)
    with pytest.raises(ClusterError, match=f"no Dask scheduler answers at tcp://127.0.0.1:{port}: .*; start one with"):
        Executor(flows.Gpu, workers=f"tcp://127.0.0.1:{port}").run()


def test_other_code_is_refused(shared: dask_processes.Cluster, tmp_path: Path) -> None:
    other = tmp_path / "flows.py"
    other.write_text(Path(flows.__file__).read_text() + "# edited\n")
    with pytest.raises(ClusterError, match=r"worker tcp://\S+ cannot be used: its copy of flows\.py differs from the"):
        Executor(flows.Gpu, workers=Cluster(shared.address, upload=(str(package(tmp_path, other)),))).run()


def test_uploaded_code_is_used(shared: dask_processes.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/sent_flow.py").write_text(SENT)
    (tmp_path / "sent_more.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path / "here")
    workflow = importlib.import_module("sent_flow").Sent
    cluster = Cluster(shared.address, upload=(str(tmp_path / "sent_more.py"),))
    assert Executor(workflow, workers=cluster).run() == 42


SENT = """
from simpleflow import Workflow, activity

@activity.with_attributes(raises_on_failure=True)
def answer():
    from sent_more import ANSWER
    return ANSWER

class Sent(Workflow):
    def run(self):
        return self.submit(answer).result
"""


def package(folder: Path, module: Path) -> Path:
    """An archive with the module in the place of ``tests.cluster.flows``."""
    path = folder / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("tests/__init__.py", "tests/cluster/__init__.py"):
            archive.writestr(name, "")
        archive.write(module, "tests/cluster/flows.py")
    return path


def test_output_comes_back(
    shared: dask_processes.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_LOG_BYTES", "20000")
    executor = Executor(flows.Loud, state=tmp_path, workers=shared.address)
    executor.run([5000])
    (log,) = (tmp_path / "logs" / str(executor.run_id)).iterdir()
    text = log.read_text()
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("\nline 4998\nline 4999\n")
    assert "bytes are missing here]" in text
    assert log.stat().st_size <= 21_000
    assert "line 17\n" in capfd.readouterr().err


def test_a_batch_is_performed_once_and_in_its_process_alone(shared: dask_processes.Cluster, tmp_path: Path) -> None:
    """What Dask may do: begin a task again, also in another process."""
    found: list[Any] = []
    described = code.of_workflow(flows.Gpu, (), (), ())
    text = json.dumps(described)
    input_text = values.encode({"args": [str(tmp_path), "x"], "kwargs": {}}, "input")
    with distributed.Client(shared.address, set_as_default=False) as client:
        client.subscribe_topic("test", lambda event: found.extend(each[:2] for each in event[1]["events"]))
        (address,) = [at for at, each in client.scheduler_info()["workers"].items() if each["name"] == "two"]
        process = client.run(slots.hello, "test", text, workers=[address])[address][0]
        for number, named in enumerate([process, process, "another"]):
            id = "once" if named == process else "other"
            task = ActivityTask("token", "w", "r", "a", "tests.cluster.flows.short", "1", input_text, "default", None)
            batch = Batch(id, "test", named, (task,), 0)
            client.submit(slots.perform, batch.to_text(), key=f"try-{number}", workers=[address], pure=False).result()
        wait_for(lambda: len([each for each in found if each[0] == "closed"]) == 3, "three ends")
    kinds = [kind for kind, _ in found if kind != "closed"]
    assert kinds == ["begun", "ended", "returned", "returned"]
    assert lines(tmp_path / "ended") == ["x"]


def test_runs_that_share_workers_and_a_worker_that_dask_retires(own: dask_processes.Cluster, tmp_path: Path) -> None:
    """Two runs share a worker, and each believes that its slot is free. The second one goes to a worker that is."""
    own.join("first", "--task-lists", "default=1")
    own.wait_for_workers(1)
    first = Run(flows.Waits, tmp_path / "one", own.address, str(tmp_path), "a")
    wait_for(lambda: len(lines(tmp_path / "begun")) == 1, "the activity of the first run")
    second = Run(flows.Short, tmp_path / "two", own.address, str(tmp_path))
    wait_for(lambda: second.executor.run_id, "the second run")
    own.join("second", "--task-lists", "default=1")
    assert second.end() == "x"
    assert lines(tmp_path / "ended") == ["x"]

    before = begun(tmp_path)
    with distributed.Client(own.address, set_as_default=False) as client:
        client.retire_workers([address for address, keys in client.processing().items() if keys])
    wait_for(lambda: len(lines(tmp_path / "begun")) == 2, "the activity on the other worker")
    all_end(before)
    (tmp_path / "go").touch()
    assert first.end() == ["a"]
