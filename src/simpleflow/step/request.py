"""What whoever starts an execution asks of its steps: a part of the execution's input, beside the arguments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow.base import Executor
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError
from simpleflow.step import rules

REQUEST = RESERVED + "steps"
REASON = "Requested at start"


def request_of(force: str | Iterable[str], skip: str | Iterable[str]) -> dict[str, Any] | None:
    """The value of ``REQUEST`` in the input; None if nothing is asked. Raises InputError for what is no name."""
    asked = {"force": rules.check_names(force, "forced steps"), "skip": rules.check_names(skip, "skipped steps")}
    found = {key: sorted(set(names)) for key, names in asked.items() if names}
    return found or None


class Request:
    """What was asked of the steps of an execution, and what of it has been done.

    A step that was forced so and has been completed is not forced so again, here or in the execution that continues
    this one as new: ``played`` are those, in the input of the latter.
    """

    def __init__(self, executor: Executor) -> None:
        """Raises InputError for a request that cannot be."""
        content = executor.reserved.get(REQUEST, {})
        if not isinstance(content, dict):
            raise InputError(f"{REQUEST} of the input is {content!r}; expected an object with force and skip")
        self.force = rules.check_names(content.get("force", ()), f"force of {REQUEST}")
        self.skip = rules.check_names(content.get("skip", ()), f"skip of {REQUEST}")
        if "played" in content:  # by this execution's predecessors, not by its children
            executor.handed_down[REQUEST] = {key: each for key, each in content.items() if key != "played"}
        self._played = set(rules.check_names(content.get("played", ()), f"played of {REQUEST}"))
        if self.force:
            executor.carried[REQUEST] = {**content, "played": self._played}

    def forces(self, name: str) -> bool:
        """Whether ``name`` is asked to be forced, and has not been completed since."""
        return name not in self._played and any(rules.covers(pattern, name) for pattern in self.force)

    def played(self, name: str) -> None:
        """A step has been completed."""
        if self.force and self.forces(name):
            self._played.add(name)
