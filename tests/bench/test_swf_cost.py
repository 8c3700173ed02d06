"""The measurement of what a step costs on Amazon SWF, against the table in the documentation."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT, read

_ROW = re.compile(r"^\| (a[^|]+) \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \| ([0-9.]+) \|$", re.MULTILINE)


def rows(text: str) -> dict[str, list[float]]:
    return {label: [float(each) for each in figures] for label, *figures in _ROW.findall(text)}


def test_a_step_costs_what_the_page_says() -> None:
    command = [sys.executable, "-m", "bench.swf_cost", "--steps", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    measured, documented = rows(done.stdout), rows(read("docs/swf-cost.md"))
    assert len(measured) == 9
    common = measured.keys() & documented.keys()
    assert len(common) >= 5
    for label in common:
        calls, events, charged, dollars = measured[label]
        # With few steps, what a run costs once weighs more, so the calls are compared roughly.
        assert calls == pytest.approx(documented[label][0], abs=1.0), label
        assert events == pytest.approx(documented[label][1], abs=1.5), label
        assert (charged, dollars) == pytest.approx(documented[label][2:], abs=0.2), label
