"""The command ``simpleflow info``: versions, settings and environment.

On a terminal the answer is a table, elsewhere it is one line for each entry, with tabs between the values.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence

import click

from simpleflow import __version__, settings
from simpleflow.cli.help_text import Group
from simpleflow.cli.options import JSON, SETTINGS, TABLE, common, format_option, session
from simpleflow.cli.terminal import Terminal, echo
from simpleflow.cli.view.output import headed
from simpleflow.cli.view.tables import as_json, objects, table, table_layout
from simpleflow.shown_text import hide_passwords, printable

_PACKAGES = ("click", "greenlet", "msgspec", "boto3", "botocore")
_PREFIXES = ("AWS_", "SIMPLEFLOW_", "SWF_", "WORKFLOW_DEFAULT_", "ACTIVITY_")
_NAMES = {"LANG", "NO_COLOR", "PYTHONPATH", "STEP_BUCKET", "VIRTUAL_ENV"}
_PROXIES = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}  # in capitals or not
_SECRET = ("SECRET", "TOKEN", "PASSWORD", "ACCESS_KEY")


class _Sections(Group):
    """A group whose commands may be named together, as the existing library has it: ``versions,settings``."""

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names: list[str] = []
        rest = list(args)
        while rest and all(name in self.commands for name in rest[0].split(",")):
            names += rest.pop(0).split(",")
        if len(names) < 2:
            return super().resolve_command(context, args)
        both = click.Command(
            " ".join(names), SETTINGS, lambda style: _show_parts(style, names), versions.params, help=info.help
        )
        return both.name, both, rest


@click.group("info", cls=_Sections, context_settings=SETTINGS, invoke_without_command=True)
@format_option(None)
@common
@click.pass_context
def info(context: click.Context, style: str | None) -> None:
    """Show versions, settings and environment variables of this installation; all of them without a command."""
    if context.invoked_subcommand is not None:
        session().style = style  # of the command that follows
    else:
        _show_parts(style, [name for name, _, _ in _PARTS])


@info.command("versions", context_settings=SETTINGS)
@format_option(None)
@common
def versions(style: str | None) -> None:
    """Show the versions of simpleflow, Python, the system and the main dependencies.

    \b
    Example: simpleflow info versions --format json
    """
    _show(style, _VERSION, _versions())


def _versions() -> list[tuple[str, ...]]:
    from importlib import metadata

    rows: list[tuple[str, ...]] = [
        ("simpleflow", __version__),
        ("python", platform.python_version()),
        ("system", platform.platform()),
    ]
    for package in _PACKAGES:
        try:
            rows.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            rows.append((package, "not installed"))
    return rows


@info.command("settings", context_settings=SETTINGS)
@format_option(None)
@common
def show_settings(style: str | None) -> None:
    """Show each setting with its value and the source of the value.

    \b
    Example: simpleflow info settings --format csv
    """
    _show(style, _SETTING, _settings())


def _settings() -> list[tuple[str, ...]]:
    return [(name, hide_passwords(_text(value)), origin) for name, value, origin in settings.describe()]


@info.command("environment", context_settings=SETTINGS)
@format_option(None)
@common
def environment(style: str | None) -> None:
    """Show the environment variables that simpleflow and boto3 read. Secrets are hidden.

    \b
    Example: simpleflow info environment --format table
    """
    _show(style, _VARIABLE, _environment())


def _environment() -> list[tuple[str, ...]]:
    return [
        (name, "(hidden)" if any(word in name for word in _SECRET) else hide_passwords(value))
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES) or name in _NAMES or name.upper() in _PROXIES
    ]


_VERSION, _SETTING, _VARIABLE = ("name", "version"), ("setting", "value", "from"), ("variable", "value")
_PARTS: tuple[tuple[str, tuple[str, ...], Callable[[], list[tuple[str, ...]]]], ...] = (
    ("versions", _VERSION, _versions),
    ("settings", _SETTING, _settings),
    ("environment", _VARIABLE, _environment),
)


def _show_parts(style: str | None, names: Sequence[str]) -> None:
    parts = [part for part in _PARTS if part[0] in names]
    if style == JSON:
        echo(as_json({name: [dict(zip(titles, row, strict=True)) for row in rows()] for name, titles, rows in parts}))
    else:
        for _, titles, rows in parts:
            _show(style, titles, rows())


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _show(style: str | None, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if style == TABLE or (style is None and sys.stdout is not None and sys.stdout.isatty()):
        terminal = Terminal(sys.stdout, session().color)
        echo(headed(table(titles, rows, table_layout(terminal))))
    elif style is not None:
        text = objects(style, titles, [dict(zip(titles, row, strict=True)) for row in rows])
        echo(text if style == JSON else headed(text))
    else:
        for row in rows:
            echo("\t".join(map(printable, row)))
