"""The command ``simpleflow ui``: what it prints, how it ends, and what is said where it cannot begin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from simpleflow.constants import INSTALL_UI
from tests.servers import tied
from tests.ui.conftest import Runs, Site

_WITHOUT = "import sys; sys.modules['starlette'] = None; from simpleflow.cli import main; sys.exit(main())"


def command(*arguments: str, code: tuple[str, ...] = ("-m", "simpleflow")) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *code, *arguments], capture_output=True, text=True, timeout=30)


def test_without_the_extra_it_says_in_one_line_what_to_install(tmp_path: Path) -> None:
    done = command("ui", "--state", str(tmp_path), code=("-c", _WITHOUT))
    assert done.returncode == 2
    expected = f"error: the page needs the package starlette, which is not installed: {INSTALL_UI}\n"
    assert done.stderr == expected


def test_a_port_that_is_taken_is_said_in_one_line(site: Site, tmp_path: Path) -> None:
    done = command("ui", "--state", str(tmp_path), "--port", str(site.port))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{site.port}" in done.stderr


def test_it_prints_its_address_answers_and_ends(runs: Runs) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "simpleflow", "ui", "--state", str(runs.state), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=tied,
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=20) as answer:
        assert b"nightly" in answer.read()
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, mine + 5), "runs on the same machine go first"
    live = opener.open(f"{url}?live=1", timeout=20)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    live.close()
    assert process.returncode == 0
    assert errors == f"the runs in folder {runs.state}; Ctrl-C ends the page\n"
