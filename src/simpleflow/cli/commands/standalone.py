"""The command ``simpleflow standalone``: run a workflow on Amazon SWF with its own deciders and workers."""

from __future__ import annotations

import re
import signal
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors, on_end, parameters, start_options, swf, unread_input, workflow_input
from simpleflow.cli.number import Workers
from simpleflow.cli.options import SETTINGS, Session, common, log_format_option, session
from simpleflow.cli.run_query import RunLocation, RunQuery, Runs
from simpleflow.cli.terminal import BOLD, results_only
from simpleflow.constants import RETURN_SIGNAL
from simpleflow.exceptions import InputError
from simpleflow.shown_text import escaped, short_run_id

if TYPE_CHECKING:
    from simpleflow.cli.view import what_next
    from simpleflow.cli.view.ending import Ending
    from simpleflow.core.events import Event
    from simpleflow.engines.base import StartRequest
    from simpleflow.worker.supervisor import Supervisor

_FIRST_POLL_SECONDS = 0.2
_MAX_POLL_SECONDS = 3.0
_IDLE_POLLS = 2  # in a row, before a run that has returned is told to end without its children


@click.command("standalone", context_settings=SETTINGS)
@click.argument("workflow")
@swf.domain_option
@start_options.add_start_options
@click.option("--nb-deciders", "-D", type=Workers(), default=1, show_default=True, help="Number of decider processes.")
@click.option("--nb-workers", "-W", type=Workers(), default=1, show_default=True, help="Number of worker processes.")
@swf.heartbeat_option
@click.option("--display-status", is_flag=True, help="Show the progress of the run.")
@click.option(
    "--repair",
    metavar='"ID [RUN]"',
    help="Execution whose completed activities are not run again. Its input is used if none is given.",
)
@click.option("--force-activities", metavar="REGEX", help="With --repair: run activities with matching names again.")
@log_format_option
@common
def standalone(workflow: str, input_text: str | None, input_file: str | None, **options: Any) -> int:
    """Run a workflow on Amazon SWF with its own deciders and workers.

    The command waits for the end of the run. The deciders and workers poll a task list that only this run uses, and all
    of its activities and child workflows go to this task list too. Result, progress and exit code are those of
    workflow.start --local.

    \b
    Example: simpleflow standalone --domain tests --nb-workers 4 flow.py:Daily
    """
    domain = swf.swf_domain(options["domain"])
    again = _pattern(options["force_activities"], options["repair"])
    is_given = input_text is not None or input_file is not None or options["params"]
    given = workflow_input.read_input(input_text, input_file) if is_given else None
    unread_input.watch(input_text, input_file)
    start_options.check_start_options(options)
    from simpleflow.cli import processes

    with results_only() as write_result:
        processes.log_to_stderr()
        with on_end.ending_of(options, session()) as ending:
            ending.code = _run(workflow, domain, given, again, options, session(), write_result, ending)
        return ending.code


def _run(
    reference: str,
    domain: str,
    given: dict[str, Any] | None,
    again: re.Pattern[str] | None,
    options: dict[str, Any],
    here: Session,
    write_result: Callable[[str], None],
    ending: Ending,
) -> int:
    from simpleflow.cli import processes
    from simpleflow.cli.load_workflow import load_workflow
    from simpleflow.cli.view import unknown_names, what_next
    from simpleflow.step import recorded_tasks
    from simpleflow.worker.imports import NOTHING, beside
    from simpleflow.worker.repair import former_input, former_tasks
    from simpleflow.worker.service import deciders, worker_body
    from simpleflow.worker.supervisor import Kind, Supervisor

    def runs_again(name: str) -> bool:
        """True for what reads and writes marks, since those may have changed, and for what ``again`` names."""
        return recorded_tasks.is_about_marks(name) or (again is not None and again.search(name) is not None)

    workflow_class = load_workflow(reference)
    task_list = f"standalone-{uuid.uuid4()}"
    past = _past(domain, *_execution(options["repair"])) if options["repair"] else None
    if given is None:
        given = {"args": [], "kwargs": {}} if past is None else former_input(past)
    given = parameters.complete_input(workflow_class, given, options["params"])
    executor = start_options.make_executor(workflow_class, {**options, "task_list": task_list})
    request = start_options.start_request(executor, given)
    former = {} if past is None else former_tasks(past, runs_again)
    middlewares = processes.load_middlewares(options["pre"], options["post"])
    planner = what_next.planner(workflow_class, given, options, request.workflow_id, None, domain)
    for line in unknown_names.lines(planner, options):
        here.terminal.log(line + "\n")
    supervisor = Supervisor()
    try:
        supervisor.add(
            deciders(
                lambda: swf.decision_source(domain, task_list),
                {request.name: workflow_class},
                domain,
                swf.on_closed(domain),
                task_list,
                NOTHING,
                options["nb_deciders"],
            )
        )
        body = worker_body(
            lambda left: swf.activity_source(domain, task_list, left),
            domain,
            options["heartbeat"],
            middlewares,
            former=former,
            imports=beside(workflow_class.__module__),
        )
        supervisor.add(Kind("worker", options["nb_workers"], body))
        return _follow(supervisor, domain, request, here, options, write_result, ending, planner)
    finally:
        supervisor.close()


