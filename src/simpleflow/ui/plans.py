"""The plan of a run that is looked at: made for the page, saved in the state folder, or the command that makes it."""

from __future__ import annotations

import os
from functools import lru_cache

from starlette.datastructures import QueryParams

from simpleflow import shell_words
from simpleflow import values as json_values
from simpleflow.engines.base import RunDescription, RunFilter
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.state_folder import plans
from simpleflow.steering import plan_file
from simpleflow.steering.plan_file import SavedPlan, SavedStep
from simpleflow.steering.plan_times import StepTime, Times
from simpleflow.ui import failures
from simpleflow.ui.made_plan import Wanted
from simpleflow.ui.run_frame import Visit, location_options, workflow_of

_LONGEST_INPUT = 2_000  # characters of an input in a command
_MOST_WORKERS = 100_000


class Steering(NamedTuple):
    """How the planned run would be steered, as the address says."""

    force: tuple[str, ...]
    skip: tuple[str, ...]
    changed: bool
    assume_last: bool
    workers: int | None

    @property
    def is_plain(self) -> bool:
        """True if it is a run without options."""
        return self == PLAIN

    @property
    def options(self) -> str:
        """The same as options of a command."""
        found = [f"--force {shell_words.quoted(','.join(self.force))}"] if self.force else []
        found += [f"--skip {shell_words.quoted(','.join(self.skip))}"] if self.skip else []
        found += ["--changed"] if self.changed else []
        found += ["--assume-last"] if self.assume_last else []
        return " ".join([*found, *([f"--workers {self.workers}"] if self.workers else [])])


PLAIN = Steering((), (), False, False, None)


class PlanOf(NamedTuple):
    """What is known about the plan of a run."""

    plan: SavedPlan | None
    times: Times | None
    no_times: str  # why there is no estimate, though one was tried
    where: str  # are the marks
    as_of: float | None  # epoch seconds
    is_saved: bool  # it is from a file
    outdated: bool  # a run of the workflow id has begun since
    pending: bool  # it is being made, perhaps again
    problem: str  # why there is no plan
    command: str  # that makes it
    save_command: str  # that saves it where the page looks; empty if there is no such place
    can_steer: bool  # the page can have another plan made

    def step(self, workflow_id: str, name: str) -> SavedStep | None:
        """The last verdict on a step; None if the plan has none."""
        if self.plan is None:
            return None
        found = [each for each in self.plan.steps if each.step == name and each.workflow_id == workflow_id]
        return found[-1] if found else None

    def time(self, workflow_id: str, name: str) -> StepTime | None:
        """How long a step would work; None if that is not known."""
        times = () if self.times is None else self.times.steps
        return next((each for each in times if each.step == name and each.workflow_id == workflow_id), None)


def steering_of(query: QueryParams) -> Steering:
    """The steering that an address asks for. Raises InputError."""
    text = query.get("workers", "")
    if text and not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= _MOST_WORKERS):
        raise InputError(f"workers is {text!r}; expected a number from 1 to {_MOST_WORKERS}")
    return Steering(
        _names(query.get("force", "")),
        _names(query.get("skip", "")),
        bool(query.get("changed")),
        bool(query.get("last")),
        int(text) if text else None,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))


def plan_of(visit: Visit, run: RunDescription, steering: Steering = PLAIN) -> PlanOf:
    """The plan of a next run like this one, as far as it is known now."""
    planner = visit.planner
    if planner is None or not planner.makes(run.name):
        return _saved(visit, run, steering)
    wanted = Wanted(
        type=run.name,
        workflow_id=run.workflow_id,
        input=None if planner.has_input else _input(visit, run),
        force=steering.force,
        skip=steering.skip,
        changed=steering.changed,
        assume_last=steering.assume_last,
        workers=steering.workers,
    )
    found = planner.find(wanted, visit.time("newer") or 0.0)
    made = None if found.answer is None else found.answer.made
    if made is not None:
        workflow = made.workflow
    else:
        workflow = planner.workflows[0] if len(planner.workflows) == 1 else workflow_of(visit, run) or run.name
    return PlanOf(
        None if made is None else made.plan,
        None if made is None else made.times,
        "" if made is None else made.no_times,
        "" if made is None else made.where,
        found.made_at if found.answer is not None else None,
        False,
        False,
        found.pending,
        "" if found.answer is None else found.answer.problem,
        _command(visit, run, steering, workflow),
        "",
        True,
    )


def _saved(visit: Visit, run: RunDescription, steering: Steering) -> PlanOf:
    """The plan that somebody has saved in the state folder."""
    plan: SavedPlan | None = None
    as_of: float | None = None
    problem = save = ""
    workflow = workflow_of(visit, run) or run.name
    if visit.source.folder is not None:
        path = plans.path_of(visit.source.folder, run.workflow_id)
        save = f"{_command(visit, run, steering, workflow)} --save {shell_words.quoted(path)}"
        try:
            found = os.stat(path)
            kept = _read(path, found.st_mtime_ns, found.st_size)
        except OSError:
            pass
        except InputError as error:
            problem = str(error)
        else:
            plan, as_of = kept, found.st_mtime
    later = as_of is not None and any(
        visit.source.list_runs(RunFilter(workflow_id=run.workflow_id, oldest=as_of), limit=1)
    )
    command = _command(visit, run, steering, workflow)
    times = None if plan is None else plan.estimate
    return PlanOf(plan, times, "", "", as_of, plan is not None, later, False, problem, command, save, False)


@lru_cache(maxsize=8)
def _read(path: str, modified: int, size: int) -> SavedPlan:
    return plan_file.read(path)


def _input(visit: Visit, run: RunDescription) -> str | None:
    """The input of a run: JSON."""
    attributes = visit.source.event(run, 1).attributes
    return failures.restored(visit.source, getattr(attributes, "input", None))


def _command(visit: Visit, run: RunDescription, steering: Steering, workflow: str) -> str:
    """The command that makes the plan, with the input of the run."""
    called = shell_words.joined(shell_words.program())
    parts = [called, "step.plan", location_options(visit.source), shell_words.quoted(workflow)]
    parts.append(f"--workflow-id {shell_words.quoted(run.workflow_id)}")
    given = _plain_input(_input(visit, run))
    if given and len(given) <= _LONGEST_INPUT:
        parts.append(f"--input {shell_words.quoted(given)}")
    elif given:
        parts.append("--input-file INPUT.json")
    if steering.options:
        parts.append(steering.options)
    return " ".join([*parts, "--estimate"])


def _plain_input(text: str | None) -> str:
    """The input as ``--input`` takes it; empty if there is none."""
    try:
        args, kwargs = json_values.arguments(json_values.decode(text))
    except InputError:
        return ""
    if not args and not kwargs:
        return ""
    return json_values.encode({"args": args, "kwargs": kwargs} if kwargs else args, "input")
