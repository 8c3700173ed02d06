"""What activities print in worker processes: kept in a log for each attempt, and shown with the step in front."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simpleflow import Workflow
from simpleflow.local import Executor
from simpleflow.state_folder import logs
from simpleflow.state_folder.bounded import BoundedFile
from simpleflow.step import activity_steps
from simpleflow.worker.output_lines import OutputLines

PROGRAM = """
import ctypes, faulthandler, logging, os, resource, signal, subprocess, sys, time
from pathlib import Path
from simpleflow import Workflow, activity, futures
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin

OWNER = os.getpid()

def talk():
    print("to out")
    print("to err", file=sys.stderr)
    logging.getLogger("talk").warning("to the log")
    subprocess.run(["sh", "-c", "echo from a program; echo its error >&2"])
    os.write(1, b"\\x1b[2J\\xff raw")

@activity.with_attributes(retry=1)
def do(code):
    exec(code, globals())

class Flow(Workflow, WorkflowStepMixin):
    name = "flow"

    def run(self, *codes):
        wait = [self.submit(self.step(f"s{number}", (do, code))) for number, code in enumerate(codes)]
        futures.wait(*wait)

Flow.__module__ = do.__module__ = "program"
if __name__ == "__main__":
    Executor(Flow, state="state", nb_workers=1, output=sys.argv[1]).run(sys.argv[2:])
"""


class Runs:
    """Runs of a workflow of steps ``s0``, ``s1``, ..., each of which executes a piece of code with one worker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        (folder / "program.py").write_text(PROGRAM)

    def run(self, *codes: str, output: str = "all", **environment: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "program.py", output, *codes]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, env={**os.environ, **environment}, timeout=60
        )

    @property
    def kept(self) -> dict[str, bytes]:
        """The content of each log, by step and attempt."""
        return {
            f"{activity_steps.step_of(log.activity_id)}.{log.attempt}": Path(log.path).read_bytes()
            for folder in self.state.glob("logs/*")
            for log in logs.logs_of(self.state, folder.name)
        }


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


PRINTED = b"to out\nto err\nto the log\nfrom a program\nits error\n\x1b[2J\xff raw"


