"""Symbols and colours on a terminal, and plain text elsewhere."""

from __future__ import annotations

import re
import subprocess

import pytest

from simpleflow.cli.view.text_width import width
from tests.cli.conftest import SIMPLEFLOW, Folder
from tests.cli.terminals import OwnTerminal


def on_a_terminal(
    folder: Folder, *args: str, press: bytes = b"", width: int = 200, **environment: str
) -> tuple[int, str]:
    """Run a command on a new terminal. ``press`` is typed as soon as an activity has written to the log."""
    terminal = OwnTerminal(folder.path, *args, columns=width, COLUMNS="100", **environment)
    if press:
        folder.wait_for(lambda: folder.log)
        terminal.type(press)
    return terminal.read_to_end()


START = ("workflow.start", "--local", "--nb-workers", "2")


def test_symbols_and_colours(folder: Folder) -> None:
    code, shown = on_a_terminal(folder, *START, "--no-progress", "flow.Daily", NO_COLOR="")
    assert code == 0
    for symbol, color in (("…", 36), ("✓", 32)):
        assert f"\x1b[{color}m{symbol}\x1b[0m load" in shown
    _, shown = on_a_terminal(folder, *START, "flow.Daily")
    assert "\x1b[33m↷\x1b[0m load" in shown
    _, shown = on_a_terminal(folder, *START, "flow.Soft")
    assert "\x1b[31m✗\x1b[0m load " in shown


@pytest.mark.parametrize(
    ("args", "environment"), [((), {"NO_COLOR": "1"}), (("--color", "never"), {}), ((), {"TERM": "dumb"})]
)
def test_no_colours(folder: Folder, args: tuple[str, ...], environment: dict[str, str]) -> None:
    _, shown = on_a_terminal(folder, *args, *START, "flow.Daily", **environment)
    assert "\x1b" not in shown
    assert ("✓ load" in shown) == (environment.get("TERM") != "dumb")


def test_colours_on_request(folder: Folder) -> None:
    assert "\x1b[32m✓\x1b[0m load" in folder.start("flow.Daily", "--color", "always", NO_COLOR="1").err
    assert "\x1b[31merror:\x1b[0m" in folder.run("--color", "always", "nothing").err


def test_a_terminal_without_these_symbols(folder: Folder) -> None:
    _, shown = on_a_terminal(folder, *START, "flow.Daily", PYTHONIOENCODING="ascii")
    assert "completed  load" in shown
    assert shown.rpartition("\n{")[0].isascii()  # the result is in UTF-8


def test_ctrl_c(folder: Folder) -> None:
    code, shown = on_a_terminal(folder, *START, "flow.Long", press=b"\x03")
    assert code == 130
    assert "goes on where it was when the same command is run again" in shown
    assert "Traceback" not in shown


def test_control_characters_in_errors_are_escaped(folder: Folder) -> None:
    (folder.path / "odd.py").write_text(
        "from flow import *\nclass W(Workflow, WorkflowStepMixin):\n    def run(self):\n"
        "        self.submit(self.step('a', (soft, '\\x1b[31mred\\nline')))\n"
    )
    err = folder.start("odd.W").err
    assert "ValueError: \\x1b[31mred line" in err
    assert "\x1b" not in err


def test_lines_are_aligned_by_visible_width(folder: Folder) -> None:
    (folder.path / "odd.py").write_text(
        "from flow import *\nclass W(Workflow, WorkflowStepMixin):\n    def run(self):\n"
        f"        self.submit(self.step('日本語.手順', (fetch, 'a')))\n"
        f"        self.submit(self.step('{'x' * 34}', (fetch, 'b')))\n"
        "        self.submit(self.step('left\\u202eright', (fetch, 'c')))\n"
    )
    ends = [line for line in folder.start("odd.W").err.splitlines() if line.startswith("completed ")]
    assert [width(line) for line in ends] == [11 + 41] * 3
    assert any(line.startswith("completed  left\\u202eright  ") for line in ends)


def test_a_closed_pipe_does_not_stop_the_run(folder: Folder) -> None:
    command = f"{SIMPLEFLOW} workflow.start --local flow.Daily 2>&1 >/dev/null | true"
    subprocess.run(command, shell=True, cwd=folder.path, check=True)
    folder.wait_for(lambda: len(folder.log) == 2)


def test_closed_streams(folder: Folder) -> None:
    command = f"{SIMPLEFLOW} workflow.start --local flow.Daily >&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=folder.path).returncode == 0
    assert len(folder.log) == 2


def test_what_activities_print_is_kept_where_the_streams_are_closed(folder: Folder) -> None:
    (folder.path / "prints.py").write_text(
        "import subprocess, sys\nfrom simpleflow import Workflow, activity\n"
        "@activity.with_attributes()\ndef say():\n    print('out')\n    print('err', file=sys.stderr)\n"
        "    subprocess.run(['echo', 'echoed'])\n"
        "class W(Workflow):\n    name = 'w'\n    def run(self):\n        self.submit(say).result\n",
    )
    command = f"{SIMPLEFLOW} workflow.start --local prints.W <&- >&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=folder.path).returncode == 0
    (log,) = (folder.path / ".simpleflow" / "logs").glob("*/*.log")
    assert log.read_text() == "out\nerr\nechoed\n"


def test_info_is_a_table(folder: Folder) -> None:
    code, shown = on_a_terminal(folder, "info", "versions")
    assert code == 0
    assert re.match(r"(\x1b\[1m)?name +version(\x1b\[0m)?\nsimpleflow +\d", shown)


def test_a_table_that_is_wider_than_the_terminal(folder: Folder) -> None:
    folder.start("flow.Daily")
    command = ("step.plan", "flow.Daily", "--force", "load")
    _, shown = on_a_terminal(folder, *command, NO_COLOR="1", width=60)
    assert shown.splitlines()[-4:] == [
        "step         verdict  forced  why",
        "load         run      yes     Requested at start; no longer",
        "                              done: report.text",
        "report.text  run      yes     Dep of load",
    ]
    _, shown = on_a_terminal(folder, "step.list", "flow.Daily", "load", NO_COLOR="1", width=45)
    assert re.search(
        r"^load\n  done at  [\d: -]{19}\n  run      2\S+\n  took     \d\.\d\d s\n  forced   no$", shown, re.M
    )
    assert max(map(len, shown.splitlines()[1:])) <= 45
