"""Processes that are kept alive: replaced when they die, stopped, killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.pauses import wait_for
from tests.processes import alive
from tests.worker import programs

PROGRAM = """
import logging, os, signal, sys, time
from pathlib import Path
from simpleflow.worker.stopping import Stopping
from simpleflow.worker.supervisor import POINTLESS, Kind, Supervisor

logging.basicConfig(stream=sys.stderr, level=logging.INFO)
log = Path("log")

def note(text):
    with log.open("a") as file:
        file.write(f"{text} {os.getpid()}\\n")

def body(owner):
    stopping = Stopping(owner)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    note("begun")
    WORK
    note("ended")

supervisor = Supervisor()
supervisor.add(Kind("process", 2, body))
supervisor.run()
supervisor.close()
note(f"over signal={supervisor.signal} gave_up={supervisor.gave_up} killed={supervisor.killed}")
"""
UNTIL_STOPPED = "while not stopping.requested(): stopping.nap(60)"
DEAF = "time.sleep(60)"


class Team:
    """The program in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: Popen[str] | None = None

    def begin(self, work: str) -> Popen[str]:
        self.process = programs.begin(PROGRAM.replace("WORK", work), folder=self.folder)
        return self.process

    def noted(self, word: str) -> list[int]:
        lines = [line.split() for line in programs.lines(self.folder / "log")]
        return [int(line[-1]) for line in lines if line[0] == word]

    @property
    def last(self) -> str:
        return programs.lines(self.folder / "log")[-1].rpartition(" ")[0]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    found = Team(tmp_path)
    yield found
    if found.process is not None:
        programs.kill(found.process)
        found.process.communicate()
    for pid in found.noted("begun"):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_dead_process_is_replaced(team: Team) -> None:
    process = team.begin(UNTIL_STOPPED)
    wait_for(lambda: len(team.noted("begun")) == 2)
    first = team.noted("begun")[0]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: len(team.noted("begun")) == 3, "another one")
    process.terminate()
    code, _, err = programs.finish(process)
    assert code == 0
    assert (
        f"process (process {first}) ended by signal 9; another one begins in 0.5 s (if the machine ran out of memory, "
        in err
    )
    assert sorted(team.noted("ended")) == sorted(set(team.noted("begun")) - {first})


def test_processes_that_die_at_once_are_replaced_at_growing_intervals(team: Team) -> None:
    process = team.begin("os._exit(3)")
    wait_for(lambda: len(team.noted("begun")) >= 6)
    process.terminate()
    code, _, err = programs.finish(process)
    assert code == 0
    waits = [line.rpartition(" in ")[2] for line in err.splitlines() if "ended with exit code 3" in line]
    assert sorted(waits)[:4] == ["0.5 s", "0.5 s", "1.0 s", "1.0 s"]


def test_an_exception_of_a_process_is_logged(team: Team) -> None:
    process = team.begin("raise ValueError('what is this')")
    wait_for(lambda: len(team.noted("begun")) >= 3, "another one")
    process.terminate()
    _, _, err = programs.finish(process)
    assert "ValueError: what is this" in err
    assert "ended with exit code 1" in err


def test_processes_that_end_with_0_are_not_replaced(team: Team) -> None:
    process = team.begin("pass")
    assert programs.finish(process)[0] == 0
    assert len(team.noted("begun")) == len(team.noted("ended")) == 2
    assert team.last == "over signal=None gave_up=False killed=False"


def test_a_process_that_ends_with_pointless_stops_all(team: Team) -> None:
    work = f"sys.exit(POINTLESS) if int(os.environ.setdefault('N', '0')) else None; {UNTIL_STOPPED}"
    work = work.replace("int(os.environ.setdefault('N', '0'))", "len(log.read_text().splitlines()) == 2")
    process = team.begin("exec('''" + work.replace("; while", "\nwhile") + "''')")
    assert programs.finish(process)[0] == 0
    assert team.last == "over signal=None gave_up=True killed=False"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_and_the_second_kills(team: Team, number: int) -> None:
    process = team.begin(DEAF)
    wait_for(lambda: len(team.noted("begun")) == 2)
    process.send_signal(number)
    with pytest.raises(Exception, match="timed out"):
        process.wait(0.5)
    assert all(map(alive, team.noted("begun")))
    process.send_signal(number)
    assert programs.finish(process)[0] == 0
    assert not any(map(alive, team.noted("begun")))
    assert team.last == f"over signal={int(number)} gave_up=False killed=True"


def test_a_signal_that_is_sent_twice_is_one(team: Team) -> None:
    """``timeout`` sends its signal to the command and to the process group."""
    process = team.begin(UNTIL_STOPPED)
    wait_for(lambda: len(team.noted("begun")) == 2)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.02)
    assert programs.finish(process)[0] == 0
    assert len(team.noted("ended")) == 2
    assert team.last == "over signal=15 gave_up=False killed=False"


def test_ctrl_c_on_a_terminal_stops_once(team: Team) -> None:
    """A terminal sends SIGINT to the whole group: the processes must not get it a second time."""
    process = team.begin(UNTIL_STOPPED)
    wait_for(lambda: len(team.noted("begun")) == 2)
    os.killpg(process.pid, signal.SIGINT)
    assert programs.finish(process)[0] == 0
    assert len(team.noted("ended")) == 2
    assert team.last == "over signal=2 gave_up=False killed=False"


def test_processes_stop_when_their_supervisor_is_killed(team: Team) -> None:
    process = team.begin("while not stopping.requested(): stopping.nap(0.1)")
    wait_for(lambda: len(team.noted("begun")) == 2)
    process.kill()
    process.wait()
    wait_for(lambda: len(team.noted("ended")) == 2, "their ends")
