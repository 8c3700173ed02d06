"""What one activity does to its process does not reach the next one in that worker."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import values
from simpleflow.worker import granted
from tests.pauses import wait_for
from tests.processes import alive
from tests.worker.programs import ROOT
from tests.worker.test_pool import Shop, children

_SEEN = """
import _locale, contextvars, decimal, gc, logging, resource, signal, socket, tempfile, warnings
result = [os.getcwd(), os.environ.get("MINE"), os.environ.get("HOME"), oct(os.umask(0o22)), time.strftime("%Z"),
    str(signal.getsignal(signal.SIGUSR1)), str(signal.getsignal(signal.SIGTERM))[:40], sorted(sys.path), sys.argv,
    str(sys.stdout)[:30], sys.getrecursionlimit(), _locale.setlocale(_locale.LC_ALL),
    sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))), signal.getitimer(signal.ITIMER_REAL)[0],
    sys.getswitchinterval(), socket.getdefaulttimeout(), tempfile.tempdir, str(sys.gettrace()), str(sys.getprofile()),
    str(decimal.getcontext()), str(warnings.filters), sys.get_int_max_str_digits(),
    [each.name for each in contextvars.copy_context() if each.name == "mine"],
    gc.isenabled(), gc.get_threshold(), gc.get_debug(), signal.getitimer(signal.ITIMER_PROF)[0] > 0,
    str([sys.excepthook, sys.displayhook, sys.unraisablehook, sys.breakpointhook, sys.meta_path, sys.path_hooks]),
    str([logging.root, logging.root.handlers, logging.root.manager.disable]),
    os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)), os.getresuid(),
    [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)]]
"""

_LIMIT = """
import resource
def limit(name, soft):
    kind = getattr(resource, "RLIMIT_" + name)
    resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))
