"""Small limits of open files and processes: fewer workers, or an error before anything has begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worker.programs import begin, finish

RUN = """
import resource, sys
from simpleflow.exceptions import InputError
from simpleflow.local import Executor
from tests.worker import test_limits
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
try:
    print(Executor(test_limits.Wide, state="state", nb_workers=4).run())
except InputError as error:
    print(error)
"""

COUNT = """
import os, resource, sys
import encodings.idna
from simpleflow.exceptions import InputError
from simpleflow.worker.limits import _running_tasks, workers_allowed
if os.geteuid() == 0:
    os.setuid(54_321)  # the limit does not bind the superuser
room = _running_tasks() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NPROC, (room, room))
try:
    print(workers_allowed(4))
except InputError as error:
    print(error)
"""


def wide() -> type:
    from simpleflow import Workflow, activity
    from simpleflow.canvas import Group

    @activity.with_attributes(name="limits.one")
    def one(number: int) -> int:
        return number

    class Wide(Workflow):
        name = "wide"

        def run(self) -> int:
            return len(self.submit(Group(*[(one, number) for number in range(20)])).result)

    return Wide


Wide = wide()


@pytest.mark.parametrize(("files", "works"), [(24, False), (40, True)])
def test_open_files(tmp_path: Path, files: int, works: bool) -> None:
    code, out, err = finish(begin(RUN, str(files), folder=tmp_path))
    assert (code, err) == (0, "")
    if works:
        assert out == "20\n"
    else:
        assert out.startswith(f"the limit of open files is {files}: expected more")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("room", "allowed"), [(3, "the limit of processes is"), (6, "2\n")])
def test_processes(tmp_path: Path, room: int, allowed: str) -> None:
    code, out, err = finish(begin(COUNT, str(room), folder=tmp_path))
    assert (code, err) == (0, "")
    assert out.startswith(allowed)
