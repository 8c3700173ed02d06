"""Workers that die in unkind ways, and owners that do: nothing waits for them, and nothing of them is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow.worker.messages import pair
from tests.pauses import wait_for
from tests.processes import alive
from tests.worker.programs import begin, kill, lines
from tests.worker.test_pool import Shop, children

HELPER = "helper = os.fork()\nif helper == 0:\n    time.sleep(30); os._exit(0)\n"
PROGRAM = "found = [each for each in range(3, 64) if os.path.exists(f'/proc/self/fd/{each}')]\n"
PROGRAM += "helper = subprocess.Popen(['sleep', '30'], pass_fds=found).pid\n"
"""Processes that an activity has started, and that hold the pipes of its worker open."""
HALF = """
frame = sys._getframe()
while not hasattr(frame.f_locals.get("self"), "_channel"):
    frame = frame.f_back
os.write(frame.f_locals["self"]._channel._writer, (10**6).to_bytes(8) + b"half")
"""
DIES = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def shop() -> Iterator[Shop]:
    before = children()
    shop = Shop(2)
    yield shop
    shop.pool.close()
    assert children() == before


def told(path: Path) -> str:
    return f"open({str(path)!r}, 'w').write(str(helper))\n"


@pytest.mark.parametrize("half", ["", HALF], ids=["", "half a result"])
@pytest.mark.parametrize("helper", [HELPER, PROGRAM], ids=["forked", "other program"])
def test_a_death_is_noticed_although_a_helper_lives(shop: Shop, tmp_path: Path, helper: str, half: str) -> None:
    began = time.monotonic()
    failed = shop.do(helper + told(tmp_path / "pid") + half + DIES, heartbeat_timeout="NONE")
    assert failed.reason.startswith("WorkerDied: the worker process ended by signal 9")
    assert time.monotonic() - began < 2
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(pid), "the end of the helper")


def test_a_result_that_was_sent_whole_counts_although_its_worker_dies_then(shop: Shop) -> None:
    code = "import threading, os, time\nmain = threading.main_thread()\n"
    code += "threading.Timer(0.3, lambda: os.kill(os.getpid(), 9)).start()\nresult = 'whole'"
    token = shop.begin(code)
    time.sleep(0.6)
    assert shop.end(token).result == '"whole"'


def test_half_a_result_holds_up_nobody(shop: Shop) -> None:
    stuck = shop.begin(HALF + "time.sleep(60)", start_to_close_timeout="1")
    began = time.monotonic()
    assert shop.do("result = 1").result == "1"
    assert time.monotonic() - began < 0.9
    assert shop.end(stuck).timeout_type == "START_TO_CLOSE"


def test_a_worker_that_reads_nothing_does_not_hold_up_its_owner(shop: Shop) -> None:
    shop.do("result = 1")
    worker = shop.pool._workers[0].pid
    os.kill(worker, signal.SIGSTOP)
    began = time.monotonic()
    stuck = shop.begin("result = 2 #" + "x" * 1_000_000, start_to_close_timeout="1")
    assert time.monotonic() - began < 0.5
    assert shop.do("result = 3").result == "3"
    assert shop.end(stuck).timeout_type == "START_TO_CLOSE"


def test_a_task_that_a_dead_worker_has_not_read_goes_to_another(shop: Shop) -> None:
    shop.do("result = 1")
    worker = shop.pool._workers[0].pid
    os.kill(worker, signal.SIGSTOP)  # it is idle, and does not read the task
    token = shop.begin("result = 2")
    os.kill(worker, signal.SIGKILL)
    assert shop.end(token).result == "2"


def test_a_forked_process_that_returns_is_no_second_worker(shop: Shop) -> None:
    assert shop.do("pid = os.fork()\nresult = 'child' if pid == 0 else os.waitpid(pid, 0)[1]").result == "0"
    assert shop.do("result = 1").result == "1"


def test_the_owner_reads_in_pieces(tmp_path: Path) -> None:
    ours, theirs = pair()
    os.write(theirs._writer, (20).to_bytes(8)[:5])
    assert ours.receive() == []
    assert not ours.ended
    theirs.close()
    assert ours.receive() == []
    assert ours.ended
    ours.close()


OWNER = """
import os, signal, sys, time
from tests.worker.test_pool import Shop
shop = Shop(2)
for number in range(2):
    shop.begin(open("code").read())
if sys.argv[1] == "guard":
    os.kill(shop.pool._guard._pid, signal.SIGKILL)
    time.sleep(0.2)
    shop.pool.reap()
print(*[each.pid for each in shop.pool._workers], shop.pool._guard._pid, flush=True)
while True:
    shop.pool.wait(0.1)
    shop.pool.reap()
"""


@pytest.mark.parametrize("killed", ["owner", "guard"])
def test_workers_that_hold_the_interpreter_lock_die_with_their_owner(tmp_path: Path, killed: str) -> None:
    code = "helper = subprocess.Popen(['sleep', '60']).pid\n"
    code += "open('helpers', 'a').write(f'{helper}\\n')\nimport ctypes\nctypes.PyDLL(None).sleep(60)"
    (tmp_path / "code").write_text(code)
    owner = begin(OWNER, killed, folder=tmp_path)
    try:
        assert owner.stdout is not None
        pids = [int(each) for each in owner.stdout.readline().split()]
        wait_for(lambda: len(lines(tmp_path / "helpers")) == 2, "the helpers")
        pids += map(int, lines(tmp_path / "helpers"))
        assert len(pids) == 5
        assert all(map(alive, pids))
        os.kill(owner.pid, signal.SIGKILL)
        began = time.monotonic()
        wait_for(lambda: not any(map(alive, pids)), "the end of the workers")
        assert time.monotonic() - began < 3
    finally:
        kill(owner)
        owner.communicate()
