"""``simpleflow workflow.start``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from simpleflow.cli import errors, start_options, workflow_input
from simpleflow.cli.local_run import run_locally
from simpleflow.cli.options import SETTINGS, common, session
from simpleflow.cli.terminal import results_only
from simpleflow.exceptions import InputError

_LOCAL_ONLY = {"state": "--state", "nb_workers": "--nb-workers", "no_progress": "--no-progress"}
_WORKERS_OWN = {"pre": "--middleware-pre-execution", "post": "--middleware-post-execution"}


@click.command("workflow.start", context_settings=SETTINGS)
@click.argument("workflow")
@click.option("--local", is_flag=True, help="Run it here, and wait for its end.")
@start_options.add_start_options
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
    given = workflow_input.read_input(input_text, input_file)
    start_options.check_start_options(options)
    with results_only() as write_result:
        if not local:
            return _start_on_swf(workflow, given, options, write_result)
        return run_locally(workflow, given, options, session(), write_result)


def _start_on_swf(reference: str, given: dict[str, Any], options: dict[str, Any], write: Callable[[str], None]) -> int:
    """Start an execution and write its workflow id and run id; does not wait for its end. Returns the exit code."""
    from simpleflow.cli import swf
    from simpleflow.cli.load_workflow import load_workflow

    for name, option in (*_LOCAL_ONLY.items(), *_WORKERS_OWN.items()):
        if options.get(name) not in (None, (), False):
            hint = "; give it to worker.start" if name in _WORKERS_OWN else ""
            raise InputError(f"{option} is for runs with --local, not for Amazon SWF{hint}")
    domain = swf.swf_domain(options["domain"], hint="; or add --local to run the workflow in this process")
    workflow_class = load_workflow(reference)
    workflow_input.check_input(workflow_class, given)
    asked = start_options.start_request(start_options.make_executor(workflow_class, options), given)
    run_id = swf.swf_engine(domain).start_workflow_execution(asked)
    write(f"{asked.workflow_id} {run_id}")
    return errors.OK
