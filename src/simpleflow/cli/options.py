"""Options that all or many commands share, and the session that holds their values."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from simpleflow.cli import installation
from simpleflow.cli.errors import one_line
from simpleflow.cli.terminal import ALWAYS, AUTO, NEVER, YELLOW, Terminal, echo
from simpleflow.exceptions import InputError

SETTINGS: dict[str, Any] = {"help_option_names": []}
"""The click settings of every command. The option ``--help`` comes from ``common``."""

TABLE, JSON, CSV = "table", "json", "csv"
FORMATS = (TABLE, JSON, CSV)
"""The values of ``--format``."""

_OTHER_FORMATS = {"prettyjson": JSON, "tabular": TABLE, "human": TABLE}
"""Their names in the existing library named simpleflow."""

_MOST_HELP, _WIDE_HELP, _LEAST_HELP = 98, 50, 24  # columns; click wraps for 50 at least
_UNKNOWN = 80  # columns, as click assumes
_INDENT = 4  # of what an option does there
_OF_OPTIONS = 30  # click's width of the column of options

_FORMAT_VARIABLE = "SIMPLEFLOW_FORMAT"

_JSON_WANTED = "simpleflow.json"  # key in a context: --json was given

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Session:
    """The values of the options that every command takes, before or after its name."""

    def __init__(self) -> None:
        self.debug = False  # print tracebacks
        self.color = AUTO  # auto, always or never
        self.style: str | None = None  # format of commands that are given none
        self.header = True  # tables and CSV have a line with their titles
        self._terminals: dict[str, Terminal] = {}

    @property
    def terminal(self) -> Terminal:
        """Standard error, with colours as ``--color`` says."""
        if self.color not in self._terminals:
            self._terminals[self.color] = Terminal(sys.stderr, self.color)
        return self._terminals[self.color]

    def warn(self, text: str) -> None:
        """Write a warning as one line to standard error."""
        self.terminal.write(f"{self.terminal.paint('warning:', YELLOW)} {one_line(text)}\n")


def session() -> Session:
    """Return the session of the running command."""
    found: Session = click.get_current_context().find_root().obj
    return found


def _debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().obj.debug = True


def _color(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.find_root().obj.color = value


class _NarrowFormatter(click.HelpFormatter):
    """Writes what an option does below it, where a column beside it has no room."""

    def write_dl(self, rows: Any, col_max: int = _OF_OPTIONS, col_spacing: int = 2) -> None:
        """See ``click.HelpFormatter``."""
        super().write_dl(rows, _INDENT if col_max == _OF_OPTIONS else col_max, col_spacing)


def _help(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        if context.terminal_width is not None and context.terminal_width < _WIDE_HELP:
            context.formatter_class = _NarrowFormatter
        echo(context.get_help())
        context.exit()


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        echo("\n".join(installation.version_lines()))
        if conflict := installation.conflict():
            context.find_root().obj.warn(conflict)
        context.exit()


def version_option(command: _Command) -> _Command:
    """Add ``--version`` to a command."""
    return _eager_flag(["--version"], _version, "Show the version, and which library this is, and exit.")(command)


def _eager_flag(names: list[str], callback: Callable[..., None], text: str) -> Callable[[_Command], _Command]:
    return click.option(*names, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=text)


def help_width() -> int:
    """Return the columns of help texts. click would load ``shutil`` for that, and wraps no text for fewer than 50."""
    columns = _columns()
    if columns - 2 < _WIDE_HELP:
        return max(_LEAST_HELP, columns - 1)
    return min(columns - 2, _MOST_HELP)


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(1).columns or _UNKNOWN
    except OSError:  # standard output is no terminal
        return _UNKNOWN


def common(command: _Command) -> _Command:
    """Add ``--debug``, ``--color`` and ``--help`` to a command."""
    for add in (
        _eager_flag(["--help", "-h"], _help, "Show this message and exit."),
        click.option(
            "--color",
            type=click.Choice([AUTO, ALWAYS, NEVER]),
            expose_value=False,
            callback=_color,
            help="When to use colours. auto: on a terminal, unless NO_COLOR is set.",
        ),
        click.option(
            "--debug", is_flag=True, expose_value=False, callback=_debug, help="Show the tracebacks of errors."
        ),
    ):
        command = add(command)
    return command


def help_alone(context: click.Context) -> None:
    """Show the help of a command group if no command of the group is given."""
    if context.invoked_subcommand is None:
        echo(context.get_help())


def _folder(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value == "":
        raise InputError("--state is empty; expected the path of a folder")
    return None if value is None else os.path.expanduser(value)  # a shell leaves the ~ of --state=~/flows as it is


def state_option(text: str) -> Callable[[_Command], _Command]:
    """Add ``--state`` to a command."""
    return click.option("--state", metavar="FOLDER", callback=_folder, help=text)


def _log_level(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        os.environ["LOG_LEVEL"] = value  # for the processes of the command, too


def log_level_option(command: _Command) -> _Command:
    """Add ``--log-level`` to a command that writes a log."""
    return click.option(
        "--log-level",
        "-l",
        metavar="LEVEL",
        expose_value=False,
        callback=_log_level,
        help="Lowest level to log: DEBUG, INFO, WARNING, ERROR or CRITICAL. Default: LOG_LEVEL, or INFO.",
    )(command)


def _log_format(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        os.environ["SIMPLEFLOW_LOG_FORMAT"] = value


def log_format_option(command: _Command) -> _Command:
    """Add ``--log-format`` to a command that writes a log."""
    return click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        expose_value=False,
        callback=_log_format,
        help="Form of the log; json: one object a line. Default: SIMPLEFLOW_LOG_FORMAT, or text.",
    )(command)


def param_option(command: _Command) -> _Command:
    """The option ``--param`` for the input of a workflow."""
    return click.option(
        "--param",
        "-p",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        help="Parameter of the workflow's run, by its name. You can repeat this option.",
    )(command)


class _Format(click.Choice[str]):
    """A format, by its name or by the one that the existing library has for it."""

    def __init__(self, others: Sequence[str] = ()) -> None:
        super().__init__((*FORMATS, *others))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See ``click.ParamType``."""
        return super().convert(_OTHER_FORMATS.get(value, value), param, ctx)


