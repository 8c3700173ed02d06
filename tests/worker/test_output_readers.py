"""A worker and its owner read the same pipe with output: each byte gets into the log once, in order."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from simpleflow.state_folder import logs

PROGRAM = """
import ctypes, os, subprocess, sys, threading, time
from simpleflow.engines.base import ActivityTask
from simpleflow.worker.output import OutputTarget
from simpleflow.worker.output_pipe import OutputPipe

pipe = OutputPipe(OutputTarget(sys.argv[1], 1 << 30, None))
task = ActivityTask("token", "id", "run", "activity", "name", "1", None, "list", None)
began = time.monotonic()
pid = os.fork()
if pid == 0:
    output = pipe.redirect()
    output.begin(task)
    {worker}
    output.end()
    os._exit(0)
pipe.close_writer()
while os.waitpid(pid, os.WNOHANG) == (0, 0):
    if pipe.is_reading or {silent}:
        pipe.relieve(task, began)
pipe.rescue(task, began)
pipe.close()
"""

PRINTS = """
    def pump():
        while True:
            time.sleep(0.002)
            output.pump()
    threading.Thread(target=pump, daemon=True).start()
    subprocess.run(["seq", "0", str({lines} - 1)], check=True)
"""

STOPPED = """
    # A call into C that keeps the interpreter lock stops the thread that has just read.
    def read(descriptor, size, read=os.read):
        os.read = read
        data = read(descriptor, size)
        text = b"".join(b"%d\\n" % number for number in range(10_000, {lines}))
        ctypes.PyDLL(None).write(1, text, len(text))
        return data
    for number in range(10_000):
        os.write(1, b"%d\\n" % number)
    os.read = read
    output.pump()
"""


@pytest.mark.parametrize(
    ("worker", "lines", "silent"),
    [
        pytest.param(PRINTS, 400_000, "True", id="both-at-once"),
        pytest.param(STOPPED, 60_000, "time.monotonic() > began + 0.2", id="stopped-with-bytes-in-hand"),
        pytest.param(STOPPED, 800_000, "time.monotonic() > began + 0.2", id="more-than-a-chunk-for-each-look"),
    ],
)
def test_what_two_processes_read_is_in_order(tmp_path: Path, worker: str, lines: int, silent: str) -> None:
    program = PROGRAM.format(worker=worker.format(lines=lines), silent=silent)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, check=True)
    [log] = logs.logs_of(tmp_path, "run")
    found = Path(log.path).read_bytes()
    printed = b"".join(b"%d\n" % number for number in range(lines))
    if len(printed) < 1 << 22:
        assert found.split() == printed.split()
    else:  # what the owner keeps in memory is limited: then what the worker has in hand comes later
        assert Counter(found) == Counter(printed)
