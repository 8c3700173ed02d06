"""Processes that race for the same steps: no two ever own one at once, and each gets each in the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from simpleflow.step.rules import EVERYTHING
from simpleflow.stores import open_store
from tests import nursery

CONTENDER = """
import os, random, sys, time
from simpleflow.step import claims
from simpleflow.stores import open_store

store, who, count, folder = open_store(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
owner, chance = claims.Owner("w", who), random.Random(who)
names = [f"step.{n}" for n in range(count)]
everything = os.path.join(folder, "everything")

def own(name):
    # Whoever owns a step has a file of that name, and whoever owns all of them sees no such file.
    file = os.path.join(folder, name)
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    if name == claims.EVERYTHING:
        assert os.listdir(folder) == [name], os.listdir(folder)
        time.sleep(0.002)
        assert os.listdir(folder) == [name], os.listdir(folder)
    else:
        assert not os.path.exists(os.path.join(folder, claims.EVERYTHING))
        time.sleep(chance.random() * 0.001)
        assert not os.path.exists(os.path.join(folder, claims.EVERYTHING))
    os.unlink(file)

print("ready", flush=True)
sys.stdin.readline()
left = names + [claims.EVERYTHING] * int(sys.argv[5])
end = time.monotonic() + 100
while left:
    assert time.monotonic() < end, left
    # All want the same ones at the same time.
    name = left[0] if chance.random() < 0.8 else chance.choice(left)
    if claims.claim(store, "w/steps", name, owner, 300, chance.random() < 0.5) is None:
        own(name)
        assert claims.stands(store, "w/steps", name, owner)
        claims.release(store, "w/steps", [name], owner)
        left.remove(name)
        print(name, flush=True)
    else:
        time.sleep(chance.random() * 0.002)
"""


def race(bucket: str, folder: Path, contenders: int, count: int, everything: int) -> None:
    """Have processes claim the same steps, and ``*``; each must own each of them, one at a time."""
    folder.mkdir()
    commands = [
        [sys.executable, "-c", CONTENDER, bucket, f"run-{number}", str(count), str(folder), str(everything)]
        for number in range(contenders)
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [nursery.begin(each, folder, dict(os.environ), **pipes) for each in commands]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    ends = [each.communicate() for each in started]
    assert [errors for _, errors in ends if errors] == []
    assert [each.returncode for each in started] == [0] * contenders
    expected = {f"step.{number}": 1 for number in range(count)} | ({EVERYTHING: everything} if everything else {})
    assert [Counter(output.split()) for output, _ in ends] == [expected] * contenders
    assert list(folder.iterdir()) == []
    assert open_store(bucket).names(".claims") == []


@pytest.mark.parametrize(("contenders", "everything"), [(2, 0), (4, 0), (4, 20)])
def test_two_never_own_a_step_at_once_in_a_folder(tmp_path: Path, contenders: int, everything: int) -> None:
    race(str(tmp_path / "marks"), tmp_path / "owned", contenders, 200, everything)


@pytest.mark.parametrize("everything", [0, 3])
def test_two_never_own_a_step_at_once_in_a_bucket(bucket: str, tmp_path: Path, everything: int) -> None:
    race(bucket, tmp_path / "owned", 3, 20, everything)