def _follow(
    supervisor: Supervisor,
    domain: str,
    request: StartRequest,
    here: Session,
    options: dict[str, Any],
    write_result: Callable[[str], None],
    ending: Ending,
    planner: what_next.Planner | None,
) -> int:
    """Start the execution, keep its processes running until it has ended, and return the exit code."""
    from simpleflow.cli.terminal import Terminal
    from simpleflow.cli.view import what_next
    from simpleflow.cli.view.progress import Progress
    from simpleflow.cli.view.run_end import report_end, report_unreached
    from simpleflow.cli.view.run_watcher import RunWatcher

    shows = options["display_status"]
    supervisor.tend(0)  # fork the processes before this one opens a connection
    began = time.monotonic()
    engine = swf.swf_engine(domain)
    ending.workflow_id, ending.domain = request.workflow_id, domain
    ending.run_id = run_id = engine.start_workflow_execution(request)
    terminal = here.terminal
    head = terminal.paint(f"workflow {escaped(request.workflow_id)}:", BOLD)
    terminal.log(f"{head} started, run {short_run_id(run_id)} in domain {domain}, task list {request.task_list}\n")
    progress = Progress(terminal if shows else Terminal(None), here.debug)
    progress.brief = shows  # without the progress lines, the summary has all details
    watcher = RunWatcher(engine, request.workflow_id, run_id, progress.observe, whole=shows)
    polls_idle = 0  # the latest polls that found only children waiting for signals
    wait = _FIRST_POLL_SECONDS
    next_poll = began + wait
    while supervisor.signal is None and supervisor.busy:
        supervisor.tend(max(0.0, next_poll - time.monotonic()))
        if time.monotonic() < next_poll:
            continue
        if watcher.poll():
            supervisor.stop()
            supervisor.run()
            ending.missed = missed = report_unreached(terminal, progress, options)
            seconds = time.monotonic() - began
            ending.run, ending.progress = watcher.run, progress
            following = what_next.WhatNext(progress, options, planner)
            left = watcher.overlooked
            code = report_end(here, progress, watcher.run, None, seconds, write_result, left, following, missed)
            ending.again = following.again
            return code
        polls_idle = polls_idle + 1 if watcher.only_waits else 0
        if polls_idle == _IDLE_POLLS:
            engine.signal_workflow_execution(watcher.run.workflow_id, RETURN_SIGNAL, None, watcher.run.run_id)
        wait = min(wait * 1.3, _MAX_POLL_SECONDS)
        next_poll = time.monotonic() + wait
    supervisor.run()
    return _left_open(supervisor, domain, request, here)


def _left_open(supervisor: Supervisor, domain: str, request: StartRequest, here: Session) -> int:
    terminal = here.terminal
    word = "stopped" if supervisor.signal in (None, signal.SIGTERM) else "interrupted"
    terminal.log(
        f"{terminal.paint(word, BOLD)}; workflow {escaped(request.workflow_id)} is still open; to continue it, run "
        f"decider.start and worker.start with -d {domain} -t {request.task_list}\n"
    )
    return errors.RUN_FAILED if supervisor.signal is None else 128 + supervisor.signal


def _pattern(text: str | None, repair: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    if repair is None:
        raise InputError("--force-activities needs --repair; without --repair every activity is run")
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f"--force-activities {text!r} is not a regular expression: {error}") from error


def _past(domain: str, workflow_id: str, run_id: str | None) -> Sequence[Event]:
    """Return the history of a run; its run id may be the begin of one."""
    location = RunLocation(domain, None)
    runs = Runs(location, swf.swf_engine(domain))
    return runs.engine.history(*runs.resolve(RunQuery(location, workflow_id, run_id)))


def _execution(text: str) -> tuple[str, str | None]:
    """Split the value of ``--repair`` into workflow id and run id."""
    parts = text.split()
    if len(parts) not in (1, 2):
        raise InputError(f'--repair {text!r} does not name a run; expected a workflow id, or "ID RUN" with a run id')
    return parts[0], parts[1] if len(parts) == 2 else None
