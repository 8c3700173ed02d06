"""Running a workflow in this process, from its start to its end, with its progress on standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from simpleflow import settings, shell_words
from simpleflow.cli import errors, log_level, on_end, parameters, start_options, step_names
from simpleflow.cli.cluster_options import cluster_of
from simpleflow.cli.cores import cores
from simpleflow.cli.options import Session
from simpleflow.cli.signals import Stopped, stoppable
from simpleflow.cli.terminal import BOLD, CYAN, Terminal
from simpleflow.exceptions import InputError, SimpleflowError
from simpleflow.runs.activity_output import ALL, NONE
from simpleflow.shown_text import escaped

if TYPE_CHECKING:
    from simpleflow.cli.expected_end import ExpectedEnd
    from simpleflow.cli.view.ending import Ending
    from simpleflow.cli.view.progress import Progress
    from simpleflow.engines.run import Run
    from simpleflow.local import Executor
    from simpleflow.workflow import Workflow

TAIL = "tail"
"""The value of ``--output`` that shows the latest line of what runs, and the last lines of what has failed."""


def run_locally(
    reference: str, given: dict[str, Any], options: dict[str, Any], here: Session, write_result: Callable[[str], None]
) -> int:
    """Run a workflow to its end, as ``workflow.start --local`` does, and return the exit code."""
    with on_end.ending_of(options, here) as ending:
        ending.code = _run(reference, given, options, here, write_result, ending)
    return ending.code


def _run(
    reference: str,
    given: dict[str, Any],
    options: dict[str, Any],
    here: Session,
    write_result: Callable[[str], None],
    ending: Ending,
) -> int:
    # The modules of a run come first, since the collector ignores all that is loaded before the code of the user.
    from simpleflow import local  # noqa: F401
    from simpleflow.cli.load_workflow import load_workflow
    from simpleflow.cli.view import progress as lines  # noqa: F401
    from simpleflow.cli.view import unknown_names, what_next
    from simpleflow.cli.view.run_end import report_end, report_unreached
    from simpleflow.core import transitions

    executor: Executor | None = None
    ends: ExpectedEnd | None = None
    run: Run | None = None
    progress = None
    began = time.monotonic()
    try:
        with stoppable():
            level = log_level.requested_level(options.get("log_level"))
            began_in = errors.folder_here()
            state = options["state"] or settings.SIMPLEFLOW_STATE
            whole = os.path.join(began_in, state)
            workflow_class = load_workflow(reference)
            if errors.folder_here() != began_in:  # its file has changed the folder
                state = whole
            log_level.show_log(level)
            given = parameters.complete_input(workflow_class, given, options["params"])
            progress = ending.progress = _progress(here, options)
            if not progress.open():
                progress = ending.progress = _progress(here, options | {"no_progress": True})
            progress.began_in = began_in
            executor = _executor(workflow_class, options | {"state": state}, progress, here.terminal)
            ending.state, ending.executor = progress.state, executor
            progress.ask_signals(executor.awaited_signals)
            request = start_options.start_request(executor, given)
            planner = what_next.planner(workflow_class, given, options, executor.workflow_id, executor.default_bucket)
            earlier = partial(unknown_names.of_latest_run, progress.state, request.workflow_id)
            for line in unknown_names.lines(planner, options, earlier):
                here.terminal.log(line + "\n")
            if options.get("plan") is not None:
                from simpleflow.cli.run_query import RunLocation

                location = RunLocation(None, progress.state)
                options["plan"].check(workflow_class, given, location, executor.default_bucket, options["fresh"])
            ends = _expected_end(reference, given, options, executor, progress)
            run, failure = executor.execute(given)
            ending.run, ending.failure = run, failure
    except Stopped as stop:
        if progress is not None:
            progress.close()
            report_unreached(here.terminal, progress, options)
        return _stopped(here.terminal, executor, stop)
    finally:
        if progress is not None:
            progress.close()
        if ends is not None:
            ends.close(run is not None and run.history.state == transitions.COMPLETED)
    ending.missed = report_unreached(here.terminal, progress, options)
    if "opentelemetry" in sys.modules:
        from simpleflow import tracing

        if tracing.is_active():
            tracing.record(run.workflow_id, run.run_id, run.history.events)
    overlooked = len(executor.overlooked)
    following = what_next.WhatNext(progress, options, planner)
    seconds = time.monotonic() - began
    code = report_end(here, progress, run, failure, seconds, write_result, overlooked, following, ending.missed)
    ending.again = following.again
    return code


def _progress(here: Session, options: dict[str, Any]) -> Progress:
    """Choose the view of the run: live on a terminal, lines elsewhere and where a debugger may need the terminal."""
    from simpleflow.cli.view.progress import Progress

    if here.terminal.moves and not options["no_progress"] and options["nb_workers"] != 0:
        from simpleflow.cli.view.live import Live

        return Live(here.terminal, here.debug)
    return Progress(here.terminal, here.debug)


def _expected_end(
    reference: str, given: dict[str, Any], options: dict[str, Any], executor: Executor, progress: Progress
) -> ExpectedEnd:
    """Return what estimates the end of the run, once the run begins."""
    from simpleflow.cli.expected_end import ExpectedEnd

    steering = {f"{name}_steps": list(options[name]) for name in step_names.OPTIONS} | {"changed": options["changed"]}
    workers = options["nb_workers"]
    found = ExpectedEnd(
        progress.state,
        {
            "workflow": reference,
            "input": given,
            "workflow_id": executor.workflow_id,
            "steering": steering,
            "workers": (cores() if workers is None else workers) or 1,
        },
    )
    progress.expected_end = found
    return found


def _executor(
    workflow_class: type[Workflow], options: dict[str, Any], progress: Progress, terminal: Terminal
) -> Executor:
    workers = options["nb_workers"]
    cluster = cluster_of(options)
    state = options["state"]
    progress.state = os.path.abspath(state)
    output = options.get("output") or ALL
    if output != NONE:
        progress.read_output(progress.state, shows_latest=output == TAIL)
    try:
        return start_options.make_executor(
            workflow_class,
            options,
            state=state,
            nb_workers=None if cluster is not None else (cores() if workers is None else workers) or None,
            workers=cluster,
            slots=start_options.slots(options.get("slots", ())),
            middlewares={"pre": options["pre"], "post": options["post"]},
            observer=progress.observe,
            on_begin=progress.begin,
            on_wait=progress.show_wait,
            adopt=options["adopt"],
            fresh=options["fresh"],
            output=ALL if output == ALL else NONE,
            paint=lambda name: terminal.paint(name, CYAN),
        )
    except SimpleflowError:
        raise
    except Exception as error:
        raise InputError(f"a middleware cannot be imported: {errors.error_line(error)}") from error


def _stopped(terminal: Terminal, executor: Executor | None, stop: Stopped) -> int:
    hint, write = "", terminal.write
    if executor is not None and executor.run_id is not None:
        name = escaped(executor.workflow_id or "")
        write = terminal.log
        again = "when the same command is run again"
        if shell_words.arguments() != sys.argv[1:]:
            from simpleflow.cli.view.run_summary import command_line

            again = f"with: {command_line()}"
        hint = f"; workflow {name} goes on where it was {again}"
    write(f"{terminal.paint('stopped' if stop.number == 15 else 'interrupted', BOLD)}{hint}\n")
    return 128 + stop.number
