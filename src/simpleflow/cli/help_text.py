"""The help of commands that hold others: by groups, the most used first, with whole sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import click

_SENTENCE = r"(?<=[.!?])\s"

GROUPS: dict[str, tuple[str, ...]] = {
    "Run": (
        "workflow.start",
        "workflow.restart",
        "workflow.signal",
        "workflow.cancel",
        "workflow.terminate",
        "activity.rerun",
    ),
    "Steps": ("step.plan", "step.list", "step.why", "plan.diff", "step.forget", "step.mark"),
    "Look": (
        "ui",
        "workflow.list",
        "workflow.steps",
        "workflow.logs",
        "workflow.report",
        "workflow.timeline",
        "workflow.graph",
        "workflow.info",
        "task.info",
        "task.logs",
        "workflow.tasks",
        "workflow.history",
        "history.check",
        "workflow.replay",
        "workflow.profile",
        "workflow.filter",
    ),
    "Dask": ("worker.join",),
    "Amazon SWF": ("standalone", "decider.start", "worker.start", "server"),
    "Other": ("info", "workflow.prune", "state.check", "state.rescue"),
}
"""The commands of ``simpleflow``, the most used first. One that is in no group stands at the end."""


class Group(click.Group):
    """A command that holds others. Its help shows the first sentence of each of them, whole.

    Attributes:
        sentences: these sentences, where they are known without the commands.
    """

    sentences: ClassVar[Mapping[str, str]] = {}

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of the commands for each group, or one list for all."""
        known = self.list_commands(context)
        for title, names in _grouped(known):
            rows = [(name, self._sentence(context, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows, col_max=20)

    def _sentence(self, context: click.Context, name: str) -> str:
        return self.sentences.get(name) or first_sentence(self.get_command(context, name))


def _grouped(known: Sequence[str]) -> list[tuple[str, list[str]]]:
    if not set(known) & set(GROUPS["Run"]):  # not the commands of simpleflow
        return [("Commands", list(known))]
    found = {title: [name for name in names if name in known] for title, names in GROUPS.items()}
    listed = {name for names in found.values() for name in names}
    found["Other"] += [name for name in known if name not in listed]
    return [(title, names) for title, names in found.items() if names]


def first_sentence(command: click.Command | None) -> str:
    """The first sentence of the help of a command."""
    text = "" if command is None else " ".join((command.help or "").split("\n\n")[0].split())
    return re.split(_SENTENCE, text)[0]
