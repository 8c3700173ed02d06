"""The command ``simpleflow workflow.start``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from simpleflow import settings
from simpleflow.cli import (
    cluster_options,
    errors,
    parameters,
    start_options,
    unread_input,
    workflow_input,
)
from simpleflow.cli.local_run import run_locally
from simpleflow.cli.options import SETTINGS, common, session, state_option
from simpleflow.cli.terminal import results_only

_LOCAL_OPTIONS = ("state", "adopt", "fresh", *start_options.RUN_OPTIONS)
"""The options of a run in this process."""


@click.command("workflow.start", context_settings=SETTINGS)
@click.argument("workflow")
@click.option("--local", is_flag=True, help="Run the workflow in this process, even if SWF_DOMAIN is set.")
@start_options.add_start_options
@state_option("Folder for history and done marks. Default: SIMPLEFLOW_STATE.")
@start_options.workers_options
@cluster_options.driver_options
@click.option(
    "--plan",
    metavar="FILE",
    help="Steer the run as this plan of step.plan --save says. If the plan no longer holds, nothing is started; the "
    "run stops before a step that it would treat differently.",
)
@click.option(
    "--adopt",
    is_flag=True,
    help="Go on with the runs and marks of the workflow id although another file started them: the file has moved.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Begin a new run, even if the last one was interrupted: that one is closed. Done steps stay done.",
)
@start_options.view_options
@click.option("--domain", "-d", metavar="NAME", help="Start it in this Amazon SWF domain. Default: SWF_DOMAIN.")
@click.option("--task-list", metavar="NAME", help="Task list of the decision tasks. Default: the one of the class.")
@common
def start(workflow: str, local: bool, input_text: str | None, input_file: str | None, **options: Any) -> int:
    """Run a workflow in this process, or start it on Amazon SWF if a domain is given.

    WORKFLOW is module.Class or path/to/file.py:Class; path/to/file.py is enough if it defines one workflow.

    In this process the result is written to standard output as JSON. Progress, and all that the workflow prints, goes
    to standard error. If the last run of the workflow id was interrupted, it continues where it was, or with --fresh is
    closed.

    With --domain or SWF_DOMAIN the run is started on Amazon SWF, where decider.start and worker.start work on it. Its
    workflow id and run id are written to standard output.

    A step name covers all steps below it: --force load forces load.users too. With --force report --skip '*', only
    report and the steps that depend on it run.

    Give the parameters of the workflow's run by name with -p, such as -p day=mon; or all of them as the input.

    The input is JSON: a list of arguments, {"args": [...], "kwargs": {...}}, or one number, text, true, false or null.

    \b
    Example: simpleflow workflow.start flow.py:Daily --force load
    """
    given = workflow_input.read_input(input_text, input_file)
    unread_input.watch(input_text, input_file)
    start_options.check_start_options(options)
    if options["plan"] is not None:
        from simpleflow.cli import plan_contract

        options["plan"] = plan_contract.StartPlan(options["plan"])
        has_input = input_text is not None or input_file is not None or bool(options["params"])
        given = options["plan"].steer(options, given, has_input)
    with results_only() as write_result:
        on_swf = options["domain"] is not None or (options["state"] is None and settings.SWF_DOMAIN)
        if on_swf and not local:
            return _start_on_swf(workflow, given, options, write_result)
        return run_locally(workflow, given, options, session(), write_result)


def _start_on_swf(reference: str, given: dict[str, Any], options: dict[str, Any], write: Callable[[str], None]) -> int:
    """Start an execution on Amazon SWF, write its workflow id and run id, and return the exit code without waiting."""
    from simpleflow.cli import swf
    from simpleflow.cli.load_workflow import load_workflow
    from simpleflow.cli.run_query import RunLocation
    from simpleflow.cli.view import unknown_names, what_next

    start_options.refuse_local(options, _LOCAL_OPTIONS)
    domain = swf.swf_domain(options["domain"], hint="; or add --local to run the workflow in this process")
    workflow_class = load_workflow(reference)
    given = parameters.complete_input(workflow_class, given, options["params"])
    if options["plan"] is not None:
        options["plan"].check(workflow_class, given, RunLocation(domain, None), None)
    request = start_options.start_request(start_options.make_executor(workflow_class, options), given)
    planner = what_next.planner(workflow_class, given, options, request.workflow_id, None, domain)
    for line in unknown_names.lines(planner, options):
        session().terminal.log(line + "\n")
    run_id = swf.swf_engine(domain).start_workflow_execution(request)
    write(f"{request.workflow_id} {run_id}")
    return errors.OK
