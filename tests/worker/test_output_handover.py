"""Logs of short activities are made by the process that has time for it: none is lost, whoever dies."""

from __future__ import annotations

import mmap
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.engines.base import ActivityTask
from simpleflow.state_folder import logs
from simpleflow.worker.output_handover import Handover, Printed


class Text(str):
    __slots__ = ()


def task_of(activity_id: str = "activity") -> ActivityTask:
    return ActivityTask("token", "id", "run", activity_id, "name", "1", None, "list", None)


def kept(state: Path) -> dict[str, bytes]:
    """The content of each log, by activity and attempt."""
    return {
        f"{log.activity_id}.{log.attempt}": Path(log.path).read_bytes()
        for folder in state.glob("logs/*")
        for log in logs.logs_of(state, folder.name)
    }


@pytest.fixture
def handover() -> Iterator[Handover]:
    made = Handover(mmap.mmap(-1, mmap.PAGESIZE), 3)
    yield made
    made.close()


def test_a_text_is_taken_once(handover: Handover) -> None:
    ids = ("a", "é\n", "\ud800")
    before = handover.has_texts
    assert [handover.put(task_of(id), 1.5, b"text\xff") for id in ids] == [True] * 3
    between = handover.has_texts
    assert list(handover.take()) == [Printed("run", id, 1, 1.5, b"text\xff") for id in ids]
    assert (before, between, handover.has_texts) == (False, True, False)
    assert list(handover.take()) == []


def test_one_that_dies_takes_a_single_text_with_it(handover: Handover) -> None:
    for id in ("a", "b", "c"):
        handover.put(task_of(id), 1.5, b"text")
    assert next(handover.take()).activity_id == "a"
    assert [each.activity_id for each in handover.take()] == ["b", "c"]


def test_texts_that_do_not_fit_are_refused(handover: Handover) -> None:
    task, text = task_of(), b"x" * 3_900
    assert not handover.put(task, 1.5, b"x" * 4_096)
    assert not handover.put(task_of(Text("activity")), 1.5, text)
    assert not handover.has_texts
    count = sum(handover.put(task, 1.5, text) for _ in range(100))
    assert 10 < count < 20
    assert list(handover.take()) == [Printed("run", "activity", 1, 1.5, text)] * count


BOTH = r"""
import os, signal, sys, time
from pathlib import Path
from simpleflow.engines.base import ActivityTask
from simpleflow.state_folder import logs
from simpleflow.worker.output import OutputTarget
from simpleflow.worker.output_pipe import OutputPipe

def task_of(activity_id):
    return ActivityTask("token", "id", "run", activity_id, "name", "1", None, "list", None)

def kept():
    return [(each.activity_id, Path(each.path).read_bytes()) for each in logs.logs_of(sys.argv[1], "run")]

pipe = OutputPipe(OutputTarget(sys.argv[1], 1_000, None))
goes_on, go_on = os.pipe()
stops, stop = os.pipe()
if (pid := os.fork()) == 0:
    output = pipe.redirect()
    output.begin(task_of("first"))
    os.write(1, b"printed\n")
    output.end(soon=True)
    output.keep()
    os.write(stop, b".")
    os.read(goes_on, 1)
    {worker}
    os._exit(0)
pipe.close_writer()
os.read(stops, 1)
assert kept() == [] and pipe.has_logs_to_make
{owner}
os.write(go_on, b".")
os.waitpid(pid, 0)
print(kept())
pipe.rescue(task_of("first"), time.monotonic())
print(kept())
pipe.close()
"""

FIRST = ("first", b"printed\n")
NEXT = ("next", b"later\n")
NEXT_PRINTS = "output.begin(task_of('next')); os.write(1, b'later\\n'); output.end(soon=True); output.keep()"


