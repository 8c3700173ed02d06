"""A second opinion: moto's SWF, for the part of the service that it plays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.swf.economy import Sequence
from tests.swf.served import Crew, ended, environment, outcome, registered, start


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of moto's server in a process of its own."""
    code = "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                break
        assert found is not None
        for name, value in environment(found[0]).items():
            monkeypatch.setenv(name, value)
        yield found[0]
        process.kill()


def test_activities_in_sequence(moto: str) -> None:
    registered("domain")
    run_id = start(Sequence, 3)
    with Crew():
        assert ended(run_id=run_id).status == "completed"
    assert outcome(run_id=run_id).result == "3"
