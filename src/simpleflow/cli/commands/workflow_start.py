"""``simpleflow workflow.start``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from simpleflow import settings
from simpleflow.cli import errors, inputs, start_options, step_names
from simpleflow.cli.options import SETTINGS, Session, common, session
from simpleflow.cli.signals import Stopped, stoppable
from simpleflow.cli.terminal import BOLD, Terminal, results_only
from simpleflow.exceptions import InputError, SimpleflowError

if TYPE_CHECKING:
    from simpleflow.cli.view.progress import Progress
    from simpleflow.core.decider.evaluation import Failure
    from simpleflow.engines.embedded import Run
    from simpleflow.local import Executor
    from simpleflow.workflow import Workflow


@click.command("workflow.start", context_settings=SETTINGS)
@click.argument("workflow")
@click.option("--local", is_flag=True, help="Run it here, and wait for its end.")
@start_options.options
@click.option("--state", metavar="FOLDER", help="Where history and done marks are kept. Default: SIMPLEFLOW_STATE.")
@click.option(
    "--nb-workers",
    type=click.IntRange(min=0),
    metavar="N",
    help="Worker processes; default: one for each core. 0: run activities in this process, for a debugger.",
)
@click.option("--no-progress", is_flag=True, help="Lines instead of a live view; so it is with --nb-workers 0 too.")
@click.option("--domain", "-d", metavar="NAME", help="Amazon SWF domain, without --local. Default: SWF_DOMAIN.")
@click.option("--task-list", metavar="NAME", help="Task list of the decision tasks. Default: what the class says.")
@common
def start(workflow: str, local: bool, input_text: str | None, input_file: str | None, **options: Any) -> int:
    """Run a workflow.

    WORKFLOW is module.Class or path/to/file.py:Class. With --local its result is written to standard output as JSON;
    its progress, and what it prints, to standard error. If the run of that workflow id was interrupted, it goes on
    where it was. With --domain the run is started on Amazon SWF, for decider.start and worker.start to do; its workflow
    id and run id are written to standard output.

    A step name covers all below it: --force load forces load.users too. With --force report --skip '*', that step is
    played, and what depends on it.

    The input is JSON: a list of arguments, {"args": [...], "kwargs": {...}}, or one number, text, true, false or null.

    \b
    Example: simpleflow workflow.start --local flow.py:Daily --force load
    """
    given = inputs.read(input_text, input_file)
    start_options.check(options)
    with results_only() as write_result:
        if not local:
            from simpleflow.cli import remote

            return remote.start(workflow, given, options, write_result)
        return run(workflow, given, options, session(), write_result)


def run(
    target: str, given: dict[str, Any], options: dict[str, Any], here: Session, write_result: Callable[[str], None]
) -> int:
    """Run a workflow to its end, as ``workflow.start --local`` is asked to; returns the exit code."""
    from simpleflow.cli.load_workflow import load

    executor: Executor | None = None
    progress = None
    began = time.monotonic()
    try:
        with stoppable():
            workflow_class = load(target)
            inputs.check_fits(workflow_class, given)
            progress = _progress(here, options)
            if not progress.open():
                progress = _progress(here, options | {"no_progress": True})
            executor = _executor(workflow_class, options, progress)
            start_options.request(executor, given)
            run, failure = executor.execute(given)
    except Stopped as stop:
        if progress is not None:
            progress.close()
            _tell_unreached(here.terminal, progress, options)
        return _stopped(here.terminal, executor, stop)
    finally:
        if progress is not None:
            progress.close()
    _tell_unreached(here.terminal, progress, options)
    return _close(here, progress, run, failure, time.monotonic() - began, write_result)


def _progress(here: Session, options: dict[str, Any]) -> Progress:
    """How the run is shown: live on a terminal, unless a debugger is to have that to itself."""
    from simpleflow.cli.view.progress import Progress

    if here.terminal.moves and not options["no_progress"] and options["nb_workers"] != 0:
        from simpleflow.cli.view.live import Live

        return Live(here.terminal, here.debug)
    return Progress(here.terminal, here.debug)


def _executor(workflow_class: type[Workflow], options: dict[str, Any], progress: Progress) -> Executor:
    workers = options["nb_workers"]
    try:
        return start_options.executor(
            workflow_class,
            options,
            state=options["state"] or settings.SIMPLEFLOW_STATE,
            nb_workers=(_cores() if workers is None else workers) or None,
            middlewares={"pre": options["pre"], "post": options["post"]},
            observer=progress.observe,
            on_begin=progress.begin,
            on_wait=progress.wait,
        )
    except SimpleflowError:
        raise
    except Exception as error:
        raise InputError(f"a middleware cannot be imported: {errors.told(error)}") from error


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _tell_unreached(terminal: Terminal, progress: Progress, options: dict[str, Any]) -> None:
    for name in ("force", "skip"):
        for said in step_names.unreached(options[name], progress.tally.steps, f"--{name}"):
            terminal.write(said + "\n")


def _stopped(terminal: Terminal, executor: Executor | None, stop: Stopped) -> int:
    hint = ""
    if executor is not None and executor.run_id is not None:
        hint = f"; workflow {executor.workflow_id} goes on where it was when the same command is run again"
    terminal.write(f"{terminal.paint('stopped' if stop.number == 15 else 'interrupted', BOLD)}{hint}\n")
    return 128 + stop.number


def _close(
    here: Session,
    progress: Progress,
    run: Run,
    failure: Failure | None,
    seconds: float,
    write_result: Callable[[str], None],
) -> int:
    """Say how the run ended, and give its result; returns the exit code."""
    from simpleflow.cli.view import summary
    from simpleflow.cli.view.follower import ended
    from simpleflow.core import transitions
    from simpleflow.step.report import duration, printable
    from simpleflow.step.report import names as some

    closed: Any = run.history.closed.attributes if run.history.closed else None
    completed = run.history.state == transitions.COMPLETED
    failed = progress.tally.failed
    if completed:
        text = "completed" + (f", but {_count(len(failed), 'step')} failed: {some(failed)}" if failed else "")
    else:
        text = ended(run) if failure is None else f"failed: {errors.told_run(failure)}"
        if here.debug:
            here.terminal.write(_trace(failure, closed))
    if progress.soft_failures:
        text += f"; {_count(progress.soft_failures, 'activity', 'activities')} failed"
    said = summary.lines(progress, seconds, progress.brief, failed=not completed)
    after = "" if said else f" ({duration(seconds)})"
    head = here.terminal.paint(f"workflow {printable(run.workflow_id)}:", BOLD)
    here.terminal.write("".join(line + "\n" for line in (f"{head} {text}{after}", *said)))
    if not completed:
        return errors.RUN_FAILED
    write_result(closed.result if closed.result is not None else "null")
    return errors.STEP_FAILED if failed else errors.OK


def _trace(failure: Failure | None, closed: Any) -> str:
    details = failure.details if failure is not None else getattr(closed, "details", None)
    own = getattr(failure.error, "details", None) if failure is not None else None
    return "".join(dict.fromkeys(filter(None, (errors.traceback_of(details), errors.traceback_of(own)))))


def _count(number: int, one: str, more: str = "") -> str:
    return f"{number} {one if number == 1 else more or one + 's'}"
