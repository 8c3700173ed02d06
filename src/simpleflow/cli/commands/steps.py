"""Commands about steps: ``step.list``, ``step.plan``, ``step.forget`` and ``step.mark``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors, step_names, workflow_input
from simpleflow.cli.cores import cores
from simpleflow.cli.number import Workers
from simpleflow.cli.options import SETTINGS, TABLE
from simpleflow.cli.step_query import StepQuery, step_options
from simpleflow.cli.view import step_tables
from simpleflow.cli.view.output import Output, open_output
from simpleflow.exceptions import InputError, StateError, SwfError
from simpleflow.shown_text import count, count_or_no, printable, short_run_id
from simpleflow.shown_text import names as some
from simpleflow.step import rules

if TYPE_CHECKING:
    from simpleflow.steering.place import Place
    from simpleflow.steering.plan import PlannedStep

_QUANTILE = 0.9


@click.command("step.list", context_settings=SETTINGS)
@click.argument("workflow")
@click.argument("steps", metavar="[NAME]...", nargs=-1)
@step_options
def step_list(workflow: str, steps: Sequence[str], style: str, **options: Any) -> None:
    """List the done steps of WORKFLOW with time, run and duration, and what has changed since.

    With NAMEs, only these steps and all steps below them are listed.

    \b
    Example: simpleflow step.list flow.py:Daily
    """
    with open_output(style) as out:
        from simpleflow.steering import marks

        wanted = step_names.split_names(steps, "NAME")
        query = StepQuery.from_options(workflow, options)
        found = marks.done(query.mark_location, wanted or ["*"])
        _say_where(out, query.mark_location, len(found), "done step", " of these names" if wanted and not found else "")
        if missing := [name for name in wanted if not any(rules.covers(name, mark.step) for mark in found)]:
            for line in marks.absent(query.mark_location, missing):
                out.warn(line)
        changed = query.changed_steps(mark.step for mark in found if mark.made_with is not None)
        out.write(step_tables.listed(found, changed, query.mark_location.workflow_id, style, out.layout))


@click.command("step.plan", context_settings=SETTINGS)
@click.argument("workflow")
@click.option(
    "--force", multiple=True, metavar="A,B", help="Steps to force, with all steps below them; * is every step."
)
@click.option("--skip", multiple=True, metavar="A,B", help="Steps to skip, with all steps below them; * is every step.")
@click.option("--only", multiple=True, metavar="A,B", help="The only steps to run, with all steps below them.")
@click.option("--until", multiple=True, metavar="A,B", help="Steps after which the run stops, once they are done.")
@click.option("--changed", is_flag=True, help="Run done steps whose arguments or code have changed.")
@click.option("--assume-last", is_flag=True, help="Use results of earlier runs where the plan needs results.")
@click.option("--estimate", is_flag=True, help="Say when the run would end, from how long activities took before.")
@click.option("--workers", type=Workers(), metavar="N", help="Activities at once, for --estimate. Default: all cores.")
@click.option(
    "--quantile",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="Q",
    help="Share of runs that end within the second time of --estimate. Default: 0.9.",
)
@click.option("--save", metavar="FILE", help="Write the plan to this file, for plan.diff and workflow.start --plan.")
@step_options
def step_plan(
    workflow: str,
    force: Sequence[str],
    skip: Sequence[str],
    only: Sequence[str],
    until: Sequence[str],
    changed: bool,
    assume_last: bool,
    estimate: bool,
    workers: int | None,
    quantile: float | None,
    save: str | None,
    style: str,
    **options: Any,
) -> None:
    """Show which steps of WORKFLOW would run or be skipped, and why, without running anything.

    With --estimate, also when the run would end if nothing fails, its critical path, and what another way to run
    would gain.

    \b
    Example: simpleflow step.plan flow.py:Daily --force load
    """
    if not estimate and (workers is not None or quantile is not None):
        option = "--workers" if workers is not None else "--quantile"
        raise InputError(f"{option} is for --estimate; add --estimate")
    given = {"force": force, "skip": skip, "only": only, "until": until}
    names = {name: step_names.split_names(values, f"--{name}") for name, values in given.items()}
    with open_output(style) as out:
        from simpleflow.step.planned import NOT_RUN

        began_in = errors.folder_here()
        query = StepQuery.from_options(workflow, options)
        if save is not None and errors.folder_here() != began_in:  # the file of the workflow has changed the folder
            save = os.path.join(began_in, save)
        workflow_input.check_input(query.workflow_class, query.given)
        plan = query.plan(assume_last=assume_last, changed=changed, **names)
        _say_where(out, query.mark_location, len(plan.steps), "step")
        if assume_last and not query.has_run():
            out.warn(f"there is no earlier run of workflow {query.mark_location.workflow_id!r} in {query.location}")
        for option, wanted in names.items():
            reached = [row.step for row in plan.steps if row.verdict != NOT_RUN or option != "until"]
            closed = [row.step for row in plan.steps if row.holds_steps]
            for line in step_names.unreached_names(wanted, reached, f"--{option}", closed):
                out.warn(line)
        for line in plan.warnings:
            out.warn(line)
        if options["workflow_id"] is None and (why := query.refused_start()) is not None:
            out.warn(f"workflow.start would refuse this run: {why}")
        if style != TABLE:
            for note in plan.notes:
                out.say(printable(note))
        found = None
        if estimate:
            request = {f"{option}_steps": wanted for option, wanted in names.items()} | {"changed": changed}
            chances = (0.5, quantile or _QUANTILE)
            found = query.estimate(request, assume_last, workers or cores(), chances)
        if save is not None:
            from simpleflow.cli import plan_contract
            from simpleflow.state_folder import plans
            from simpleflow.steering import plan_file

            steering = {**names, "changed": changed}
            place = query.mark_location
            if query.location.folder is not None:
                plans.make_folder(query.location.folder, save)
            plan_file.write(plan_contract.make(plan, query.workflow_class, place, query.given, steering, found), save)
            out.say(f"the plan is saved in {printable(save)}")
        out.write(step_tables.planned(plan, query.mark_location.workflow_id, style, out.layout, found))


@click.command("step.forget", context_settings=SETTINGS)
@click.argument("workflow")
@click.argument("steps", metavar="NAME...", nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Do not ask before removing more than one mark.")
@step_options
def step_forget(workflow: str, steps: Sequence[str], yes: bool, style: str, **options: Any) -> int:
    """Remove done marks of steps, so that the next run runs these steps again.

    A NAME covers all steps below it; * is every step.

    \b
    Example: simpleflow step.forget flow.py:Daily load report
    """
    with open_output(style) as out:
        from simpleflow.steering import marks

        query = StepQuery.from_options(workflow, options)
        found = marks.covered(query.mark_location, step_names.split_names(steps, "NAME"))
        _say_where(out, query.mark_location, len(found), "done step")
        if found:
            _warn_of_open_runs(query, out)
        if len(found) > 1 and not yes and not _confirmed(out, f"{count(len(found), 'step')}: {some(found)}"):
            out.say("nothing was removed")
            return errors.RUN_FAILED
        removed = marks.remove(query.mark_location, found)
        for name in sorted(set(found) - set(removed)):
            out.warn(f"the mark of step {name!r} was removed or written again by somebody else meanwhile")
        out.write(step_tables.changed("removed", removed, (), style, out.layout))
    return errors.OK


@click.command("step.mark", context_settings=SETTINGS)
@click.argument("workflow")
@click.argument("steps", metavar="NAME...", nargs=-1, required=True)
@click.option("--result", "result_text", metavar="JSON", help="Result to keep for the step; needs exactly one NAME.")
@step_options
def step_mark(workflow: str, steps: Sequence[str], result_text: str | None, style: str, **options: Any) -> None:
    """Mark steps of WORKFLOW as done by hand, so that the next run skips them.

    \b
    Example: simpleflow step.mark flow.py:Daily load report
    """
    wanted = step_names.split_names(steps, "NAME")
    if result_text is not None and len(wanted) != 1:
        raise InputError(f"--result is the result of one step; expected one NAME, not {len(wanted)}")
    with open_output(style) as out:
        from simpleflow.steering import marks

        result = marks.NO_RESULT if result_text is None else workflow_input.parse_json(result_text, "--result")
        query = StepQuery.from_options(workflow, options)
        _check_state(options)
        rows = query.own_steps()
        fingerprints = {row.step: row.fingerprint for row in reversed(rows) if row.fingerprint is not None}
        marked = marks.mark(query.mark_location, wanted, fingerprints=fingerprints, result=result)
        others = [name for name in dict.fromkeys(wanted) if name not in marked]
        _say_where(out, query.mark_location, len(marked) + len(others), "step")
        for name in others:
            out.say(f"step {printable(repr(name))} is done already; its mark stays as it is")
        if marked:
            _warn_of_unreached(rows, marked, out)
            _warn_of_verdicts(query.own_steps(), marked, out)
        out.write(step_tables.changed("marked", marked, others, style, out.layout))
        if marked:
            _warn_of_open_runs(query, out)  # last, because a domain may answer slowly


def _check_state(options: dict[str, Any]) -> None:
    """Raise InputError if ``--state`` names no folder. A name that is not spelt right must not make a new folder."""
    state = options["state"]
    if state is not None and not os.path.isdir(state):
        raise InputError(f"--state {state!r} is no folder; expected the state folder of the workflow's runs")


def _say_where(out: Output, location: Place, number: int, what: str, which: str = "") -> None:
    """Say how many steps there are, and where their marks are. For json and csv say so only if there are none."""
    from simpleflow.steering import marks

    if number == 0 or out.style == TABLE:
        out.say(f"{count_or_no(number, what)}{which}: {printable(marks.where(location))}")


def _warn_of_open_runs(query: StepQuery, out: Output) -> None:
    """Warn if a run is open: a run reads the marks once, so it does not see this change."""
    from simpleflow.steering import marks

    workflow_id = query.mark_location.workflow_id
    for other in marks.others_under_way(query.mark_location):
        out.warn(f"{other} holds a step whose mark is here; it has read the marks already")
    try:
        run = query.open_run()
    except (StateError, SwfError) as error:
        out.warn(f"cannot tell if a run of workflow {workflow_id!r} is under way: {error}")
        return
    if run is not None:
        which = f"run {short_run_id(run.run_id)}"
        out.warn(f"a run of workflow {workflow_id!r} is under way; it has read its marks already ({which})")


def _warn_of_unreached(rows: Sequence[PlannedStep], wanted: Sequence[str], out: Output) -> None:
    """Warn of names that the plan does not reach. They may still be right, because a plan can be incomplete."""
    steps = [row.step for row in rows]
    for name in wanted:
        if name not in steps:
            [line] = step_names.unreached_names([name], steps, "step") or [
                f"step {name!r}: only steps below it were reached"
            ]
            out.warn(f"{line}; it is marked anyway")


def _warn_of_verdicts(rows: Sequence[PlannedStep], marked: Sequence[str], out: Output) -> None:
    """Warn of marked steps that may run all the same, because they are forced or their inputs differ."""
    first = {row.step: row for row in reversed(rows)}
    for name in marked:
        row = first.get(name)
        if row is not None and row.verdict != "skip":
            why = row.note or some(row.reasons)
            out.warn(f"step {name!r} is marked but may run anyway{f': {why}' if why else ''}")


def _confirmed(out: Output, what: str) -> bool:
    """Ask on the terminal whether to forget the steps. Raises InputError if standard input is not a terminal."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise InputError(f"standard input is not a terminal: add --yes to forget {what}; nothing was removed")
    out.ask(f"forget {printable(what)}? [y/N] ")
    answer = sys.stdin.readline()
    if not answer:
        out.say("")
    return answer.strip().lower() in ("y", "yes")