def both(state: Path, worker: str, owner: str) -> tuple[list[str], str]:
    """Let a worker and its owner go on after an activity has printed; returns what they print."""
    program = BOTH.replace("{worker}", worker).replace("{owner}", owner)
    ended = subprocess.run([sys.executable, "-c", program, str(state)], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines(), ended.stderr


@pytest.mark.parametrize(
    ("worker", "owner", "by_worker", "at_last"),
    [
        pytest.param("pass", "pass", [], [FIRST], id="neither"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", "pass", [], [FIRST], id="worker-is-killed"),
        pytest.param("output.make_logs()", "pass", [FIRST], [FIRST], id="worker-is-idle"),
        pytest.param("output.save()", "pass", [FIRST], [FIRST], id="owner-has-died"),
        pytest.param(NEXT_PRINTS, "pass", [FIRST, NEXT], [FIRST, NEXT], id="next-one-prints"),
        pytest.param(NEXT_PRINTS, "pipe.make_logs()", [FIRST], [FIRST, NEXT], id="owner-has-time"),
        pytest.param(
            "os.write(1, b'later\\n'); output.pump()",
            "pass",
            [("first", b"printed\nlater\n")],
            [("first", b"printed\nlater\n")],
            id="a-process-that-was-left-behind-prints",
        ),
    ],
)
def test_one_of_the_two_makes_the_log(
    tmp_path: Path, worker: str, owner: str, by_worker: list[object], at_last: list[object]
) -> None:
    assert both(tmp_path, worker, owner)[0] == [repr(by_worker), repr(at_last)]


def test_the_worker_tells_that_a_log_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    _, told = both(tmp_path, "output.make_logs()", "pipe.make_logs(); assert not pipe.has_logs_to_make")
    assert "the output of activity first is not kept: Not a directory: " in told


PROGRAM = """
import os, sys, time
from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor

OWNER, DIES = os.getpid(), len(sys.argv) > 1

@activity.with_attributes()
def work(number):
    print("line of", number)
    with open("done", "a") as done:
        done.write(f"{number}\\n")
    if DIES and number == 150:
        os.kill(OWNER, 9)
        time.sleep(20)

class Flow(Workflow):
    name = "flow"

    def run(self):
        futures.wait(*[self.submit(work, number) for number in range(200)])

Flow.__module__ = work.__module__ = "program"
if __name__ == "__main__":
    Executor(Flow, state="state", nb_workers=2, output="none").run()
"""


@pytest.mark.parametrize("dies", [False, True])
def test_each_of_many_short_activities_has_its_log(tmp_path: Path, dies: bool) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "program.py", *(["dies"] if dies else [])]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60)
    assert ended.returncode == (-signal.SIGKILL if dies else 0), ended.stderr
    state = tmp_path / "state"
    numbers = [int(line) for line in (tmp_path / "done").read_text().split()]  # one worker may be far behind the other
    assert len(numbers) > 70 if dies else sorted(numbers) == list(range(200))
    expected = {(f"activity-program.work-{number + 1}.1", b"line of %d\n" % number) for number in numbers}
    end = time.monotonic() + 5
    while len(missing := expected - (found := kept(state)).items()) > dies and dies and time.monotonic() < end:
        time.sleep(0.02)  # workers end after their owner
    assert len(missing) <= dies, missing  # the one that the owner was just making
    assert all(key.endswith(".1") for key in found)


LOOKS = """
import glob, time
from simpleflow import Workflow, activity
from simpleflow.local import Executor

@activity.with_attributes()
def work(number):
    end = time.monotonic() + 10
    while number and not glob.glob(f"state/logs/*/*work-{number}.1.log") and time.monotonic() < end:
        time.sleep(0.002)
    print("line of", number)
    return time.monotonic() < end

class Flow(Workflow):
    name = "flow"

    def run(self):
        return [self.submit(work, number).result for number in range(5)]

Flow.__module__ = work.__module__ = "program"
if __name__ == "__main__":
    print(Executor(Flow, state="state", nb_workers=1, output="none").run())
"""


def test_the_log_of_an_activity_is_there_while_the_next_one_is_under_way(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(LOOKS)
    ended = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert ended.stdout == "[True, True, True, True, True]\n", ended.stderr
