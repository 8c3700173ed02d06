"""The command ``simpleflow decider.start``."""

from __future__ import annotations

import click

from simpleflow.checks import check_name
from simpleflow.cli import swf
from simpleflow.cli.number import Workers
from simpleflow.cli.options import SETTINGS, common, log_format_option, log_level_option
from simpleflow.cli.terminal import results_only


@click.command("decider.start", context_settings=SETTINGS)
@click.argument("workflows", nargs=-1)
@swf.domain_option
@click.option("--task-list", "-t", metavar="NAME", help="Task list to poll. Default: the one of the workflows.")
@click.option(
    "--nb-processes",
    "-N",
    type=Workers(),
    default=1,
    show_default=True,
    help="Number of decider processes.",
)
@log_level_option
@log_format_option
@common
def decider(workflows: tuple[str, ...], domain: str | None, task_list: str | None, nb_processes: int) -> int:
    """Answer the decision tasks of a task list on Amazon SWF until stopped.

    WORKFLOWS are module.Class or path/to/file.py:Class. Other workflows on the task list are imported by their type
    names. After SIGTERM or Ctrl-C each process finishes its current decision; a second signal ends it at once.

    \b
    Example: simpleflow decider.start --domain tests -N 2 flow.Daily
    """
    from simpleflow.cli import processes
    from simpleflow.worker.service import deciders

    found = swf.swf_domain(domain)
    with results_only():
        processes.log_to_stderr()
        classes = processes.load_workflow_classes(workflows)
        name = check_name(processes.common_task_list(classes) if task_list is None else task_list, "--task-list")
        connect = lambda: swf.decision_source(found, name)  # noqa: E731
        return processes.run_processes([deciders(connect, classes, found, swf.on_closed(found), count=nb_processes)])
