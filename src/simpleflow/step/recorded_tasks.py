"""Activities about marks, read from a history: which one it is, and its arguments by name.

Everything that looks into the arguments of the activities in ``tasks`` reads them here. It does not load these
activities: most histories that are read hold none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simpleflow import values
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.step.constants import ABOUT_MARKS

if TYPE_CHECKING:
    from simpleflow.step.claims import Owner


class Listed(NamedTuple):
    """The arguments of ``GetStepsDoneTask``."""

    bucket: str
    path: str
    owner: Owner | None = None
    whole: bool = False
    made_with: bool = False
    required: bool = False


class MarkRead(NamedTuple):
    """The arguments of ``GetStepMarkTask``."""

    bucket: str
    path: str
    step_name: str


class MarksRead(NamedTuple):
    """The arguments of ``ReadMarksTask``."""

    bucket: str
    path: str
    steps: Sequence[str]
    ahead: Sequence[str] = ()


class StepsRead(NamedTuple):
    """The arguments of ``ReadStepsTask``."""

    bucket: str
    path: str
    wanted: Mapping[str, Sequence[Any]]


class Compared(NamedTuple):
    """The arguments of ``CompareOriginsTask``."""

    bucket: str
    path: str
    step_name: str
    origins: Mapping[str, Any]
    children: Sequence[Any] = ()


class Claimed(NamedTuple):
    """The arguments of ``ClaimStepTask``."""

    bucket: str
    path: str
    step_name: str
    owner: Owner
    seconds: float
    unless_done: bool = False
    fingerprint: str | None = None
    outputs: Sequence[str] = ()


class Released(NamedTuple):
    """The arguments of ``ReleaseStepTask``."""

    bucket: str
    path: str
    step_name: str
    owner: Owner
    patterns: Sequence[str] = ()
    but: Sequence[str] = ()


class Marked(NamedTuple):
    """The arguments of ``MarkStepDoneTask``; it gives up a claim if ``owner`` is not None."""

    bucket: str
    path: str
    step_name: str
    details: Mapping[str, Any] = {}
    owner: Owner | None = None
    patterns: Sequence[str] = ()
    but: Sequence[str] = ()
    outputs: Sequence[str] = ()


class Unmarked(NamedTuple):
    """The arguments of ``UnmarkStepsDoneTask``."""

    bucket: str
    path: str
    step_names: Sequence[str]
    owner: Owner | None = None
    patterns: Sequence[str] = ()
    but: Sequence[str] = ()
    origin: str | None = None


Parsed = Listed | MarkRead | MarksRead | StepsRead | Compared | Claimed | Released | Marked | Unmarked

_KINDS: dict[str, type[Any]] = {
    f"{ABOUT_MARKS}{name}": kind
    for name, kind in {
        "tasks.GetStepsDoneTask": Listed,
        "tasks.GetStepMarkTask": MarkRead,
        "reading_tasks.ReadMarksTask": MarksRead,
        "reading_tasks.ReadStepsTask": StepsRead,
        "tasks.CompareOriginsTask": Compared,
        "tasks.ClaimStepTask": Claimed,
        "tasks.ReleaseStepTask": Released,
        "tasks.MarkStepDoneTask": Marked,
        "tasks.UnmarkStepsDoneTask": Unmarked,
    }.items()
}
"""By the names of their activity types: those of the classes, which histories hold."""


def is_about_marks(name: str) -> bool:
    """True for the name of an activity that reads or writes marks or claims."""
    return name in _KINDS


def parse(name: str, input: str | None) -> Parsed | None:
    """The activity of that name with this input (JSON text, as in a history).

    Returns None for an activity that is not about marks, and for arguments that it does not take: such a task fails and
    changes no mark.
    """
    if name not in _KINDS:
        return None
    try:
        args, kwargs = values.arguments(values.decode(input))
    except InputError:
        return None
    return parse_arguments(name, args, kwargs)


def listed_names(result: str | None) -> list[str]:
    """The names in the result (JSON text) of ``GetStepsDoneTask``."""
    found = values.decode(result)
    names = found.get("names") if isinstance(found, dict) else found
    return [each for each in names if isinstance(each, str)] if isinstance(names, list) else []


def parse_arguments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Parsed | None:
    """The same for arguments that have not been encoded."""
    kind = _KINDS.get(name)
    if kind is None:
        return None
    try:
        parsed = kind(*args, **kwargs)
        if isinstance(parsed, MarkRead | MarksRead | StepsRead | Compared) or parsed.owner is None:
            return parsed  # type: ignore[no-any-return]
        from simpleflow.step.marks_task import owner_of

        return parsed._replace(owner=owner_of(parsed.owner))  # type: ignore[no-any-return]
    except (TypeError, ValueError):
        return None
