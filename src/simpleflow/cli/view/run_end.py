"""The end of a run: its last lines, its result, and the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow import values
from simpleflow.cli import errors, step_names
from simpleflow.cli.options import Session
from simpleflow.cli.terminal import BOLD, Terminal
from simpleflow.cli.view import unknown_names
from simpleflow.constants import KEEP_GOING
from simpleflow.shown_text import count, duration, json_escaped, names, printable

if TYPE_CHECKING:
    from simpleflow.cli.view.progress import Progress
    from simpleflow.cli.view.what_next import WhatNext
    from simpleflow.core.decider.evaluation import Failure
    from simpleflow.engines.embedded import Run


def report_unreached(terminal: Terminal, progress: Progress, options: dict[str, Any]) -> list[str]:
    """Write a line for each name in ``--force``, ``--skip`` and the like that covers no step of the run.

    Returns those of ``--only`` and ``--until`` whose names cover no step: the request was not met.
    """
    tally = progress.tally
    missed = []
    for name in filter(options.get, step_names.OPTIONS):
        found = step_names.unreached_names(options[name], tally.steps, f"--{name}", tally.closed)
        for line in found:
            terminal.log(line + "\n")
        if name in unknown_names.OPTIONS and found and len(found) == len(set(options[name])):
            missed.append(f"--{name}")
    return missed


def report_end(
    here: Session,
    progress: Progress,
    run: Run,
    failure: Failure | None,
    seconds: float,
    write_result: Callable[[str], None],
    overlooked: int,
    following: WhatNext,
    missed: Sequence[str],
) -> int:
    """Write how the run ended, write its result, and return the exit code.

    ``failure`` is what failed the run in this process, if it is known; ``seconds`` is how long the run took.
    ``overlooked`` is the number of failed tasks outside of steps that no code of the workflow has asked about.
    ``following`` knows what comes next. ``missed`` are the options that name no step, see ``report_unreached``.
    """
    from simpleflow.cli.view.follower import end_text
    from simpleflow.cli.view.summary import summary_lines
    from simpleflow.core import transitions
    from simpleflow.core.decider.parts import stopped_in

    closed: Any = run.history.closed.attributes if run.history.closed else None
    completed = run.history.state == transitions.COMPLETED
    failed = progress.tally.failed
    stopped = stopped_in(values.decode(closed.result)) if completed else {}
    if completed:
        text = (
            "completed"
            + _stopped_text(stopped, following)
            + (f", but {count(len(failed), 'step')} failed: {names(failed)}" if failed else "")
            + (f", but {step_names.of_missed(missed)}" if missed else "")
        )
    else:
        text = end_text(run) if failure is None else f"failed: {errors.run_failure_line(failure)}"
        if here.debug:
            here.terminal.log(_trace(failure, closed))
    # Of a run that kept going, failures that have failed it were first taken for others.
    if progress.soft_failures and (completed or KEEP_GOING not in values.reserved(run.history.started.input)):
        text += f"; {count(progress.soft_failures, 'activity', 'activities')} failed"
    if completed and progress.failed_children:
        text += f"; {count(len(progress.failed_children), 'child workflow')} failed"
    for line in progress.notices(complete=not stopped) if completed else ():
        here.terminal.log(printable(line) + "\n")
    summary = summary_lines(progress, seconds, progress.brief, failed=not completed)
    summary += changed_lines(progress)
    if progress.faults:
        number = len(progress.faults)
        more = "" if number == 1 else f" (and {number - 1} more)"
        summary.append(f"{count(number, 'fault')} of the workflow: {printable(progress.faults[0])}{more}")
    after = "" if summary else f" ({duration(seconds)})"
    head = here.terminal.paint(f"workflow {printable(run.workflow_id)}:", BOLD)
    here.terminal.log("".join(line + "\n" for line in (f"{head} {printable(text)}{after}", *map(printable, summary))))
    if not completed or failed or overlooked:
        here.terminal.log("".join(line + "\n" for line in following.lines()))
    if not completed:
        return errors.RUN_FAILED
    write_result(json_escaped(closed.result) if closed.result is not None else "null")
    return errors.STEP_FAILED if failed or overlooked or missed else errors.OK


def changed_lines(progress: Progress) -> list[str]:
    """Return the lines about steps that were skipped although something about them has changed."""
    from simpleflow.step.constants import ARGUMENTS, CODE, FILE

    changed = progress.tally.changed(ARGUMENTS, CODE)
    moved = [step for step in progress.tally.changed(FILE) if step not in changed]
    lines = []
    if changed:
        few = len(changed) == 1
        lines.append(
            f"{count(len(changed), 'skipped step')} {'has' if few else 'have'} other inputs than when done: "
            f"{printable(names(changed))}; --changed runs {'it' if few else 'them'}"
        )
    if moved:
        lines.append(
            f"{count(len(moved), 'skipped step')} done by a workflow of another file: {printable(names(moved))}"
        )
    return lines


def _stopped_text(stopped: dict[str, Any], following: WhatNext) -> str:
    """Say that the run stopped before its end, and which steps it has not run; empty if it did not stop."""
    if not stopped:
        return ""
    left = following.not_run([str(each) for each in stopped.get("not_run") or ()])
    text = f": stopped by --until {names([str(each) for each in stopped['until']])}"
    return text + (f"; not run: {left}" if left else "")


def _trace(failure: Failure | None, closed: Any) -> str:
    details = failure.details if failure is not None else getattr(closed, "details", None)
    own = getattr(failure.error, "details", None) if failure is not None else None
    return "".join(dict.fromkeys(filter(None, (errors.traceback_of(details), errors.traceback_of(own)))))
