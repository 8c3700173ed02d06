"""The pages of the reference, made from the code: commands, settings, errors, events and public names.

Each function returns pages: the name on the site without suffix, and the text. Pages of ``api`` are for Sphinx's
autodoc, which reads the docstrings.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import click
import msgspec
from docs.site.docstrings import with_literal_blocks
from docs.site.markdown import cell, code, escaped, table
from docs.site.pages import ROOT

from simpleflow import settings
from simpleflow.cli.app import app
from simpleflow.core import events
from simpleflow.core.events.shapes import Attributes


def pages() -> dict[str, str]:
    """All generated pages."""
    return {
        "reference/commands.md": commands(),
        "reference/settings.md": all_settings(),
        "reference/errors.rst": errors(),
        "reference/events.md": all_events(),
        **api(),
        **examples(),
    }


def commands() -> str:
    """Every command with its arguments and options, as the program knows them."""
    parts = [
        "# Commands and options\n",
        "What each command takes. [The command line](../command-line.md) explains them, with examples.\n",
    ]
    for path, command in every_command(app, "simpleflow"):
        context = click.Context(command, info_name=path, **command.context_settings)
        parts += [f"## {path}\n", f"```text\n{_usage(command, context)}\n```\n", _help(command.help or "")]
        rows = [_parameter(each, context) for each in command.get_params(context)]
        if shown := [row for row in rows if row]:
            parts.append(table(["", "default", "meaning"], shown))
    return "\n".join(parts)


def every_command(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """The command, and those below it, each with its words."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (each := command.get_command(context, name)) is not None:
                yield from every_command(each, f"{path} {name}")


def _usage(command: click.Command, context: click.Context) -> str:
    return " ".join([context.info_name or "", *command.collect_usage_pieces(context)])


def _help(text: str) -> str:
    """The help of a command: paragraphs, and its example as a block."""
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", inspect.cleandoc(text).replace("\b", ""))]
    found = []
    for part in paragraphs:
        if part.startswith("Example: "):
            found.append(f"```sh\n{part.removeprefix('Example: ')}\n```\n")
        elif part:
            found.append(escaped(part) + "\n")
    return "\n".join(found)


def _parameter(parameter: click.Parameter, context: click.Context) -> list[str]:
    if isinstance(parameter, click.Argument):
        return [code(parameter.make_metavar(context)), "", "argument"]
    if not isinstance(parameter, click.Option) or parameter.hidden:
        return []
    takes = "" if parameter.is_flag or parameter.count else f" {parameter.make_metavar(context)}"
    names = ", ".join(code(name) for name in [*parameter.opts, *parameter.secondary_opts])
    default = parameter.default
    shown = "" if default in (None, False, (), []) or callable(default) or "Sentinel" in repr(default) else str(default)
    return [
        names + (" " + code(takes.strip()) if takes else ""),
        code(shown) if shown else "",
        cell(parameter.help or ""),
    ]


def all_settings() -> str:
    """Every setting: its type, its default, and what its declaration says of it."""
    declared = _declarations()
    rows = []
    for name in settings.NAMES:
        kind, meaning = declared[name]
        rows.append([code(name), code(kind), _default(name), cell(meaning)])
    return "\n".join(
        [
            "# Settings\n",
            "Every setting, from the code. [Operations](../operations.md#settings) says where they are read from, and "
            "more about each.\n",
            table(["setting", "type", "default", "meaning"], rows),
        ]
    )


def _declarations() -> dict[str, tuple[str, str]]:
    """The type and the comment with which each setting is declared in ``settings.py``."""
    lines = inspect.getsource(settings).splitlines()
    matches = (re.fullmatch(r"([A-Z][A-Z_0-9]+): (.+?)  # (.+)", line) for line in lines)
    return {match[1]: (match[2], match[3]) for match in matches if match}


def _default(name: str) -> str:
    setting = settings._SETTINGS[name]
    if setting.follows is not None:
        return f"that of {code(setting.follows)}"
    if callable(setting.default):
        return "the nearest `.simpleflow`" if name == "SIMPLEFLOW_STATE" else "found when it is used"
    return "none" if setting.default is None else code(f"{setting.default}")


def errors() -> str:
    """Every error class; Sphinx reads their docstrings. The tree stands in the docstring of the module."""
    module = importlib.import_module("simpleflow.exceptions")
    classes = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, BaseException)]
    parts = [f".. autoexception:: simpleflow.exceptions.{each.__name__}\n   :show-inheritance:\n" for each in classes]
    return "\n".join([_title("Errors"), ".. automodule:: simpleflow.exceptions\n", *parts])


