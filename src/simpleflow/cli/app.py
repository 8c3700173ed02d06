"""The program ``simpleflow``: the table of its commands, and how errors become one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from simpleflow import settings, shell_words
from simpleflow.cli import errors, existing_options, installation, suggestions
from simpleflow.cli.help_text import Group
from simpleflow.cli.options import (
    SETTINGS,
    Session,
    common,
    global_output_options,
    help_alone,
    help_width,
    version_option,
)
from simpleflow.cli.sentences import SENTENCES
from simpleflow.exceptions import StateError
from simpleflow.shown_text import escaped_lines, hide_passwords

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_VARIABLES = (
    settings.MODULE_VARIABLE,
    *(f"SIMPLEFLOW_{name}" for name in ("FORMAT", "RUN_ID", "WORKFLOW_ID", "STATUS", "REASON")),
)
"""Variables that are no settings: the default of an option, and those for the commands of ``--on-failure``."""

_COMMANDS = {
    "workflow.start": "commands.workflow_start:start",
    "standalone": "commands.standalone:standalone",
    "decider.start": "commands.decider_start:decider",
    "worker.start": "commands.worker_start:worker",
    "worker.join": "commands.worker_join:join",
    "server": "commands.server:server",
    "step.list": "commands.steps:step_list",
    "step.plan": "commands.steps:step_plan",
    "step.why": "commands.step_why:step_why",
    "plan.diff": "commands.plan_diff:plan_diff",
    "step.forget": "commands.steps:step_forget",
    "step.mark": "commands.steps:step_mark",
    "state.check": "commands.state:state_check",
    "state.rescue": "commands.state:state_rescue",
    "workflow.prune": "commands.prune:workflow_prune",
    "workflow.list": "commands.runs:workflow_list",
    "workflow.filter": "commands.runs:workflow_filter",
    "workflow.steps": "commands.run_steps:workflow_steps",
    "workflow.timeline": "commands.pictures:workflow_timeline",
    "workflow.graph": "commands.pictures:workflow_graph",
    "workflow.report": "commands.pictures:workflow_report",
    "workflow.info": "commands.runs:workflow_info",
    "workflow.history": "commands.runs:workflow_history",
    "history.check": "commands.history_check:history_check",
    "workflow.replay": "commands.replay:workflow_replay",
    "workflow.tasks": "commands.runs:workflow_tasks",
    "workflow.profile": "commands.runs:workflow_profile",
    "workflow.logs": "commands.logs:workflow_logs",
    "task.info": "commands.runs:task_info",
    "task.logs": "commands.logs:task_logs",
    "workflow.signal": "commands.control:workflow_signal",
    "workflow.cancel": "commands.control:workflow_cancel",
    "workflow.terminate": "commands.control:workflow_terminate",
    "workflow.restart": "commands.restart:restart",
    "activity.rerun": "commands.control:activity_rerun",
    "info": "commands.info:info",
    "ui": "commands.ui:ui",
}
"""The module and attribute of each command; the module is imported when the command is called."""


class _Commands(Group):
    sentences = SENTENCES

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        path = _COMMANDS.get(name)
        if path is None:
            return None
        module, _, attribute = path.partition(":")
        command: click.Command = getattr(importlib.import_module(f"simpleflow.cli.{module}"), attribute)
        if context.resilient_parsing:  # for shell completion
            from simpleflow.cli import completion

            return completion.install(command)
        return command

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command, without loading any of them, or an option."""
        if incomplete.startswith("-"):
            return super().shell_complete(context, incomplete)
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _COMMANDS if name.startswith(incomplete)]

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not context.resilient_parsing:
            raise click.UsageError(
                f"No such command {name!r}{suggestions.of_command(name, args[1:], _COMMANDS)}", context
            )
        return super().resolve_command(context, existing_options.translated(args))


@click.group("simpleflow", cls=_Commands, context_settings=SETTINGS, invoke_without_command=True)
@global_output_options
@version_option
@common
@click.pass_context
def app(context: click.Context) -> None:
    """Run and inspect workflows.

    Workflows are made of named steps. A step runs once and is skipped in later runs. You can force or skip steps by
    name.
    """
    help_alone(context)
    try:
        folder = os.getcwd()
    except OSError as error:
        raise StateError(f"the current folder cannot be used: {error.strerror}; change to another folder") from error
    if os.environ.get(settings.MODULE_VARIABLE) and folder not in sys.path:
        sys.path.insert(0, folder)  # settings are read before any module of the user is
    if conflict := installation.conflict():
        context.obj.warn(conflict)
    others = (*existing_options.UNUSED_SETTINGS, *_VARIABLES)
    for text in (existing_options.unused_settings(), suggestions.of_settings(settings.NAMES, others)):
        if text:
            context.obj.warn(text)


def run(args: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. An error is printed as one line; ``--debug`` adds the traceback."""
    shell_words.stand_for(None)
    with errors.from_here():
        return _run(args)


def _run(args: Sequence[str] | None) -> int:
    session = Session()
    if "_SIMPLEFLOW_COMPLETE" in os.environ:
        from simpleflow.cli import completion_shells

        completion_shells.register()
    try:
        code = app.main(args, prog_name="simpleflow", standalone_mode=False, obj=session, terminal_width=help_width())
        return code if isinstance(code, int) else errors.OK
    except click.ClickException as error:
        session.terminal.error(_usage(error))
        return errors.USAGE
    except (click.Abort, KeyboardInterrupt):
        session.terminal.write("interrupted\n")
        return errors.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the user gets one line for every error)
        if session.debug:
            import traceback  # here, since the help of a command does not wait for it

            session.terminal.write(hide_passwords(escaped_lines(traceback.format_exc())))
        code = errors.exit_code(error)
        hint = "; run it again with --debug for the traceback"
        text = errors.command_line(error)
        session.terminal.error(text + hint if code == errors.INTERNAL and not session.debug else text)
        return code


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"; see {context.command_path} --help" if context is not None else ""
    text = error.format_message()
    if isinstance(error, click.NoSuchOption):
        before = any(error.option_name in each.opts + each.secondary_opts for each in app.params)
        close = " behind a command: give it before" if before else suggestions.of_option(error.option_name, context)
        text = f"No such option {error.option_name!r}{close}"
    elif isinstance(error, click.UsageError) and error.message.startswith("No such command"):
        known = context.command.commands if context is not None and isinstance(context.command, click.Group) else {}
        if known:  # of a group, such as info
            text = error.message.rstrip(".") + suggestions.of(error.message.split("'")[1], known)
    return errors.one_line(text).rstrip(".") + hint
