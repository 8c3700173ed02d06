"""The servers of tests end with the process that has started them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.worker.programs import ROOT, alive, wait_for


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
