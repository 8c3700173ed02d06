"""The command ``simpleflow ui``: what it prints, how it ends, and what is said where it cannot begin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from simpleflow.constants import INSTALL_UI
from tests.cli.swf import DOMAIN, Commands, server
from tests.servers import tied
from tests.ui.conftest import Runs, Site, serving, wait_for

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


def test_it_shows_the_runs_of_a_domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = server(tmp_path)
    try:
        assert running.stdout is not None
        commands = Commands(tmp_path, running.stdout.readline().strip())
        (tmp_path / "workflows.py").write_text((Path(__file__).parent / "workflows.py").read_text())
        for name, value in commands.environment.items():
            monkeypatch.setenv(name, value)
        done = commands.run("standalone", "workflows.py:Served", "--workflow-id", "served", "--nb-workers", "2")
        assert done.code == 0, done.err
        with serving(None, DOMAIN) as site:
            assert "served" in site.get("/").text
            wait_for(lambda: "3 ran" in site.get("/").text)
            assert "Completed in" in site.get("/run/served").text
            assert "Workers of Amazon SWF keep no output" in _activity(site)
            assert "/step/report" in site.get("/run/served/steps").text
            assert "MarkerRecorded" in site.get("/run/served/history?kind=marker").text
            assert site.get("/run/served/timeline").text.count("<svg") == 1
    finally:
        running.terminate()
        running.wait(10)
        running.stdout.close()


def _activity(site: Site) -> str:
    text = site.get("/run/served/step/report").text
    address = text.partition("/activity/")[2].partition('"')[0]
    return site.get(f"/run/served/activity/{address}").text
