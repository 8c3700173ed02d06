"""The live view, as a terminal emulator shows it, and the tree of steps behind it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.cli.terminal import Terminal
from simpleflow.cli.view.live_frame import Frame
from simpleflow.cli.view.open_tasks import pauses
from simpleflow.cli.view.step_tree import Tree
from simpleflow.cli.view.text_width import width
from simpleflow.core.work_time import WorkTime
from simpleflow.step.report import StepReport
from simpleflow.views.rows import AttemptRow, StepRow
from simpleflow.worker.dispatch import failure
from tests.cli.conftest import SIMPLEFLOW, Folder
from tests.cli.terminals import Screen, read_all
from tests.core.harness import Simulation
from tests.core.test_retries import patient

BAR = "[━─]{10}"


@pytest.fixture
def begin(folder: Folder) -> Iterator[Callable[..., Screen]]:
    """Return a function that starts a run with two workers on a terminal."""
    begun: list[Screen] = []

    def do(target: str, *args: str, **options: object) -> Screen:
        command = ("workflow.start", "--local", "--nb-workers", "2", f"flow.{target}", *args)
        begun.append(Screen(folder.path, *command, **options))  # type: ignore[arg-type]
        return begun[-1]

    yield do
    for each in begun:
        each.kill()


Begin = Callable[..., Screen]


def test_the_tree_during_the_run_and_at_the_end(folder: Folder, begin: Begin) -> None:
    screen = begin("Gated")
    screen.until(
        r"^workflow gated: .*, 1 of 5 steps done, 2 under way, 1 queued, 1 failed$",
        rf"^… load +\d+\.\d+ s  {BAR} 1/3, 1 failed$",
        r"^  ✓ load\.users +\d+\.\d+ s$",
        r"^  ✗ load\.orders +\d+\.\d+ s  ValueError: no such day \(flow\.py:\d+\)$",
        r"^  … load\.rest +\d+\.\d+ s$",
        r"^… prepare +\d",
        rf"^… gated-child +\d+\.\d+ s  {BAR} 0/1$",
        r"^  … inner +\d+\.\d+ s  queued$",
        r"^  activity flow\.gate +\d+\.\d+ s  load\.rest$",
        r"^  activity flow\.gate +\d+\.\d+ s  prepare$",
        r"^  activities: 1 waiting for a worker$",
    )
    (folder.path / "load.rest").touch()
    screen.until(r"^✗ load +\d+\.\d+ s  ━━━━━━─+ 2/3, 1 failed$", r"^  … inner")
    (folder.path / "inner").touch()
    (folder.path / "prepare").touch()
    assert screen.end() == 3
    text = "\n".join(screen.lines)
    assert re.search(r"^✓ gated-child +\d+\.\d+ s  ━{10} 1/1$", text, re.MULTILINE), text
    assert "  … inner" not in text
    assert "under way" not in text
    assert "activity" not in text
    at = screen.lines.index("workflow gated: completed, but 1 step failed: load.orders")
    assert re.match(r"5 steps: 4 ran, 0 skipped, 1 failed in \d", screen.lines[at + 1])
    assert screen.lines[at + 2].startswith("to go on, skipping 4 steps: simpleflow workflow.start ")
    assert screen.lines[0].startswith("workflow gated: started, run 2")


def test_the_summary_says_why_steps_were_skipped_and_the_time_saved(folder: Folder, begin: Begin) -> None:
    for name in ("load.rest", "inner", "prepare"):
        (folder.path / name).touch()
    begin("Gated").end()
    screen = begin("Gated", "--skip", "prepare")
    assert screen.end() == 3
    text = "\n".join(screen.lines)
    assert re.search(r"^↷ gated-child", text, re.MULTILINE) is None
    assert re.search(r"^↷ prepare +forced: Requested at start$", text, re.MULTILINE), text
    assert "\n3 skipped: Step was already played; 1 skipped: Requested at start\n" in text
    assert re.search(r"^time saved by skipping: \d+\.\d+ s$", text, re.MULTILINE), text


@pytest.mark.parametrize(("columns", "rows"), [(100, 12), (40, 8), (20, 4)])
def test_it_fits_the_terminal(folder: Folder, begin: Begin, columns: int, rows: int) -> None:
    screen = begin("Many", columns=columns, rows=rows)
    shown = screen.until(r"^workflow many", r"^… last" if rows > 4 else r"^  \.\.\. and 62 more$")
    assert len(shown) < rows
    if rows > 4:
        hidden = next(int(line.split()[2]) for line in shown if line.startswith("  ... and "))
        assert hidden + sum(bool(re.match("[✓✗…] ", line)) for line in shown) == 62
        assert shown.index(next(line for line in shown if line.startswith("… last"))) < shown.index(
            next(line for line in shown if line.startswith("✗ bad"))
        )
    (folder.path / "go").touch()
    assert screen.end() == 3
    assert "workflow many: completed" in "".join(screen.everything)


def test_a_narrow_terminal_still_shows_times_and_bars(folder: Folder, begin: Begin) -> None:
    screen = begin("Gated", columns=40, rows=20)
    screen.until(
        r"^… load +\d+\.\d+ s  ━+─+ 1/3, 1 failed$", r"^  … load\.rest +\d+\.\d+ s$", r"^… prepare +\d+\.\d+ s$"
    )
    for name in ("load.rest", "inner", "prepare"):
        (folder.path / name).touch()
    assert screen.end() == 3
    assert any(re.match(r"✓ gated-child \d+\.\d+ s  ━{10} 1/1$", line) for line in screen.everything), screen.everything


def test_the_view_adapts_to_a_new_size(folder: Folder, begin: Begin) -> None:
    screen = begin("Many", columns=110, rows=40)
    screen.until(r"^… last", r"^  \.\.\. and")
    for columns, rows in ((60, 20), (120, 30)):
        screen.resize(columns, rows)
        before = len(screen.raw)
        screen.wait(lambda: len(screen.raw) > before + 8_000, "no more frames")  # noqa: B023
        shown = screen.lines
        assert sum(line.startswith("… last") for line in shown) == 1
        assert len(shown) < rows
    (folder.path / "go").touch()
    assert screen.end() == 3


def test_printed_lines_appear_above_the_view_complete(folder: Folder, begin: Begin) -> None:
    screen = begin("Chatty")
    screen.until(r"^… talk", r"^talk \| question\?$")
    (folder.path / "go").touch()
    assert screen.end() == 0
    everything = screen.everything
    printed = [line for line in everything if line.startswith("talk | line ")]
    assert printed == [f"talk | line {number} to {stream}" for number in range(300) for stream in ("out", "err")]
    assert "talk | yes" in everything
    assert "talk | a terminal: False, columns: None" in everything
    assert "talk | from a shell" in everything
    assert "run says" in everything
    assert everything[-1] == '"talked"'


@pytest.mark.parametrize(("press", "code", "word"), [(b"\x03", 130, "interrupted"), (b"", 143, "stopped")])
def test_interrupted(folder: Folder, begin: Begin, press: bytes, code: int, word: str) -> None:
    screen = begin("Many")
    screen.until(r"^… last", r"^  activity flow.gate")
    if press:
        screen.terminal.type(press)
    else:
        screen.process.terminate()
    assert screen.end() == code
    assert not screen.screen.cursor.hidden
    assert screen.lines[-1] == f"{word}; workflow many goes on where it was when the same command is run again"
    assert any(line.startswith("… last") for line in screen.lines)
    assert "Traceback" not in "".join(screen.everything)
    assert screen.screen.cursor.x == 0
    again = begin("Many")
    again.until(r"^… last", r"^workflow many: .* 60 of 62 steps done")
    assert any("its process died; going on where it was" in line for line in again.everything)


@pytest.mark.parametrize(
    ("args", "environment"),
    [(["--no-progress"], {}), ([], {"TERM": "dumb"}), (["--nb-workers", "0"], {})],
)
def test_without_the_view_lines_are_written(
    folder: Folder, begin: Begin, args: list[str], environment: dict[str, str]
) -> None:
    screen = begin("Daily", *args, NO_COLOR="1", **environment)
    assert screen.end() == 0
    lines = [line.split()[:2] for line in screen.lines]
    words = ["scheduled", "completed"] if environment else ["…", "✓"]
    first = lines.index([words[0], "load"])  # without columns, the line before it names the whole state folder
    assert lines[first : first + 4] == [[word, step] for step in ("load", "report.text") for word in words]
    assert b"\x1b[" not in screen.raw


def test_a_pipe_gets_lines(folder: Folder) -> None:
    done = folder.start("flow.Daily")
    assert "scheduled  load" in done.err
    assert "\x1b" not in done.err


def test_failures_outside_of_steps_are_lines(folder: Folder, begin: Begin) -> None:
    screen = begin("SoftAlone")
    assert screen.end() == 0
    assert any(re.match(r"✗ activity flow\.soft +ValueError: no such day \(flow", line) for line in screen.lines)
    assert "workflow flow.SoftAlone: completed; 1 activity failed" in "\n".join(screen.lines)


def test_workers_are_forked_while_no_other_thread_runs(folder: Folder, begin: Begin) -> None:
    with (folder.path / "flow.py").open("a") as flow:
        flow.write(
            "\nimport os\ndef count():\n    with open('threads', 'a') as file:\n"
            "        file.write(str(len(os.listdir('/proc/self/task'))))\nos.register_at_fork(before=count)\n"
        )
    screen = begin("Daily")
    assert screen.end() == 0
    counts = (folder.path / "threads").read_text()
    assert counts == "1" * len(counts)
    assert len(counts) >= 2, "the guard and a worker"


def test_an_error_while_drawing_loses_no_output(folder: Folder) -> None:
    (folder.path / "fault.py").write_text(
        "import os, time\nfrom simpleflow.cli.view.screen import Screen\n"
        "screen = Screen(lambda columns, rows, partial: 1 / 0, lambda: True, 'utf-8')\n"
        "assert screen.open()\n"
        "print('before', flush=True)\ntime.sleep(1)\nos.write(1, b'x' * 100_000 + b'\\n')\nprint('after')\n"
        "screen.close()\nprint('closed')\n"
    )
    ours, theirs = pty.openpty()
    python = os.path.join(os.path.dirname(SIMPLEFLOW), "python")
    process = subprocess.Popen([python, "fault.py"], cwd=folder.path, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = read_all(ours)
    assert process.wait(20) == 0
    assert shown.count(b"x") == 100_000
    assert shown.count(b"ZeroDivisionError") == 1
    assert [shown.count(word) for word in (b"before", b"after", b"closed")] == [1, 1, 1]


# The tree, tested without a terminal


def record(
    tree: Tree,
    name: str,
    status: str,
    time: float = 0,
    run: str = "w",
    forced: bool = False,
    reasons: tuple[str, ...] = (),
    began: float | None = None,
    **more: object,
) -> None:
    """Record a report of a step. ``began``: its activities worked from then until now."""
    found = StepReport(name, status, forced, reasons, **more)  # type: ignore[arg-type]
    work = None if began is None else WorkTime(((began, time),), 0.0)
    tree.step(run, StepRow(name, found, 1, time), time, work)


def rows(tree: Tree, limit: int = 100) -> list[str]:
    found, hidden = tree.rows(limit)
    shown = [f"{'  ' * row.depth}{row.node.name} {row.node.state} {row.node.done}/{row.node.total}" for row in found]
    return [*shown, *([f"{hidden} more"] if hidden else [])]


def test_a_group_is_open_while_a_step_is_active_or_failed() -> None:
    tree = Tree()
    tree.begin("w", 0)
    for name in ("a.x", "a.y", "b.only.one", "c"):
        record(tree, name, "scheduled", 1)
    assert rows(tree) == [
        "a scheduled 0/2",
        "  a.x scheduled 0/1",
        "  a.y scheduled 0/1",
        "b.only.one scheduled 0/1",
        "c scheduled 0/1",
    ]
    record(tree, "a.x", "completed", 2, began=1)
    record(tree, "a.y", "skipped", 4)
    assert rows(tree)[:1] == ["a completed 2/2"]
    assert next(iter(tree.runs.values())).children["a"].seconds == 3
    record(tree, "a", "failed", 5, error="E")
    assert rows(tree)[:3] == ["a failed 2/3", "  a.x completed 1/1", "  a.y skipped 1/1"]


def test_a_running_step_does_not_count_the_time_between_tries() -> None:
    tree = Tree()
    record(tree, "a", "scheduled", 1)
    [root] = tree.runs.values()
    node = root.children["a"]
    assert node.row is not None
    node.row.started = 2.0
    first, second = (AttemptRow(number, "act", at, task_id="act-1", number=number) for number, at in ((1, 1), (2, 60)))
    node.row.tasks.append(first)
    assert node.so_far(5.0) == 3
    first.state, first.ended, first.end_id = "failed", 5.0, 9
    assert node.so_far(30.0) == 3, "it waits for its next try"
    node.row.tasks.append(second)
    assert node.so_far(70.0) == 13
    root.pauses = node.pauses = [(3.0, 4.0), (50.0, 61.0), (90.0, 95.0)]  # no process drove the run; the second in part
    assert (node.so_far(70.0), root.so_far(70.0)) == (11, 57)


def test_a_waiting_step_is_active() -> None:
    tree = Tree()
    record(tree, "a", "waiting", 1, waits_for="workflow x")
    assert rows(tree) == ["a waiting 0/1"]
    tree.begin("w", 1)
    shown = Frame(Terminal(None)).lines(tree, [], 2.0, 100, 9)
    assert shown[0].endswith(", 0 of 1 step done, 0 under way, 1 waiting for another run")
    assert shown[1].split() == ["waiting", "a", "1.0", "s", "for", "workflow", "x"]
    record(tree, "a", "scheduled", 3)
    assert tree.waiting == 0
    record(tree, "a", "completed", 5, began=3)
    assert tree.runs["w"].children["a"].seconds == 2


def test_each_child_has_its_own_tree() -> None:
    tree = Tree()
    record(tree, "a", "completed")
    tree.begin("child", 1)
    assert rows(tree) == ["a completed 1/1", "child scheduled 0/0"]
    record(tree, "a", "completed", 2, "child")
    assert rows(tree)[1:] == ["child scheduled 1/1", "  a completed 1/1"]
    tree.end("child", 4, True)
    assert rows(tree)[1:] == ["child completed 1/1"]
    assert tree.runs["child"].seconds == 3


@pytest.mark.parametrize("limit", [1, 2, 5, 50, 1_000])
def test_steps_that_do_not_fit_are_counted(limit: int) -> None:
    tree = Tree()
    for number in range(700):
        record(tree, f"s{number}", "completed")
        record(tree, f"group.{number}", "completed")
    record(tree, "late", "failed")
    record(tree, "later", "scheduled")
    record(tree, "group.more", "scheduled")
    found, hidden = tree.rows(limit)
    assert len(found) <= limit
    assert hidden + sum(row.stands_for for row in found) == 1_403
    assert found[0].node.counts["active"] == 1
    if limit >= 5:
        urgent = [row.node.name for row in found if row.node.urgent]
        assert sorted(urgent) == ["group", "group.more", "late", "later"]
        assert limit > 700 or urgent[-1] == "late"


def test_the_final_tree_never_hides_a_single_step() -> None:
    tree = Tree()
    tree.begin("w", 0)
    for number in range(13):
        record(tree, f"s{number}", "completed")
    assert len(Frame(Terminal(None)).final(tree, 12, 80)) == 13
    assert Frame(Terminal(None)).final(tree, 11, 80)[-1] == "  ... and 2 more"


def test_steps_that_had_begun_when_the_run_ended_are_shown_as_stopped() -> None:
    tree = Tree()
    tree.begin("w", 0.0)
    for name, status in (("load", "completed"), ("clean", "scheduled"), ("report", "waiting")):
        record(tree, name, status)
    tree.end("w", 2.0, False, "failed")
    words = [line.split()[:2] for line in Frame(Terminal(None)).final(tree, 12, 80)]
    assert words == [["completed", "load"], ["stopped", "clean"], ["stopped", "report"]]


def test_tasks_that_wait_for_their_next_try_say_when_it_comes() -> None:
    class Patient(Workflow):
        name = "patient"

        def run(self) -> Any:
            return self.submit(patient, 1).result

    run = Simulation(Patient)
    run.settle()
    run.finish(0, failure(OSError("no")))
    run.settle()
    tree = Tree()
    tree.begin("w", run.clock.now)
    shown = Frame(Terminal(None)).lines(tree, run.engine.runs.values(), run.clock.now + 3, 100, 9)
    assert shown[1].split() == ["activity", "tests.core.test_retries.patient", "try", "2", "in", "7.0", "s"]
    assert len(shown) == 2
    run.run()
    assert not pauses(run.engine.runs.values())


def test_a_run_that_waits_says_for_which_signal_and_timer(folder: Folder, begin: Begin) -> None:
    screen = begin("Naps")
    screen.until(
        r"^workflow naps: .*, 1 of 2 steps done, 1 under way$",
        r"^… asks +\d+\.\d+ s$",
        r"^  waits for the signal go$",
        r"^  waits for the timer nap, 59\.\d s left$",
    )
    assert folder.run("workflow.signal", "--local", "naps", "--name", "go")[0] == 0
    assert screen.end() == 0
    assert "waits" not in "\n".join(screen.lines)


def test_the_reasons_of_a_group_are_told_once() -> None:
    tree = Tree()
    tree.begin("w", 0)
    for name in ("a", "b", "c"):
        record(tree, f"load.{name}", "scheduled", 1, forced=True, reasons=("Dep of scan",))
    frame = Frame(Terminal(None))
    shown = frame.lines(tree, [], 2.0, 100, 20)
    assert [line.split() for line in shown if "Dep of scan" in line] == [
        [*["scheduled", "load", "1.0", "s", "----------", "0/3", "forced:", "Dep", "of", "scan"]]
    ]
    record(tree, "load.d", "scheduled", 1, forced=True, reasons=("Requested at start",))
    assert sum("Dep of scan" in line for line in frame.lines(tree, [], 2.0, 100, 20)) == 3


def test_failed_steps_that_are_hidden_are_counted() -> None:
    tree = Tree()
    tree.begin("w", 0)
    for number in range(20):
        record(tree, f"s{number}", "failed" if number % 2 else "scheduled")
    frame = Frame(Terminal(None))
    assert frame.lines(tree, [], 2.0, 100, 8)[-1] == "  ... and 14 more, 10 of them failed"
    assert frame.lines(tree, [], 2.0, 20, 8)[-1] == "  ... and 14 more"
    record(tree, "group.a", "failed")
    record(tree, "group.b", "scheduled")
    for columns in (40, 60, 80):
        [group] = [line for line in frame.lines(tree, [], 2.0, columns, 40) if " group " in line]
        assert group.endswith("0/2, 1 failed"), group


def test_steps_that_wait_for_a_worker_come_after_those_that_run() -> None:
    tree = Tree()
    tree.begin("w", 0)
    for number in range(10):
        record(tree, f"s{number}", "scheduled")
    assert tree.mark_queued({("w", f"s{number}") for number in range(0, 10, 2)}) == 5
    assert rows(tree, 3) == [f"s{number} scheduled 0/1" for number in (1, 3, 5)] + ["7 more"]
    assert rows(tree, 6)[4:6] == ["s9 scheduled 0/1", "s0 scheduled 0/1"]
    assert tree.mark_queued(set()) == 0
    assert rows(tree, 2) == ["s0 scheduled 0/1", "s1 scheduled 0/1", "8 more"]


def test_names_of_wide_characters_do_not_break_lines() -> None:
    tree = Tree()
    tree.begin("workflow-日本" * 9, 0)
    record(tree, "日本語" * 20, "scheduled", run="workflow-日本" * 9)
    for columns in (1, 2, 10, 41, 60):
        for line in Frame(Terminal(None)).lines(tree, [], 5.0, columns, 9):
            assert width(line) <= max(columns - 1, 11), line
