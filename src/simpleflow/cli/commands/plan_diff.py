"""The command ``simpleflow plan.diff``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors
from simpleflow.cli.options import CSV, JSON, SETTINGS, TABLE, common, format_option
from simpleflow.cli.view.output import open_output
from simpleflow.cli.view.tables import as_json, objects, table
from simpleflow.shown_text import printable

if TYPE_CHECKING:
    from simpleflow.steering.plan_diff import Difference

MARKDOWN = "markdown"
_KEYS = ("step", "workflow_id", "difference", "before", "after", "seconds", "why")


@click.command("plan.diff", context_settings=SETTINGS)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@format_option(TABLE, MARKDOWN)
@common
def plan_diff(before: str, after: str, style: str) -> int:
    """Show what differs between two plans: which steps would run again, and why.

    BEFORE and AFTER are files that step.plan --save has written. The exit code is 0 if the plans agree, 1 if a step
    would be treated differently.

    \b
    Example: simpleflow plan.diff main.json branch.json --format markdown
    """
    with open_output(style) as out:
        from simpleflow.steering import plan_diff, plan_file

        old, new = plan_file.read(before), plan_file.read(after)
        found = plan_diff.differences(old, new)
        lines = [printable(line) for line in plan_diff.sentences(found, new)] or ["the plans agree"]
        if not new.complete:
            lines.append("the second plan is not complete: " + "; ".join(map(printable, new.notes)))
        if style == JSON:
            out.write(as_json({"summary": lines, "differences": [_object(each) for each in found]}))
        elif style == CSV:
            out.write(objects(style, _KEYS, [_object(each) for each in found]))
        elif style == MARKDOWN:
            out.write(_markdown(lines, found))
        else:
            rows = [[each.step, _verdict(each.before), _verdict(each.after), printable(each.why)] for each in found]
            shown = table(("step", "before", "after", "why"), rows, out.layout) if rows else ""
            out.write("\n".join([*lines, *([shown] if shown else [])]))
        return errors.RUN_FAILED if found else errors.OK


def _verdict(step: Any) -> str:
    return "-" if step is None else step.verdict


def _object(each: Difference) -> dict[str, Any]:
    return {
        "step": each.step,
        "workflow_id": each.workflow_id,
        "difference": each.kind,
        "before": None if each.before is None else each.before.verdict,
        "after": None if each.after is None else each.after.verdict,
        "seconds": each.seconds,
        "why": each.why,
    }


def _markdown(lines: Sequence[str], found: Sequence[Difference]) -> str:
    """Return the differences for a comment on a pull request."""
    text = ["**" + _escaped(lines[0]) + "**", *(f"\n{_escaped(line)}" for line in lines[1:])]
    if found:
        text += ["", "| step | before | after | why |", "| --- | --- | --- | --- |"]
        text += [
            f"| {_escaped(each.step)} | {_verdict(each.before)} | {_verdict(each.after)} | {_escaped(each.why)} |"
            for each in found
        ]
    return "\n".join(text)


def _escaped(text: str) -> str:
    """The text with escapes, so that Markdown shows it as it is."""
    text = printable(text)
    for character in "\\`*_{}[]<>|#":
        text = text.replace(character, f"\\{character}")
    return text
