"""Servers of tests end with those who use them; forked commands are as started ones; a test leaves no variables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests import nursery
from tests.pauses import wait_for
from tests.processes import alive
from tests.worker.programs import ROOT


def test_a_server_ends_with_a_killed_parent(tmp_path: Path) -> None:
    code = f"""
import subprocess, sys, time
sys.path.insert(0, {str(ROOT)!r})
from tests.servers import tied
print(subprocess.Popen(["sleep", "60"], start_new_session=True, preexec_fn=tied).pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert alive(server)
        parent.kill()
    wait_for(lambda: not alive(server), "the end of the server")


def user(folder: Path) -> subprocess.Popen[str]:
    """A process that uses the shared S3 server; its first line is the server's URL."""
    code = f"""
import sys, time
from pathlib import Path
from tests.keeper import shared_seaweed
with shared_seaweed(Path({str(folder)!r})) as server:
    print(server.endpoint, flush=True)
    time.sleep(60)
"""
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_shared_server_ends_with_the_last_process_that_uses_it(tmp_path: Path) -> None:
    def answers() -> bool:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/healthz"):
                return True
        except OSError:
            return False

    with user(tmp_path) as first, user(tmp_path) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        url = first.stdout.readline().strip()
        assert second.stdout.readline().strip() == url
        first.kill()
        first.wait()
        assert answers()
        second.kill()
    wait_for(lambda: not answers(), "the end of the server")
    wait_for(lambda: not (tmp_path / "address").exists(), "the end of the keeper")


TELLS = """
import os, sys, warnings
from simpleflow import Workflow

class Tells(Workflow):
    def run(self, text):
        actions = [each[0] for each in warnings.filters]
        return [text, sys.argv, sys.path, os.getcwd(), dict(os.environ), actions, sys.stdout.encoding]
"""


@pytest.mark.parametrize("as_module", [False, True])
def test_a_forked_command_is_as_a_started_one(tmp_path: Path, as_module: bool) -> None:
    (tmp_path / "tells.py").write_text(TELLS)
    words = ["workflow.start", "--local", "--input", "-", "tells.py:Tells"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "SPECIAL": "é"}
    forked = nursery.run(words, tmp_path, environment, '"given"', as_module=as_module)
    command = [sys.executable, "-W", "error", "-m", "simpleflow"] if as_module else [nursery.SIMPLEFLOW]
    started = subprocess.run(
        [*command, *words], cwd=tmp_path, env=environment, input='"given"', capture_output=True, text=True
    )
    assert forked.code == 0, forked.err
    assert json.loads(forked.out) == json.loads(started.stdout)


ECHOES = """
import json, os, sys, warnings
print(json.dumps([sys.argv, sys.path, os.getcwd(), dict(os.environ), __name__, [each[0] for each in warnings.filters]]))
print(sys.stdin.read(), file=sys.stderr)
sys.exit(len(sys.argv))
"""


@pytest.mark.parametrize("strict", [(), ("-W", "error")])
@pytest.mark.parametrize("how", ["-c", "-m"])
def test_a_forked_process_is_as_a_started_one(tmp_path: Path, how: str, strict: tuple[str, ...]) -> None:
    (tmp_path / "echoes.py").write_text(ECHOES)
    words = [sys.executable, *strict, how, ECHOES if how == "-c" else "echoes", "first", "é"]
    environment = {**os.environ, "SPECIAL": "é"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        nursery.begin(words, tmp_path, environment, **pipes) as forked,
        subprocess.Popen(words, cwd=tmp_path, env=environment, text=True, start_new_session=True, **pipes) as started,
    ):
        assert os.getsid(forked.pid) == forked.pid
        assert forked.poll() is None
        ends = [(*process.communicate("ü\n"), process.wait()) for process in (forked, started)]
    assert ends[0] == ends[1]
    assert ends[0][1:] == ("ü\n\n", 3)
    assert forked.poll() == 3


def test_a_forked_process_can_be_killed_and_waited_for(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    with nursery.begin(words, tmp_path, dict(os.environ)) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)
        process.kill()
        assert process.wait(10) == process.wait() == -signal.SIGKILL
        process.kill()  # which does nothing any more


SLOW = """
import os, time
from simpleflow import Workflow

class Slow(Workflow):
    def run(self):
        with open("pid", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(60)
"""


def test_forked_commands_end_with_their_owner(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    code = "import os; from pathlib import Path; from tests import nursery; "
    code += f"nursery.run(['workflow.start', '--local', 'slow.py:Slow'], Path({str(tmp_path)!r}), dict(os.environ))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as owner:
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), "the run")
        pid = int((tmp_path / "pid").read_text())
        owner.send_signal(signal.SIGKILL)
    wait_for(lambda: not alive(pid), "the end of the run")


def test_what_a_test_leaves_in_the_environment() -> None:
    os.environ["LEFT_BY_A_TEST"] = "1"
    del os.environ["HOME"]


def test_is_gone_for_the_next_one() -> None:
    assert "LEFT_BY_A_TEST" not in os.environ
    assert "HOME" in os.environ