def all_events() -> str:
    """Every type of event of a history, with its members."""
    parts = ["# Events\n", escaped(inspect.cleandoc(events.__doc__ or "")) + "\n"]
    for module in dict.fromkeys(each.__module__ for each in event_types()):
        title = (importlib.import_module(module).__doc__ or module).partition(".")[0]
        parts.append(f"## {cell(title)}\n")
        for each in vars(importlib.import_module(module)).values():
            if each in event_types():
                parts += [f"### {each.__name__}\n", _own_docstring(each), _members(each)]
    return "\n".join(parts)


def event_types() -> list[type[Attributes]]:
    """The classes of the events."""
    classes = [each for each in vars(events).values() if inspect.isclass(each) and issubclass(each, Attributes)]
    return [each for each in classes if each not in (Attributes, events.UnknownEvent)]


def _own_docstring(each: type) -> str:
    text = each.__dict__.get("__doc__") or ""
    return escaped(inspect.cleandoc(text)) + "\n" if text else ""


def _members(each: type[Attributes]) -> str:
    rows = []
    for field in msgspec.structs.fields(each):
        kind = re.sub(r"\b(\w+\.)+", "", getattr(field.type, "__name__", "") or str(field.type))
        kind = str(field.type).replace("simpleflow.core.events.shapes.", "") if "|" in str(field.type) else kind
        rows.append([code(field.name), code(field.encode_name), code(kind), "yes" if field.required else "no"])
    return table(["member", "on the wire", "type", "always"], rows)


def public_names() -> dict[str, list[str]]:
    """The public names by module, as ``tests/test_public_names.py`` holds them."""
    return ast.literal_eval(_assigned("PUBLIC"))


def _public_members() -> dict[str, str]:
    return ast.literal_eval(_assigned("MEMBERS"))


def _assigned(name: str) -> ast.expr:
    for node in ast.parse((ROOT / "tests/test_public_names.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            assert node.value is not None
            return node.value
    raise LookupError(f"tests/test_public_names.py assigns no {name}")


def api() -> dict[str, str]:
    """A page for each public module. A name that several modules offer is described at the shortest of them."""
    modules = {name: names for name, names in public_names().items() if name != "simpleflow.exceptions"}
    described: dict[object, tuple[str, str]] = {}
    for module in sorted(modules, key=lambda name: name.count(".")):
        for name in modules[module]:
            described.setdefault(_identity(module, name), (module, name))
    members = {_identity(*path.rpartition(".")[::2]): names.split() for path, names in _public_members().items()}
    found = {}
    for module, names in modules.items():
        parts = [_title(module), f".. currentmodule:: {module}\n", _paragraphs(module)]
        for name in names:
            home = described[_identity(module, name)]
            if home == (module, name):
                parts.append(_directive(module, name, members.get(_identity(module, name), [])))
            else:
                parts.append(f"``{module}.{name}`` is :py:obj:`{'.'.join(home)}`.\n")
        found[f"api/{module}.rst"] = "\n".join(parts)
    listed = "\n".join(f"   {module}" for module in modules)
    found["api/index.rst"] = f"{_title('Python names')}\n.. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    return found


def _value(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _identity(module: str, name: str) -> object:
    """Equal for names of one class or function. Other values are told apart by their names."""
    value = _value(module, name)
    return id(value) if inspect.isclass(value) or inspect.isroutine(value) else (module, name)


def _paragraphs(module: str) -> str:
    """The docstring of the module, without its theory of operation, which is for those who change it."""
    text = inspect.cleandoc(importlib.import_module(module).__doc__ or "").partition("\nTheory of operation\n")[0]
    return "\n".join(with_literal_blocks(text.splitlines())) + "\n"


def _directive(module: str, name: str, members: list[str]) -> str:
    path, value = f"{module}.{name}", _value(module, name)
    if inspect.isclass(value):
        listed = f"   :members: {', '.join(members)}\n" if members else "   :members:\n"
        return f".. autoclass:: {path}\n{listed}"
    if inspect.isroutine(value):
        return f".. autofunction:: {path}\n"
    if inspect.ismodule(value):
        return f"``{path}`` is the module :doc:`{value.__name__}`.\n"
    return f".. autodata:: {path}\n"


def examples() -> dict[str, str]:
    """A page that holds each example, under its first sentence."""
    parts = ["# Examples\n"]
    for path in sorted((ROOT / "examples").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        parts += [f"## {path.name}\n", f"```python\n{text}```\n"]
    return {"examples.md": "\n".join(parts)}


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n"
