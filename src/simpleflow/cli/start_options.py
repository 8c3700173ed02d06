"""The options of the commands that start a workflow, and the executor and start request made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpleflow.checks import check_name
from simpleflow.cli import errors, step_names
from simpleflow.cli.number import Workers
from simpleflow.cli.options import param_option
from simpleflow.constants import MOST_WORKERS, YEAR
from simpleflow.exceptions import InputError, SimpleflowError
from simpleflow.shown_text import value_text

if TYPE_CHECKING:
    from simpleflow.engines.base import StartRequest
    from simpleflow.local import Executor
    from simpleflow.workflow import Workflow


_Command = TypeVar("_Command", bound=Callable[..., Any])


def add_start_options(command: _Command) -> _Command:
    """Add the options that every command that starts a workflow takes."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def _seconds(name: str, what: str) -> Callable[[_Command], _Command]:
    return click.option(
        name,
        type=click.IntRange(1, YEAR),
        metavar="SECONDS",
        help=f"{what} Default: the value of the class.",
    )


def _on_end(how: str, when: str) -> Callable[[_Command], _Command]:
    return click.option(
        f"--on-{how}",
        metavar="COMMAND",
        help=f"Shell command to run after the run if {when}. Default: SIMPLEFLOW_ON_{how.upper()}.",
    )


def middleware_options(command: _Command) -> _Command:
    """Add ``--middleware-pre-execution`` and ``--middleware-post-execution`` as ``pre`` and ``post``."""
    for when, word in (("post", "after"), ("pre", "before")):
        command = click.option(
            f"--middleware-{when}-execution",
            when,
            multiple=True,
            metavar="PATH",
            help=f"Dotted path of a function to call {word} every activity. You can repeat this option.",
        )(command)
    return command


def workers_options(command: _Command) -> _Command:
    """Add ``--nb-workers`` and ``--slots`` to a command that runs a workflow in its own process."""
    command = click.option(
        "--slots",
        multiple=True,
        metavar="LIST=N",
        help="Run at most N activities of this task list at the same time. You can repeat this option.",
    )(command)
    return click.option(
        "--nb-workers",
        type=Workers(0),
        metavar="N",
        help="Number of worker processes; 0 runs activities in this process, for a debugger. Default: one per core.",
    )(command)


def view_options(command: _Command) -> _Command:
    """Add the options that say what a command shows of a run in its own process."""
    for add in reversed(_VIEW_OPTIONS):
        command = add(command)
    return command


def on_end_options(command: _Command) -> _Command:
    """Add ``--on-failure``, ``--on-success`` and ``--report``."""
    for add in reversed(_ON_END_OPTIONS):
        command = add(command)
    return command


RUN_OPTIONS = (
    *("nb_workers", "slots", "workers", "upload", "reconnect_for", "tls_ca_file", "tls_cert", "tls_key"),
    *("no_progress", "output", "log_level", "on_failure", "on_success", "report", "pre", "post"),
)
"""The names of the options of a run in the process of the command."""

_VIEW_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--no-progress", is_flag=True, help="Show lines instead of a live view. --nb-workers 0 implies this."),
    click.option(
        "--output",
        type=click.Choice(["all", "tail", "none"]),
        help="What activities print. all (default): each line, with its step in front. tail: the latest line of each "
        "activity that runs, and the last lines of those that failed. none: nothing. task.logs and workflow.logs show "
        "it all later.",
    ),
    click.option(
        "--log-level",
        metavar="LEVEL",
        help="Write log records from this level on: debug, info, warning, error or critical. Default: LOG_LEVEL.",
    ),
)

