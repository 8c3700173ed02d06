"""The last lines of a run that failed: where its logs are, the steps that were not reached, and the command to go on.

The plan of the next run tells the steps that were not reached, and how many steps that run will skip. It is made after
the run has closed, and calls ``run`` once more, as ``step.plan`` does; the output of this call is not shown.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow import settings, shell_words
from simpleflow.cli import step_names, workflow_input
from simpleflow.shown_text import HIDDEN, count, hide_passwords, names, printable
from simpleflow.step import rules

if TYPE_CHECKING:
    from simpleflow.cli.view.progress import Progress
    from simpleflow.steering.plan import Plan, PlannedStep
    from simpleflow.workflow import Workflow

Planner = Callable[..., "Plan"]
"""Makes the plan of a run with other steps to force and to run only: ``planner(force=[...], only=[...])``.

With ``whole=True`` the plan does not stop before its end, whatever ``--until`` says.
"""

_MOST_STEPS = 2_000  # a plan of more would take too long
_MOST_NAMES = 5  # in an option that is made here
_MOST_LOGS = 3
_MOST_INPUT = 300  # characters
_HIDDEN = (f":{HIDDEN}@", f"={HIDDEN}")
_INPUT = ("--input", "-i", "--input-file")


class WhatNext:
    """The lines at the end of a run about the next one.

    Args:
        progress: of the run.
        options: of the command.
        planner: None if the workflow has no steps.
    """

    def __init__(self, progress: Progress, options: Mapping[str, Any], planner: Planner | None) -> None:
        self.progress, self.options, self.planner = progress, options, planner
        self._again: tuple[str, str] | None = None

    def again(self) -> tuple[str, str]:
        """A description of the command that goes on, and the command."""
        return self._again or ("Run it again: what is done is skipped", _command_line())

    def lines(self) -> list[str]:
        """The last lines of a run that failed."""
        progress = self.progress
        found = list(_logs(progress))
        plan, again, needed = _next_run(progress, self.options, self.planner)
        skipped = ""
        if needed:
            found.append(f"run again, since their results are needed and were not kept: {names(needed)}")
        if plan is not None:
            left = _unreached_to_run(progress, plan)
            if left:
                found.append(f"not reached: {names(left)}{' and what follows' if plan.notes else ''}")
            skips = sum(step.verdict == "skip" for step in plan.steps)
            if skips:
                skipped = f", skipping {'at least ' if plan.notes else ''}{count(skips, 'step')}"
        command, same_input = _command(self.options, again)
        how = f"{skipped}, with the same standard input" if same_input else skipped
        if any(hidden in command for hidden in _HIDDEN):
            how += f", with the passwords and secrets in place of {HIDDEN}"
        self._again = (f"To go on{how}", command)
        return [printable(line) for line in [*found, f"to go on{how}: {command}"]]

    def not_run(self, known: Sequence[str]) -> str:
        """The steps that a stopped run has not run. ``known``: those of which the run itself knows."""
        left, more = list(known), ""
        if self.planner is not None and len(self.progress.tally) <= _MOST_STEPS:
            with contextlib.suppress(Exception), silenced():
                plan = self.planner(force=self.options["force"], only=self.options["only"], whole=True)
                left = [*_unreached_to_run(self.progress, plan), *known]
                more = " and what follows" if plan.notes else ""
        return names(list(dict.fromkeys(left))) + (more if left else "")


def planner(
    workflow_class: type[Workflow],
    given: Any,
    options: Mapping[str, Any],
    workflow_id: str | None,
    default_bucket: str | None,
    domain: str | None = None,
) -> Planner | None:
    """Return a function that plans the next run; None if the workflow has no steps.

    Args:
        given: the input.
        default_bucket: of the marks; None on Amazon SWF, in ``domain``.
    """
    from simpleflow.step import WorkflowStepMixin

    if not issubclass(workflow_class, WorkflowStepMixin):
        return None

    def planned(force: Sequence[str], only: Sequence[str], whole: bool = False) -> Plan:
        from simpleflow.steering.plan import plan

        return plan(
            workflow_class,
            input=given,
            workflow_id=workflow_id,
            force=force,
            only=only,
            skip=options["skip"],
            until=() if whole else options["until"],
            changed=options["changed"],
            default_bucket=default_bucket,
            domain=domain,
        )

    return planned


# Logs


def _logs(progress: Progress) -> Iterator[str]:
    """Yield a line for each of the first activities that have failed a step or the run, and that have printed."""
    from simpleflow.state_folder.logs import folder_of, logs_of
    from simpleflow.views.run_view import RunView

    if not progress.state:
        return
    shown = 0
    for run in progress.executions.values():
        view = RunView(run.run_id)
        view.extend(run.history.events)
        last = {row.id: row for row in view.attempts if not row.about_marks}
        for row in last.values():
            logs = logs_of(progress.state, run.run_id, row.id) if row.failed else []
            if not logs:
                continue
            if shown == _MOST_LOGS:
                yield f"more logs: {_relative(folder_of(progress.state, run.run_id), progress.began_in)}"
                return
            shown += 1
            yield f"log of {row.step or row.name}: {_relative(logs[-1].path, progress.began_in)}"


def _relative(path: str, start: str) -> str:
    """Return a path relative to the folder in which the command was called, if it lies inside."""
    if not start:
        return path
    found = os.path.relpath(path, start)
    return path if found.startswith("..") else found


# The next run


def _next_run(
    progress: Progress, options: Mapping[str, Any], planner: Planner | None
) -> tuple[Plan | None, dict[str, list[str]], list[str]]:
    """Return the plan of the next run, the names for ``--force`` and ``--only`` that it needs, and those not kept.

    The last ones are steps whose results were not kept. They are forced too, since the next run fails without them.
    """
    force, only = options.get("force") or (), options.get("only") or ()
    again = {"force": list(force), "only": list(only)}
    if planner is None or len(progress.tally) > _MOST_STEPS:
        return None, again, []
    try:
        with silenced():
            plan = planner(force=(), only=())
            if not (force or only):
                return _with_results(planner, plan, again, options)
            unreached = _unreached(progress, plan)
            unfinished = progress.tally.unfinished
            again["force"] = _still_needed(force, [step.step for step in unreached if step.verdict == "skip"])
            again["only"] = _still_needed(only, [*unfinished, *(step.step for step in unreached)])
            return _with_results(planner, planner(**again), again, options)
    except Exception:  # noqa: BLE001 (the run has ended: what is told of the next one must not hide that)
        return None, again, []


def _with_results(
    planner: Planner, plan: Plan, again: dict[str, list[str]], options: Mapping[str, Any]
) -> tuple[Plan, dict[str, list[str]], list[str]]:
    """Force the steps as well whose results the run needs and that were not kept, except those to skip."""
    skip = options.get("skip") or ()
    needed: list[str] = []
    while not again["only"] and len(needed) < _MOST_NAMES:
        more = [step for step in plan.not_kept if step not in again["force"] and not _covered(step, skip)]
        if not more:
            break
        needed += more
        again["force"] += more
        plan = planner(**again)
    return plan, again, needed


def _still_needed(given: Sequence[str], steps: Iterable[str]) -> list[str]:
    """The steps that the given names cover; these names themselves if that is too many."""
    found = list(dict.fromkeys(step for step in steps if _covered(step, given)))
    return found if len(found) <= _MOST_NAMES else list(given)


def _covered(step: str, given: Sequence[str]) -> bool:
    return any(rules.covers(name, step) for name in given)


def _unreached_to_run(progress: Progress, plan: Plan) -> list[str]:
    """The names of the steps that the run has not reached and that the plan does not skip."""
    return list(dict.fromkeys(each.step for each in _unreached(progress, plan) if each.verdict in ("run", "unknown")))


def _unreached(progress: Progress, plan: Plan) -> list[PlannedStep]:
    return [step for step in plan.steps if (step.workflow_id, step.step) not in progress.tally]


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Show nothing of what the workflow prints and logs."""
    import logging  # here: most runs end without a word on what comes next

    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _command(options: Mapping[str, Any], again: Mapping[str, list[str]]) -> tuple[str, bool]:
    """The command of this run, as one would write it to go on, and True if it needs the same standard input again."""
    given = _input_option()
    without: list[str] = []
    flags: list[str] = []
    words: list[str] = []
    if given is not None:
        without += _INPUT
        words.append(given)
    if (plan := options.get("plan")) is not None:  # it was made before some of its steps were done
        without += ["--plan", "--workflow-id"]
        words += plan.as_options()
    if options.get("force") or options.get("only") or options.get("fresh") or again["force"]:
        without += ["--force", "--only"]
        flags.append("--fresh")
        words += [f"--{option} {step_names.as_option(found)}" for option, found in again.items() if found]
    if options.get("state", "") is None and settings.is_set("SIMPLEFLOW_STATE"):
        # Of cron or systemd: the shell of the person who reads this may not have it, and would begin all anew.
        words.append(f"--state {shell_words.quoted(settings.SIMPLEFLOW_STATE)}")
    command = hide_passwords(" ".join([_command_line(without, flags), *words]))
    return command, given is None and workflow_input.standard_input() is not None


def _command_line(without: Sequence[str] = (), without_flags: Sequence[str] = ()) -> str:
    from simpleflow.cli.view.run_summary import command_line  # most runs end without a word on what comes next

    return command_line(without, without_flags)


def _input_option() -> str | None:
    """The option that gives what was read from standard input; None if nothing was read, or too much for a line."""
    text = workflow_input.standard_input()
    words = [*zip(sys.argv, [*sys.argv[1:], ""], strict=True)]
    if text is None or not any(word in _INPUT and value == "-" for word, value in words):
        return None
    found = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return f"--input {shell_words.quoted(hide_passwords(found))}" if len(found) <= _MOST_INPUT else None
