"""The command ``simpleflow``: its commands, and what becomes of their errors."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import click

from simpleflow import __version__
from simpleflow.cli import errors
from simpleflow.cli.decider import decider
from simpleflow.cli.info import info
from simpleflow.cli.options import SETTINGS, Session, common, help_alone
from simpleflow.cli.runs import COMMANDS as READING
from simpleflow.cli.server import server
from simpleflow.cli.standalone import standalone
from simpleflow.cli.start import start
from simpleflow.cli.steer import COMMANDS as STEERING
from simpleflow.cli.steps import COMMANDS
from simpleflow.cli.worker import worker


@click.group("simpleflow", context_settings=SETTINGS, invoke_without_command=True)
@click.version_option(__version__, message="simpleflow %(version)s")
@common
@click.pass_context
def app(context: click.Context) -> None:
    """Workflows made of named steps that run once, are skipped next time, and can be forced or skipped by name."""
    help_alone(context)


app.add_command(start)
app.add_command(info)
for _command in (*COMMANDS, *READING, *STEERING):
    app.add_command(_command)
app.add_command(decider)
app.add_command(worker)
app.add_command(standalone)
app.add_command(server)


def run(args: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Errors are one line each, unless ``--debug`` asks for tracebacks."""
    session = Session()
    try:
        code = app.main(args, prog_name="simpleflow", standalone_mode=False, obj=session)
        return code if isinstance(code, int) else errors.OK
    except click.ClickException as error:
        session.terminal.error(_usage(error))
        return errors.USAGE
    except (click.Abort, KeyboardInterrupt):
        session.terminal.write("interrupted\n")
        return errors.INTERRUPTED
    except Exception as error:  # noqa: BLE001 (whatever it is, the user gets one line)
        if session.debug:
            session.terminal.write(traceback.format_exc())
        code = errors.exit_code(error)
        if code == errors.INTERNAL:
            hint = "" if session.debug else "; run it again with --debug for the traceback"
            session.terminal.error(f"internal fault: {errors.told(error)}{hint}")
        else:
            session.terminal.error(errors.line(str(error)))
        return code


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"; see {context.command_path} --help" if context is not None else ""
    return errors.line(error.format_message()).rstrip(".") + hint
