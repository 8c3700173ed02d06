"""Suggestions for a name that is not known: ``(did you mean 'load'?)``."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import click

_CLOSE = 0.6  # of 1: how alike two names must be
_NEARLY = 0.92  # variables may belong to other programs
_PREFIX = "SIMPLEFLOW_"

_OTHER_WORDS = {
    "abort": "workflow.cancel",
    "clean": "workflow.prune",
    "cleanup": "workflow.prune",
    "continue": "workflow.start",
    "delete": "workflow.prune",
    "describe": "workflow.info",
    "events": "workflow.history",
    "kill": "workflow.terminate",
    "list": "workflow.list",
    "ls": "workflow.list",
    "ps": "workflow.list",
    "remove": "workflow.prune",
    "resume": "workflow.start",
    "retry": "workflow.start",
    "rm": "workflow.prune",
    "run": "workflow.start",
    "runs": "workflow.list",
    "show": "workflow.info",
    "status": "workflow.steps",
    "stop": "workflow.cancel",
    "tail": "workflow.logs",
}
"""What other programs call a command: names that are alike may mean something else."""


def of(name: str, known: Collection[str]) -> str:
    """Return the hint at the known name that is closest; an empty text if none is close."""
    return _hint(_closest(name, known))


def of_command(name: str, others: Sequence[str], known: Collection[str]) -> str:
    """Return the hint at a command. Its name may have been written as two words, the second one first in ``others``."""
    words = [f"{name}.{others[0]}"] if others else []
    for word in (*words, name.replace("-", ".").replace("_", ".")):
        if word.lower() in known:
            return _hint(word.lower())
    for word in (*words, name):
        family, _, last = word.lower().rpartition(".")
        meant = _OTHER_WORDS.get(last)
        if meant in known and family in ("", "workflow"):
            return _hint(meant)
    parts = {each.partition(".")[2]: each for each in reversed([*known])}
    parts = {part: each for part, each in parts.items() if part and part not in known}
    close = _closest(name, [*parts, *known])
    return _hint(None if close is None else parts.get(close, close))


def of_file(path: str) -> str:
    """Return the hint at the Python file in the same folder whose name is closest to that of a missing one."""
    folder, name = os.path.split(path)
    try:
        known = [each for each in os.listdir(folder or ".") if each.endswith(".py")]
    except OSError:
        return ""
    close = _closest(name.removesuffix(".py"), [each.removesuffix(".py") for each in known])
    return _hint(None if close is None else os.path.join(folder, f"{close}.py"))


def of_settings(known: Collection[str], others: Collection[str]) -> str | None:
    """Return a line about an environment variable whose name is nearly that of a setting; None if there is none.

    Args:
        known: the names of the settings.
        others: names of variables that have another meaning.
    """
    names = [name for name in os.environ if name.startswith(_PREFIX) and name not in known and name not in others]
    for name in names:
        close = _closest(name, [each for each in known if each.startswith(_PREFIX)], _NEARLY)
        if close is not None:
            return f"there is no setting {name}, so it has no effect{_hint(close)}"
    return None


def of_option(name: str, context: click.Context | None) -> str:
    """Return the hint at an option of the command that the context is of."""
    if context is None:
        return ""
    known = [each for option in context.command.get_params(context) for each in option.opts if each.startswith("--")]
    wanted = name.replace("_", "-").lower()
    longer = [each for each in known if len(wanted) > 3 and each.startswith(wanted)]
    return _hint(wanted if wanted in known else _closest(wanted, known) or next(iter(longer), None))


def _closest(name: str, known: Collection[str], least: float = _CLOSE) -> str | None:
    import difflib  # slow to load, and only errors need it

    return next(iter(difflib.get_close_matches(name, known, 1, least)), None)


def _hint(name: str | None) -> str:
    return "" if name is None else f" (did you mean {name!r}?)"