def global_output_options(command: _Command) -> _Command:
    """Add ``--format`` and ``--header`` for all commands, before the name of one."""

    def keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
        return lambda context, parameter, value: setattr(context.find_root().obj, name, value)

    command = click.option(
        "--header/--no-header",
        default=True,
        expose_value=False,
        callback=keep("header"),
        help="Write a line with titles above tables and CSV, or none.",
    )(command)
    return click.option(
        "--format",
        "style",
        type=_Format(),
        metavar="|".join(FORMATS),
        envvar=_FORMAT_VARIABLE,
        expose_value=False,
        callback=keep("style"),
        help="Output format of commands that are given none.",
    )(command)


def _json(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_JSON_WANTED] = True


def _style(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the format: that of ``--json``, which is read before, or of ``--format``."""
    from_line = parameter.name and context.get_parameter_source(parameter.name) == ParameterSource.COMMANDLINE
    if _JSON_WANTED not in context.meta:
        return value if from_line or session().style is None else session().style
    if from_line and value != JSON:
        raise InputError(f"--json and --format {value} exclude each other; give one of them")
    return JSON


def format_option(default: str | None = TABLE, *others: str) -> Callable[[_Command], _Command]:
    """Add ``--format`` to a command, as the parameter ``style``, and ``--json``, which is short for one value of it.

    ``others``: formats that only this command has.
    """
    default_text = "Default: table." if default else "Default: table on a terminal, else lines separated by tabs."

    def add(command: _Command) -> _Command:
        command = click.option(
            "--json", is_flag=True, is_eager=True, expose_value=False, callback=_json, help="Short for --format json."
        )(command)
        return click.option(
            "--format",
            "style",
            type=_Format(others),
            metavar="|".join((*FORMATS, *others)),
            default=default,
            callback=_style,
            help=f"Output format. {default_text}",
        )(command)

    return add
