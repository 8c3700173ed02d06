"""The command ``simpleflow worker.start``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simpleflow import settings
from simpleflow.checks import check_name
from simpleflow.cli import swf
from simpleflow.cli.number import Number, Workers
from simpleflow.cli.options import SETTINGS, common, log_format_option, log_level_option
from simpleflow.cli.start_options import middleware_options
from simpleflow.cli.terminal import results_only
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.worker.imports import Imports


@click.command("worker.start", context_settings=SETTINGS)
@swf.domain_option
@click.option("--task-list", "-t", metavar="NAME", help="Task list to poll. Default: ACTIVITY_DEFAULT_TASK_LIST.")
@click.option(
    "--nb-processes",
    "-N",
    type=Workers(),
    default=1,
    show_default=True,
    help="Number of worker processes; each runs one task at a time.",
)
@swf.heartbeat_option
@click.option("--one-task", is_flag=True, help="End each process after one task.")
@click.option(
    "--poll-data",
    metavar="BASE64",
    help="Run only this task, a response of PollForActivityTask as JSON in Base64, and end.",
)
@click.option(
    "--modules",
    metavar="A,B.C",
    help="Perform activities of these modules, and of those below them, and import no other module for the name of an "
    "activity. Default: SIMPLEFLOW_ACTIVITY_MODULES, else any module.",
)
@click.option(
    "--stop-after",
    type=Number(),
    metavar="SECONDS",
    help='Fail the current task with the reason "worker stopped" if it goes on for so long after SIGTERM or Ctrl-C. '
    "Default: finish it, for as long as it takes.",
)
@middleware_options
@log_level_option
@log_format_option
@common
def worker(
    domain: str | None,
    task_list: str | None,
    nb_processes: int,
    heartbeat: float,
    one_task: bool,
    poll_data: str | None,
    modules: str | None,
    stop_after: float | None,
    pre: tuple[str, ...],
    post: tuple[str, ...],
) -> int:
    """Run the activities of a task list on Amazon SWF until stopped.

    Activities are found by their names, in modules that can be imported from the current folder; --modules limits
    these modules. After SIGTERM or Ctrl-C each process finishes its current task, unless --stop-after limits that; a
    second signal ends all processes at once.

    \b
    Example: simpleflow worker.start --domain tests -N 4
    """
    from simpleflow.cli import processes
    from simpleflow.cli.load_workflow import find_modules_here
    from simpleflow.worker.service import worker_body
    from simpleflow.worker.supervisor import Kind

    found = swf.swf_domain(domain)
    with results_only():
        processes.log_to_stderr()
        find_modules_here()
        name = check_name(settings.ACTIVITY_DEFAULT_TASK_LIST if task_list is None else task_list, "--task-list")
        given = None if poll_data is None else processes.decode_poll_data(poll_data, name)
        body = worker_body(
            lambda left: swf.activity_source(found, name, left),
            found,
            heartbeat,
            processes.load_middlewares(pre, post),
            one_task,
            given,
            imports=_imports(modules),
            stop_after=stop_after,
        )
        count = 1 if given is not None else nb_processes
        return processes.run_processes([Kind("worker", count, body)], stop_after)


def _imports(modules: str | None) -> Imports:
    """Return what a worker may import, and import the modules that it is limited to. Raises InputError."""
    from simpleflow.worker import imports

    text = settings.SIMPLEFLOW_ACTIVITY_MODULES
    if modules is not None:
        text = settings.activity_modules("--modules", modules)
        if text is None:
            raise InputError("--modules is empty; expected names of modules such as a,b.c")
    if text is None:
        return imports.ANY
    names = text.split(",")
    imports.import_all(names)
    return imports.only(names)
