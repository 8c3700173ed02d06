"""A plan that the page has had made: what the process that makes it is asked for, and what it answers."""

from __future__ import annotations

from typing import Any

import msgspec

from simpleflow.steering.plan_file import SavedPlan
from simpleflow.steering.plan_times import Times


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that somebody looks for."""

    type: str
    """Name of the workflow type of the run that is looked at."""
    workflow_id: str
    input: str | None
    """Of this run: JSON, as in its history."""
    force: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    changed: bool = False
    assume_last: bool = False
    """Results that the plan needs are those of earlier runs."""
    workers: int | None = None
    """Activities at once; None: as many as there are cores."""


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """The request to the process that makes a plan."""

    wanted: Wanted
    workflows: tuple[str, ...]
    """The workflows that plans may be made of, as the person who started the page has named them."""
    state: str | None
    domain: str | None
    given: dict[str, Any] | None = None
    """The input to plan with, as ``args`` and ``kwargs``; None: that of the run."""
    params: tuple[str, ...] = ()
    """``NAME=VALUE``, which are added to it."""
    owner: int = 0
    """The process id of the page: without it, nobody waits for the plan."""


class MadePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with what it depends on."""

    workflow: str
    """The workflow, as it was named."""
    plan: SavedPlan
    where: str
    bucket: str
    path: str
    marks: str
    """The stamp of the marks before the plan was made, see ``steering.marks.stamp``."""
    times: Times | None
    no_times: str
    """Why there is no estimate; empty if there is one."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the user's code was loaded from."""

    path: str
    modified: int
    """In nanoseconds."""
    size: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the process answers."""

    made: MadePlan | None = None
    problem: str = ""
    """Why there is no plan."""
    types: tuple[str, ...] = ()
    """The types of all workflows, if none of them is the type that is wanted."""
    files: tuple[SourceFile, ...] = ()