"""

CHANGES = {
    "folder": "os.chdir('/')",
    "folder that is removed": "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "environment": "os.environ['MINE'] = '1'; os.environ['HOME'] = '/'; os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    "environment that is emptied": "os.environ.clear()",
    "mask": "os.umask(0o777)",
    "locale": "import _locale; _locale.setlocale(_locale.LC_ALL, 'C.UTF-8')",
    "handlers": "signal.signal(signal.SIGUSR1, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "masked signals": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])",
    "alarm": "signal.alarm(1)",
    "path": "sys.path.insert(0, '/elsewhere'); sys.argv.append('x')",
    "new path": "sys.path = ['/elsewhere']",
    "turns of threads": "sys.setswitchinterval(1)",
    "traces": "sys.settrace(lambda *_: None); sys.setprofile(lambda *_: None)",
    "decimals": "import decimal; decimal.getcontext().prec = 3; decimal.Decimal(1) / 3",
    "another decimal context": "import decimal; decimal.setcontext(decimal.Context(traps=[decimal.Inexact]))",
    "warnings": "import warnings; warnings.simplefilter('error')",
    "other warnings": "import warnings; warnings.filters = []",
    "hooks": "sys.excepthook = sys.displayhook = sys.unraisablehook = sys.breakpointhook = print",
    "finders of modules": "sys.meta_path.clear(); sys.path_hooks.append(print)",
    "logging": "import logging; logging.root.handlers = [logging.StreamHandler()]; logging.root.setLevel(1)",
    "no logging": "import logging; logging.disable()",
    "digits": "sys.set_int_max_str_digits(0)",
    "context variables": "import contextvars; contextvars.ContextVar('mine').set(1)",
    "garbage collector": "import gc; gc.disable(); gc.set_threshold(7, 7, 7)",
    "timer of the processor's time": "signal.setitimer(signal.ITIMER_PROF, 60)",
    "no more files": _LIMIT + "limit('NOFILE', 4)",
    "no size of files": _LIMIT + "limit('FSIZE', 0); limit('CORE', 0)",
    "no size of files, by a program": "subprocess.run([sys.executable, '-c', 'import os, resource as r; "
    "r.prlimit(os.getppid(), r.RLIMIT_FSIZE, (0, r.RLIM_INFINITY))'], check=True)",
    "no size of files, by a function of C": "import ctypes; ctypes.CDLL(None).setrlimit(1, (ctypes.c_long * 2)(0, -1))",
    "processors": "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
    "time-out of sockets": "import socket; socket.setdefaulttimeout(0.1)",
    "folder for temporary files": "import tempfile; tempfile.tempdir = '/gone'",
    "streams": "sys.stdout = open('out', 'w'); sys.setrecursionlimit(77_000)",
}

CLOSED = {
    "descriptors": "os.close(0); os.close(1); os.close(2)",
    "streams": "sys.stdin.close(); sys.stdout.close(); sys.stderr.close()",
    "detached": "sys.stdout.detach()",
    "file on the descriptor": "open(1, 'w').close()",
    "another file": "os.dup2(os.open('out', os.O_WRONLY | os.O_CREAT), 1)",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.chdir(tmp_path)
    before = children()
    shop = Shop()
    yield shop
    shop.pool.close()
    assert children() == before


def seen(shop: Shop) -> Any:
    return values.decode(shop.do(_SEEN).result)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_are_put_back(shop: Shop, change: str) -> None:
    before = seen(shop)
    shop.do(f"{change}\nresult = 1")
    shop.do(f"{change}\nraise ValueError")
    assert seen(shop) == before
    assert len(shop.pool._workers) == 1


@pytest.mark.parametrize("change", CLOSED.values(), ids=CLOSED)
def test_standard_streams_are_opened_again(shop: Shop, change: str) -> None:
    code = "print('x', flush=True); result = [[os.fstat(each).st_ino for each in (0, 1, 2)], sys.stdin.closed]"
    before = shop.do(code)
    shop.do(f"{change}\nresult = 1")
    after = shop.do(code)
    assert values.decode(after.result) == values.decode(before.result)
    assert len(shop.pool._workers) == 1


def test_the_limits_are_those_that_the_system_shows() -> None:
    found = dict(granted._numbered(granted._limits()))
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            number = getattr(resource, name)
            assert found[number] == resource.getrlimit(number), name


def test_a_plain_worker_has_nothing_that_changes_limits(tmp_path: Path) -> None:
    code = """
    from simpleflow import Workflow, activity
    from simpleflow.local import Executor
    from simpleflow.worker import granted
    @activity.with_attributes(name="able")
    def able():
        return granted._is_able()
    class Flow(Workflow):
        def run(self):
            return self.submit(able).result
    print(Executor(Flow, state="state", nb_workers=1).run())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    assert subprocess.check_output(command, cwd=tmp_path, env=env, text=True).split() == ["False"]


def test_a_worker_that_imported_from_a_changed_path_is_replaced(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "made_here.py").write_text("import sys, os\nsys.path.append('vendored')\n")
    code = f"sys.path.append({str(tmp_path / 'lib')!r}); import made_here; result = 'vendored' in sys.path"
    assert [shop.do(code).result for _ in range(3)] == ["true"] * 3


def test_what_a_module_has_set_at_its_import_stays(shop: Shop) -> None:
    code = """
    import logging, sys, types
    if "made" not in sys.modules:
        sys.modules["made"] = types.ModuleType("made")
        logging.root.setLevel(logging.INFO)
        sys.excepthook = print
    result = [logging.root.level, sys.excepthook is print]
    """
    assert [shop.do(textwrap.dedent(code)).result for _ in range(3)] == ["[20,true]"] * 3