def test_all_that_an_attempt_prints_is_kept_and_shown_with_its_step(runs: Runs) -> None:
    fails_first = "talk(); Path('x').exists() or Path('x').touch() or 1 / 0"
    done = runs.run(fails_first, "1", "talk(); print(' end')")
    assert done.returncode == 0, done.stderr
    assert runs.kept == {"s0.1": PRINTED, "s0.2": PRINTED, "s2.1": PRINTED + b" end\n"}
    assert done.stdout == b""
    lines = [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in done.stderr.decode().splitlines()]
    shown = ["to out", "to err", "to the log", "from a program", "its error", "\\x1b[2J\ufffd raw"]
    for line in shown[:-1]:
        assert lines.count(f"s0 | {line}") == 2
        assert lines.count(f"s2 | {line}") == 1
    assert f"s2 | {shown[-1]} end" in lines
    for path in runs.state.glob("logs/**/*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_nothing_is_made_for_activities_that_print_nothing(runs: Runs) -> None:
    assert runs.run("1", "2").returncode == 0
    assert not (runs.state / "logs").exists()


def test_output_that_is_not_shown_is_kept(runs: Runs) -> None:
    done = runs.run("print('here')", output="none")
    assert (done.stdout, done.stderr, runs.kept) == (b"", b"", {"s0.1": b"here\n"})


def test_output_is_left_alone_if_its_size_may_be_nothing(runs: Runs) -> None:
    done = runs.run("print('here')", SIMPLEFLOW_LOG_BYTES="0")
    assert (done.stdout, done.stderr, runs.kept) == (b"here\n", b"", {})


@pytest.mark.parametrize(
    "death", ["os._exit(3)", "os.kill(os.getpid(), 9)", "faulthandler.enable(); ctypes.string_at(0)"]
)
def test_what_a_worker_printed_before_it_died_is_kept(runs: Runs, death: str) -> None:
    runs.run(f"os.write(1, b'last words\\n'); {death}")
    kept = runs.kept
    assert sorted(kept) == ["s0.1", "s0.2"]
    for text in kept.values():
        assert text.startswith(b"last words\n")
        assert (b"Segmentation fault" in text) is ("string_at" in death)


def test_a_resumed_run_keeps_the_logs_of_earlier_attempts(runs: Runs) -> None:
    code = "print('in', OWNER, flush=True); Path('second').exists() or (Path('second').touch(), os.kill(OWNER, 9), "
    code += "time.sleep(20))"
    assert runs.run(code).returncode == -signal.SIGKILL
    assert runs.run(code).returncode == 0
    assert sorted(runs.kept) == ["s0.1", "s0.2"]
    assert len(set(runs.kept.values())) == 2


def test_a_log_is_bounded(runs: Runs) -> None:
    code = "subprocess.run(['seq', '200000']); print('the end')"
    assert runs.run(code, output="none", SIMPLEFLOW_LOG_BYTES="10000").returncode == 0
    text = runs.kept["s0.1"]
    assert 7_000 < len(text) <= 10_000
    assert text.startswith(b"1\n2\n3\n")
    assert text.endswith(b"\n199999\n200000\nthe end\n")
    assert re.search(rb"\n\[simpleflow: \d{7} bytes are missing here\]\n", text)


@pytest.mark.parametrize("room", [0, 3])
def test_an_activity_does_not_notice_that_its_output_cannot_be_kept(runs: Runs, room: int) -> None:
    """A limit of file sizes is an error of writing to a file, as a full disk is."""
    no_room = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, resource.RLIM_INFINITY))"
    done = runs.run(f"{no_room}; talk(); subprocess.run('seq 100000', shell=True, check=True)", "print('later')")
    assert done.returncode == 0, done.stderr[-1000:]
    assert runs.kept["s0.1"] == b"to out\n"[:room]
    assert b"the output of activity activity-program.do-step.s0.-1 is not kept: File too large: " in done.stderr
    assert b"s0 | 100000\n" in done.stderr


def test_a_folder_for_logs_that_cannot_be_made_fails_no_activity(runs: Runs) -> None:
    runs.state.mkdir()
    (runs.state / "logs").touch()
    done = runs.run("talk()")
    assert done.returncode == 0
    assert b" is not kept: Not a directory: " in done.stderr


def test_c_code_that_keeps_the_interpreter_lock_and_prints_is_not_held_up(runs: Runs) -> None:
    code = "for each in range(10): ctypes.PyDLL(None).write(1, b'x' * 9_999 + b'\\n', 10_000)"
    assert runs.run(f"print('begins')\n{code}\nprint('ends')", output="none").returncode == 0
    ((name, text),) = runs.kept.items()
    assert name == "s0.1"
    assert sorted(text.splitlines()) == [b"begins", b"ends", *[b"x" * 9_999] * 10]


def test_processes_that_an_activity_forks_print_into_its_log(runs: Runs) -> None:
    code = "\npid = os.fork()\nif pid == 0: print('a child', flush=True); os._exit(0)\nos.waitpid(pid, 0)"
    assert runs.run(code, "print('next')", output="none").returncode == 0
    # Python 3.12 and later would also warn of a fork with several threads.
    assert runs.kept == {"s0.1": b"a child\n", "s1.1": b"next\n"}


def test_closed_standard_streams(runs: Runs) -> None:
    assert runs.run("os.close(1); os.close(2)", "1").returncode == 0


class Silent(Workflow):
    name = "silent"

    def run(self) -> None:
        print("from run()")


