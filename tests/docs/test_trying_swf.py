"""What operations.md says of trying Amazon SWF with the local server is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, blocks
from tests.docs.test_blocks import SIMPLEFLOW
from tests.stamps import unstamped

PAGE = "docs/operations.md"


def test_trying_it_here(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = tmp_path / "bin"
    path.mkdir()
    for name, words in (("simpleflow", SIMPLEFLOW), ("python", [sys.executable])):
        (path / name).write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
        (path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "LOG_LEVEL": "WARNING"}
    shell = [block.text for block in blocks(PAGE) if block.kind == "sh"]
    at = next(number for number, text in enumerate(shell) if text.startswith("simpleflow server"))
    serve = f"exec {shell[at].strip()} --port 0"
    with subprocess.Popen(
        serve, shell=True, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            script, known = re.subn(r"http://127\.0\.0\.1:8042", url, "set -e\n" + shell[at + 1] + shell[at + 2])
            assert url
            assert known == 1
            run = subprocess.run(
                ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
            )
        finally:
            server.terminate()
    assert run.returncode == 0, run.stderr
    assert server.returncode == 0
    ends = re.findall(r"^(\d+) steps?: (\d+) ran, (\d+) skipped, 0 failed", unstamped(run.stderr), re.MULTILINE)
    (steps, first, _), (_, ran, skipped) = ends
    assert int(first) > 0
    assert (ran, skipped) == ("0", steps)
    assert len(list((tmp_path / "marks").rglob("*.done"))) == int(first)
    assert run.stdout.splitlines()[-1] == "trial"
