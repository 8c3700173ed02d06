"""The command ``simpleflow info``: versions, settings and environment.

On a terminal the answer is a table, elsewhere it is one line for each entry, with tabs between the values.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence

import click

from simpleflow import __version__, settings
from simpleflow.cli.help_text import Group
from simpleflow.cli.options import JSON, SETTINGS, TABLE, common, format_option, session
from simpleflow.cli.terminal import Terminal, echo
from simpleflow.cli.view.output import headed
from simpleflow.cli.view.tables import objects, table, table_layout
from simpleflow.shown_text import hide_passwords, printable

_PACKAGES = ("click", "greenlet", "msgspec", "boto3", "botocore")
_PREFIXES = ("AWS_", "SIMPLEFLOW_", "SWF_", "WORKFLOW_DEFAULT_", "ACTIVITY_")
_NAMES = {"LANG", "NO_COLOR", "PYTHONPATH", "STEP_BUCKET", "VIRTUAL_ENV"}
_PROXIES = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}  # in capitals or not
_SECRET = ("SECRET", "TOKEN", "PASSWORD", "ACCESS_KEY")


@click.group("info", cls=Group, context_settings=SETTINGS, invoke_without_command=True)
@common
@click.pass_context
def info(context: click.Context) -> None:
    """Show versions, settings and environment variables of this installation; all of them without a command."""
    if context.invoked_subcommand is None:
        for command in (versions, show_settings, environment):
            context.invoke(command)


@info.command("versions", context_settings=SETTINGS)
@format_option(None)
@common
def versions(style: str | None) -> None:
    """Show the versions of simpleflow, Python, the system and the main dependencies.

    \b
    Example: simpleflow info versions --format json
    """
    from importlib import metadata

    rows = [("simpleflow", __version__), ("python", platform.python_version()), ("system", platform.platform())]
    for package in _PACKAGES:
        try:
            rows.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            rows.append((package, "not installed"))
    _show(style, ("name", "version"), rows)


@info.command("settings", context_settings=SETTINGS)
@format_option(None)
@common
def show_settings(style: str | None) -> None:
    """Show each setting with its value and the source of the value.

    \b
    Example: simpleflow info settings --format csv
    """
    sys.path.insert(0, os.getcwd())  # so that a settings module there is found
    _show(
        style,
        ("setting", "value", "from"),
        [(name, hide_passwords(_text(value)), origin) for name, value, origin in settings.describe()],
    )


@info.command("environment", context_settings=SETTINGS)
@format_option(None)
@common
def environment(style: str | None) -> None:
    """Show the environment variables that simpleflow and boto3 read. Secrets are hidden.

    \b
    Example: simpleflow info environment --format table
    """
    rows = [
        (name, "(hidden)" if any(word in name for word in _SECRET) else hide_passwords(value))
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES) or name in _NAMES or name.upper() in _PROXIES
    ]
    _show(style, ("variable", "value"), rows)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _show(style: str | None, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if style == TABLE or (style is None and sys.stdout.isatty()):
        terminal = Terminal(sys.stdout, session().color)
        echo(headed(table(titles, rows, table_layout(terminal))))
    elif style is not None:
        text = objects(style, titles, [dict(zip(titles, row, strict=True)) for row in rows])
        echo(text if style == JSON else headed(text))
    else:
        for row in rows:
            echo("\t".join(map(printable, row)))
