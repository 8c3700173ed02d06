"""The request about steps at start, which the input holds.

It says which steps are forced and skipped, which ones alone are to run, after which ones the run stops, whether
changed ones run, and which verdicts a plan expects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from simpleflow.base import Executor
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError
from simpleflow.step import rules

REQUEST = RESERVED + "steps"
REASON = "Requested at start"

Names = str | Iterable[str]

_NAMES = {"force": "forced steps", "skip": "skipped steps", "only": "only steps", "until": "until steps"}
"""The keys whose values are names of steps, and what error messages call these."""


def request_of(
    force: Names = (),
    skip: Names = (),
    changed: bool = False,
    only: Names = (),
    until: Names = (),
    planned: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """The value of ``REQUEST`` in the input; None if there is nothing to request. Raises InputError.

    ``changed``: run the steps whose arguments or code have changed. ``planned``: the plan that the run is held to.
    """
    given = {"force": force, "skip": skip, "only": only, "until": until}
    checked = {key: rules.check_names(names, _NAMES[key]) for key, names in given.items()}
    found: dict[str, Any] = {key: sorted(set(names)) for key, names in checked.items() if names}
    if changed:
        found["changed"] = True
    if planned is not None:
        if not isinstance(planned, Mapping):
            raise InputError(f"planned steps is {planned!r}; expected what steering.contract.planned returns")
        found["planned"] = dict(planned)
    return found or None


class Request:
    """The request with which an execution was started, and which of the steps to run have run since.

    A step that was to run at start and has completed is not run again for that reason: neither in this execution nor in
    the one that continues it as new. The input of the latter therefore lists those names under the key ``played``.
    """

    def __init__(self, executor: Executor) -> None:
        """Raises InputError for a malformed request."""
        content = executor.reserved.get(REQUEST, {})
        if not isinstance(content, dict):
            raise InputError(f"{REQUEST} of the input is {content!r}; expected an object with force and skip")
        self.force, self.skip, self.only, self.until = (
            rules.check_names(content.get(key, ()), f"{key} of {REQUEST}") for key in _NAMES
        )
        planned = content.get("planned")
        self.planned: Mapping[str, Any] | None = planned if isinstance(planned, dict) else None  # see ``planned``
        self.changed = content.get("changed") is True  # run the steps that have changed
        self.reached = rules.check_names(content.get("reached", ()), f"reached of {REQUEST}")  # of ``until``
        self._content = content
        self._handed_down = {key: each for key, each in content.items() if key not in ("played", "reached")}
        if self._handed_down != content:  # by this execution's predecessors; its children know nothing of those
            executor.handed_down[REQUEST] = self._handed_down
        self._completed = set(rules.check_names(content.get("played", ()), f"played of {REQUEST}"))
        self._runs = [*self.force, *self.only]  # patterns: the steps that run although they are done
        self.carry(executor)

    def carry(self, executor: Executor) -> None:
        """Tell the execution that continues this one what has happened so far."""
        if self._runs or self.reached:
            more: dict[str, Any] = {"played": self._completed} if self._runs else {}
            executor.carried[REQUEST] = self._content | more | ({"reached": self.reached} if self.reached else {})

    def forces(self, name: str) -> bool:
        """True if ``name`` was forced at start and has not completed since."""
        return name not in self._completed and _any_covers(self.force, name)

    def completed(self, name: str) -> None:
        """Take note that a step has completed."""
        if self._runs and name not in self._completed and _any_covers(self._runs, name):
            self._completed.add(name)

    def leaves_out(self, name: str, around: Iterable[str]) -> bool:
        """True if only some steps are to run, and ``name`` is none of them; nor is a step ``around`` it."""
        return bool(self.only) and not any(map(self._is_among_only, (name, *around)))

    def only_reasons(self, name: str) -> tuple[str, ...]:
        """The reasons for which a step runs that is one of the only ones to run, and has not completed since."""
        return (REASON,) if name not in self._completed and self._is_among_only(name) else ()

    def is_reached_with(self, name: str) -> bool:
        """True if ``name`` is one of the steps that the run is to reach."""
        return _any_covers(self.until, name)

    def hands_down(self, around: Sequence[str], until: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The request for a child inside these steps. Everything inside one of the only steps to run may run.

        ``until``: the steps that it is to reach, if they differ from those that this execution is to reach.
        """
        inside = bool(self.only) and any(map(self._is_among_only, around))
        if not inside and until is None:
            return {}
        found = dict(self._handed_down)
        if inside:
            found["force"] = sorted({*self.force, *self.only})
            del found["only"]
        found |= until or {}
        return {REQUEST: {key: each for key, each in found.items() if each}}

    def _is_among_only(self, name: str) -> bool:
        return _any_covers(self.only, name)


def _any_covers(patterns: Iterable[str], name: str) -> bool:
    return any(rules.covers(pattern, name) for pattern in patterns)
