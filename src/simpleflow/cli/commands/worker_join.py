"""The command ``simpleflow worker.join``."""

from __future__ import annotations

import click

from simpleflow.cli import processes, start_options
from simpleflow.cli.cluster_options import tls_options
from simpleflow.cli.cores import cores
from simpleflow.cli.number import Number, Workers
from simpleflow.cli.options import SETTINGS, common, log_format_option, log_level_option
from simpleflow.cli.terminal import results_only
from simpleflow.cluster.target import check_address
from simpleflow.constants import INSTALL_DASK
from simpleflow.exceptions import InputError


@click.command("worker.join", context_settings=SETTINGS)
@click.argument("scheduler")
@click.option(
    "--task-lists",
    metavar="A=N,B=M",
    help="Task lists to perform activities of, with the slots of each. Default: all, with one slot for each core.",
)
@click.option(
    "--slots",
    type=Workers(),
    metavar="N",
    help="Number of slots for all task lists together. Default: one for each core. Not with --task-lists.",
)
@click.option("--host", metavar="IP", help="Address to listen at. Default: the one by which it reaches the scheduler.")
@click.option("--name", metavar="NAME", help="Name of the worker. Default: its address.")
@click.option(
    "--stop-after",
    type=Number(),
    metavar="SECONDS",
    help='Fail the current activities with the reason "worker stopped" if they go on for so long after SIGTERM or '
    "Ctrl-C. Default: finish them, for as long as it takes.",
)
@tls_options
@log_level_option
@log_format_option
@common
def join(
    scheduler: str,
    task_lists: str | None,
    slots: int | None,
    host: str | None,
    name: str | None,
    stop_after: float | None,
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
) -> int:
    """Perform activities of runs that use a Dask scheduler, until stopped.

    SCHEDULER is its address or its scheduler file. Runs use it with workflow.start --workers. The code of workflows
    must be here, in the current folder, in the folder that the run has it in, or sent with --upload.

    After SIGTERM or Ctrl-C the worker finishes its current activities, unless --stop-after limits that; a second signal
    ends it at once. Everyone who reaches the scheduler or the worker can run code on this machine.

    \b
    Example: simpleflow worker.join tcp://host:8786 --task-lists gpu=1,default=4
    """
    check_address(scheduler)
    if task_lists is not None and slots is not None:
        raise InputError("--slots and --task-lists exclude each other: --task-lists has the slots of each list")
    lists = None if task_lists is None else start_options.slots(task_lists.split(","), "--task-lists")
    try:
        from simpleflow.cluster.join import Join, join_body
        from simpleflow.worker.supervisor import Kind
    except ImportError as error:
        raise InputError(
            f"worker.join needs Dask, which cannot be imported ({error}); install it with: {INSTALL_DASK}"
        ) from error
    with results_only():
        processes.log_to_stderr()
        found = Join(scheduler, lists, slots or cores(), host, name, stop_after, tls_ca_file, tls_cert, tls_key)
        return processes.run_processes([Kind("worker", 1, join_body(found))], stop_after)
