"""Steps of children inside a step that depend on steps outside: the step around them is done only while they are.

A run that skips a step does not start the children inside it, and so does not reach their steps. If one of these
depends on a step above that has run since, it has worked with old data. So a child that is a part of a step hands up
its steps that depend on others, with the places of the marks of these (``origins.Marks``). The mark of the step around
keeps all that. A later run compares these marks, as the child would (``tasks.CompareOriginsTask``).

The steps are told in groups, one for each child: ``[bucket, prefix, {name: {key: marks}}]``. Marks that a pattern names
have a fourth part, the names of steps that do not count: the step of the child is a part of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simpleflow import values
from simpleflow.step.run_record import StepRun

Groups = Sequence[Sequence[Any]]

_MOST = 6_000  # characters of JSON: they have to fit into a field, beside a result


def of_step(run: StepRun) -> list[Any]:
    """The steps of children inside a step that has just run."""
    found = [group for child in run.children() for group in child.inside]
    return fitting([*found, *(group for part in run.parts_that_count() for group in part.below)])


def fitting(groups: Groups) -> list[Any]:
    """As many of the steps as fit into a mark, each once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    room = _MOST
    for bucket, path, steps in groups:
        for name, origins in steps.items():
            room -= len(values.encode([bucket, path, name, origins], "a step inside"))
            if room >= 0:
                found.setdefault((bucket, path), {})[name] = origins
    return [[*location, steps] for location, steps in found.items()]


def of_mark(content: object) -> list[Any]:
    """The groups in a mark; none if it does not tell them as it should."""
    if not isinstance(content, list):
        return []
    return [group for group in content if isinstance(group, list) and len(group) == 3 and isinstance(group[2], dict)]


def keys_at(groups: Groups, location: tuple[str, str]) -> list[str]:
    """The names and patterns of steps with marks at ``location`` that the steps in these groups depend on."""
    every = (origins for _, _, steps in groups for origins in steps.values())
    here = (key for of in every for key, marks in of.items() if any(tuple(each[:2]) == location for each in marks))
    return list(dict.fromkeys(here))
