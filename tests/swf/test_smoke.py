"""The check of an account, pointed to the local server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from simpleflow.core.codec import decode_history
from simpleflow.server import Server
from tests.docs.pages import ROOT
from tests.swf.served import environment


def smoke(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.swf.smoke", *options]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(command, cwd=ROOT, env=kept | variables, capture_output=True, text=True, timeout=100)


def test_it_runs_examples_and_writes_recordings(tmp_path: Path) -> None:
    with Server(poll_seconds=1.0) as server:
        done = smoke("--only", "hooks", "--out", str(tmp_path), **environment(server.url))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.partition(" (")[0] for line in done.stdout.splitlines()] == [
        "domain simpleflow-smoke: made",
        "ok   hooks:Hooks",
        "ok   hooks: the order of its events",
        "ok   hooks: its decisions",
        f"recordings: {tmp_path}",
        "all went well",
    ]
    assert len(decode_history((tmp_path / "hooks.json").read_bytes())) > 5


def test_it_says_that_it_was_not_run(tmp_path: Path) -> None:
    done = smoke(HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true")
    assert done.returncode == 77
    assert "NOT RUN: there are no AWS credentials" in done.stdout