@pytest.mark.skipif(
    os.getuid() == 0 and shutil.which("setpriv") is None, reason="root keeps its privileges without setpriv"
)
def test_a_worker_that_cannot_get_back_what_it_gave_up_is_replaced() -> None:
    code = f"""
    import sys
    sys.path.insert(0, {str(ROOT)!r})
    from tests.worker.test_pool import Shop
    shop = Shop()
    seen = "import resource; result = [os.getpid(), os.nice(0), resource.getrlimit(7), resource.getrlimit(1)]"
    for change in ("", "os.nice(3)", "resource.setrlimit(1, (0, 0))", "resource.setrlimit(7, (9, 9))"):
        shop.do("import resource; " + change)
        print(shop.do(seen).result)
    shop.pool.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    if os.getuid() == 0:
        command = ["setpriv", "--bounding-set=-sys_resource,-sys_nice", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = list(map(values.decode, done.stdout.splitlines()))
    assert len({pid for pid, *_ in found}) == len(found) == 4
    assert [rest for _, *rest in found] == [found[0][1:]] * 4


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_a_worker_that_became_another_user_is_replaced(shop: Shop) -> None:
    before = values.decode(shop.do("result = [os.getpid(), os.getuid(), os.getgroups()]").result)
    shop.do("os.setgroups([]); os.setuid(os.getuid() + 1)")
    after = values.decode(shop.do("result = [os.getpid(), os.getuid(), os.getgroups()]").result)
    assert after[1:] == before[1:]
    assert after[0] != before[0]
    shop.do("os.seteuid(os.getuid() + 1)")
    assert values.decode(shop.do("result = [os.getpid(), os.geteuid(), os.getgroups()]").result) == after


def test_a_worker_is_replaced_after_as_many_tasks_as_a_setting_says(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_MAX_TASKS_PER_WORKER", "2")
    pids = [shop.do("result = os.getpid()").result for _ in range(6)]
    assert pids[0::2] == pids[1::2]
    assert len(set(pids)) == 3


def test_programs_of_activities_get_sigint(shop: Shop) -> None:
    code = "child = subprocess.Popen(['sleep', '60']); time.sleep(.1); child.send_signal(2); result = child.wait()"
    assert shop.do(code).result == "-2"
    worker = shop.pool._workers[0].pid
    os.kill(worker, signal.SIGINT)
    assert shop.do("result = os.getpid()").result == str(worker)


def test_standard_input_is_empty(shop: Shop) -> None:
    assert shop.do("result = [len(os.read(0, 9)), subprocess.check_output(['cat'], text=True)]").result == '[0,""]'


def test_a_debugger_is_told_where_it_works(shop: Shop) -> None:
    assert shop.do("import bdb; raise bdb.BdbQuit").reason.startswith("BdbQuit: a debugger has no terminal in a worker")


@pytest.mark.parametrize("end", ["result = 1", "os.kill(os.getpid(), signal.SIGTERM)"], ids=["ended", "stopped"])
def test_exit_handlers_of_activities_run_and_those_of_the_owner_do_not(tmp_path: Path, end: str) -> None:
    code = f"""
    import atexit, sys, tempfile
    sys.path.insert(0, {str(ROOT)!r})
    from tests.worker.test_pool import Shop
    owners = tempfile.TemporaryDirectory(dir=".")
    atexit.register(lambda: open("owner", "a").write("x"))
    shop = Shop()
    shop.do('''
    import atexit, tempfile, builtins
    builtins.kept = tempfile.TemporaryDirectory(dir=".", prefix="activity")
    atexit.register(lambda: open("handler", "a").write("x"))
    {end}
    '''.replace("\\n    ", "\\n"))
    shop.pool.close()
    import os
    assert os.path.exists(owners.name)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, check=True)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"handler": "x", "owner": "x"}


def test_a_program_that_asks_on_the_terminal_fails_at_once(tmp_path: Path) -> None:
    code = f"""
    import sys
    sys.path.insert(0, {str(ROOT)!r})
    from tests.worker.test_pool import Shop
    shop = Shop()
    ended = shop.do("result = subprocess.run('echo password: >/dev/tty; read x </dev/tty', shell=True).returncode")
    shop.pool.close()
    open("done", "w").write(ended.result)
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-c", textwrap.dedent(code)])
    try:
        wait_for(lambda: (tmp_path / "done").exists() and (tmp_path / "done").read_text(), "the end of the program", 10)
        assert (tmp_path / "done").read_text() != "0"
    finally:
        if alive(pid):
            time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


_ENDED = """
ends = []
for _ in range(20):
    pid = os.fork()
    if not pid:
        time.sleep(2)
        os._exit(1)
    os.kill(pid, signal.SIGTERM)  # before it has begun
    ends.append(os.WTERMSIG(os.waitpid(pid, 0)[1]))
result = [sorted(set(ends)), sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ())))]
"""


def test_a_process_that_was_just_forked_is_ended_by_sigterm(shop: Shop) -> None:
    assert values.decode(shop.do(_ENDED).result) == [[signal.SIGTERM], []]