def test_without_workers_output_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Executor(Silent, state=tmp_path).run()
    assert capfd.readouterr().out == "from run()\n"
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    "id", ["a", ".", "..", "", "a/../b", "a\0b\n\x1b[2J", "é" * 256, "x" * 256, "A.1", "-", "\ud800", "%41", "a b"]
)
def test_ids_become_names_of_files(tmp_path: Path, id: str) -> None:
    for attempt in (1, 2):
        descriptor, size = logs.open_log(str(tmp_path), id, id, 1, time.time() + 60)
        assert size == 0
        os.write(descriptor, b"text\n")
        os.close(descriptor)
        found = logs.logs_of(tmp_path, id, id)
        assert [each.attempt for each in found] == list(range(1, attempt + 1))
    assert [path.parent.parent for path in tmp_path.glob("*/*/*")] == [tmp_path / "logs"] * 2
    assert logs.last_lines(tmp_path, id, ["other", id]) == ["text"]
    assert logs.logs_of(tmp_path, id, "other") == []
    if len(id.encode(errors="replace")) < 100 and id not in ("", "\ud800"):
        assert found[0].activity_id == id


def test_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(30_000)))
    assert logs.tail(str(path), 2) == ["line 29998", "line 29999"]
    path.write_bytes(b"one\r\n10 %\r20 %\r30 %\n\x1b]0;title\x07\xff\ttab\nunfinished\n\n \n")
    assert logs.tail(str(path)) == ["one", "30 %", "\\x1b]0;title\\x07\ufffd     tab", "unfinished"]
    assert logs.tail(str(tmp_path / "none")) == []
    assert logs.last_lines(tmp_path, "run", "id") == []


@pytest.mark.parametrize("limit", [0, 1, 50, 1_000, 100_000])
@pytest.mark.parametrize("chunk", [1, 7, 5_000, 65_536])
def test_a_bounded_file_keeps_the_beginning_and_the_end(tmp_path: Path, limit: int, chunk: int) -> None:
    descriptor = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    file = BoundedFile(descriptor, 0, limit)
    text = b"".join(b"line %d\n" % number for number in range(limit // 4 if chunk > 7 else 1_000))
    for start in range(0, len(text), chunk):
        file.write(text[start : start + chunk])
        assert os.fstat(descriptor).st_size <= max(limit, 3 * limit // 4 + 50)
    file.close()
    kept = (tmp_path / "log").read_bytes()
    found = re.fullmatch(rb"(.*)\[simpleflow: (\d+) bytes are missing here\]\n(.*)", kept, re.DOTALL)
    if found is None:
        assert kept == text
    else:
        assert text.startswith(found[1])
        assert text.endswith(found[3])
        assert len(found[1]) + int(found[2]) + len(found[3]) == len(text)


def test_lines_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "terminal"
    lines = OutputLines(os.open(path, os.O_WRONLY | os.O_CREAT), stamps=False, encoding="utf-8")
    lines.begin("a")
    lines.write(b"one\ntw")
    lines.write(b"o\n10 %\r20 %\rquestion? ")
    assert path.read_text() == "a | one\na | two\n"
    lines.end_old_line()
    assert path.read_text() == "a | one\na | two\n"
    lines.end_old_line()
    lines.write(b"answer")
    lines.begin("b")
    lines.write(b"\xc3\xa9\n" + b"x" * 70_000)
    lines.note("a note")
    assert path.read_text().splitlines()[2:] == [
        "a | question? ", "a | answer", "b | é", "b | " + "x" * 70_000, "a note"
    ]  # fmt: skip
    lines.close()


@pytest.mark.parametrize(
    ("id", "step"),
    [
        ("activity-flow.do-step.load.-1", "load"),
        ("activity-flow.do-step.a.b%3A c%2Fé.-1", "a.b: c/é"),
        ("activity-flow.do-step.grp..g1.0-1", "grp"),
        ("activity-flow.do-step.load~2.-1", "load"),
        ("activity-flow.do-step.outer..g1.0.step.inner.-3", "inner"),
        ("activity-simpleflow.step.tasks.GetStepsDoneTask-steps-1", None),
        ("activity-flow.do-g1.1-1", None),
        ("activity-flow.do-0cc175b9c0f1b6a831c399e269772661", None),
    ],
)
def test_the_step_of_an_activity(id: str, step: str | None) -> None:
    assert activity_steps.step_of(id) == step