_ON_END_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _on_end("failure", "it has failed, could not start, or a step has failed"),
    _on_end("success", "it has succeeded"),
    click.option(
        "--report",
        metavar="FILE",
        help="Write a report of the run into this file when it has ended, however it ended. Default: "
        "SIMPLEFLOW_REPORT.",
    ),
)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--input", "-i", "input_text", metavar="JSON", help="Input, as JSON; - is standard input."),
    click.option("--input-file", metavar="FILE", help="File with the input of the workflow; - is standard input."),
    param_option,
    click.option(
        "--force",
        multiple=True,
        metavar="NAMES",
        help="Steps to run even if they are done, separated by commas. You can repeat this option.",
    ),
    click.option(
        "--skip",
        multiple=True,
        metavar="NAMES",
        help="Steps to skip unless they are forced, separated by commas; * is every step. You can repeat this option.",
    ),
    click.option(
        "--only",
        multiple=True,
        metavar="NAMES",
        help="The only steps to run, even if they are done; all others are skipped. You can repeat this option.",
    ),
    click.option(
        "--until",
        multiple=True,
        metavar="NAMES",
        help="Steps after which the run stops, once they are done; what is under way is finished. You can repeat this "
        "option.",
    ),
    click.option(
        "--changed",
        is_flag=True,
        help="Run done steps whose arguments or code have changed, and the steps that depend on them.",
    ),
    click.option(
        "--keep-going",
        is_flag=True,
        help="After a failure that fails the run, let what is under way and does not need it finish first.",
    ),
    click.option(
        "--workflow-id",
        metavar="ID",
        help="Workflow id. Default: the one that the class chooses, else the name of the workflow type.",
    ),
    click.option("--tags", metavar="A,B", help="Tags of the execution, at most five, separated by commas."),
    _seconds("--execution-timeout", "Time after which the run ends as timed out."),
    _seconds("--decision-tasks-timeout", "Longest time for one decision."),
    middleware_options,
    on_end_options,
)


def check_start_options(given: dict[str, Any]) -> None:
    """Check names in the options, and replace lists given as text by lists. Raises InputError if a name is invalid."""
    for name in ("workflow_id", "task_list"):
        if given.get(name) is not None:
            check_name(given[name], "--" + name.replace("_", "-"))
    for name in step_names.OPTIONS:
        given[name] = step_names.split_names(given[name], f"--{name}")
    if given["tags"] is not None:
        given["tags"] = [tag.strip() for tag in given["tags"].split(",")] if given["tags"].strip() else []


def slots(given: Sequence[str], option: str = "--slots") -> dict[str, int]:
    """Return ``--slots``, texts such as ``gpu=1``, as a dict. Raises InputError for any other text."""
    found = {}
    for text in given:
        name, separator, count = text.rpartition("=")
        number = int(count) if count.isascii() and count.isdigit() and len(count) < 10 else 0
        if not separator or not name or not 1 <= number <= MOST_WORKERS:
            raise InputError(
                f"{option} is {value_text(text)}; expected LIST=N, such as gpu=1, where N is at most {MOST_WORKERS}"
            )
        found[name.strip()] = number
    return found


def refuse_local(given: dict[str, Any], names: Iterable[str]) -> None:
    """Raise InputError for one of these options of runs in this process, if it is given for a run on Amazon SWF."""
    for name in names:
        if given.get(name) not in (None, (), False):
            of_worker = {"pre": "--middleware-pre-execution", "post": "--middleware-post-execution"}
            option = of_worker.get(name) or "--" + name.replace("_", "-")
            hint = "; give it to worker.start" if name in of_worker else ""
            raise InputError(f"{option} is for runs in this process, not for Amazon SWF{hint}")


def make_executor(workflow_class: type[Workflow], given: dict[str, Any], **others: Any) -> Executor:
    """Make an Executor from the options; ``others`` are further arguments of it.

    Raises InputError if a value is invalid.
    """
    from simpleflow.local import Executor

    overrides = {
        "task_list": given["task_list"],
        "execution_timeout": given["execution_timeout"],
        "decision_task_timeout": given["decision_tasks_timeout"],
    }
    return Executor(
        workflow_class,
        workflow_id=given["workflow_id"],
        tag_list=given["tags"],
        force_steps=given["force"],
        skip_steps=given["skip"],
        only_steps=given["only"],
        until_steps=given["until"],
        planned_steps=None if given.get("plan") is None else given["plan"].planned_steps,
        keep_going=given["keep_going"],
        changed=given["changed"],
        overrides={name: str(value) for name, value in overrides.items() if value is not None},
        **others,
    )


def start_request(executor: Executor, given: Any) -> StartRequest:
    """Return the request to start a run with this input. Raises InputError if the workflow cannot be started."""
    try:
        return executor.request(given)
    except SimpleflowError:
        raise
    except Exception as error:  # from user code, such as get_workflow_id
        name = executor.workflow_class.__name__
        raise InputError(f"workflow {name} cannot be started: {errors.error_line(error)}") from error
