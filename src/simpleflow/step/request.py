"""The request about steps at start: which are forced and skipped, and whether changed ones run. The input holds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simpleflow.base import Executor
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError
from simpleflow.step import rules

REQUEST = RESERVED + "steps"
REASON = "Requested at start"


def request_of(force: str | Iterable[str], skip: str | Iterable[str], changed: bool = False) -> dict[str, Any] | None:
    """The value of ``REQUEST`` in the input; None if there is nothing to request. Raises InputError.

    ``changed``: run the steps whose arguments or code have changed.
    """
    given = {"force": rules.check_names(force, "forced steps"), "skip": rules.check_names(skip, "skipped steps")}
    found: dict[str, Any] = {key: sorted(set(names)) for key, names in given.items() if names}
    if changed:
        found["changed"] = True
    return found or None


class Request:
    """The steps that an execution was started with as forced or skipped, and those of the former that have run since.

    A step that was forced at start and has completed is not forced again for that reason: neither in this execution nor
    in the one that continues it as new. The input of the latter therefore lists those names under the key ``played``.
    """

    def __init__(self, executor: Executor) -> None:
        """Raises InputError for a malformed request."""
        content = executor.reserved.get(REQUEST, {})
        if not isinstance(content, dict):
            raise InputError(f"{REQUEST} of the input is {content!r}; expected an object with force and skip")
        self.force = rules.check_names(content.get("force", ()), f"force of {REQUEST}")
        self.skip = rules.check_names(content.get("skip", ()), f"skip of {REQUEST}")
        self.changed = content.get("changed") is True  # run the steps that have changed
        if "played" in content:  # by this execution's predecessors; its children know nothing of those
            executor.handed_down[REQUEST] = {key: each for key, each in content.items() if key != "played"}
        self._completed = set(rules.check_names(content.get("played", ()), f"played of {REQUEST}"))
        if self.force:
            executor.carried[REQUEST] = {**content, "played": self._completed}

    def forces(self, name: str) -> bool:
        """True if ``name`` was forced at start and has not completed since."""
        return name not in self._completed and any(rules.covers(pattern, name) for pattern in self.force)

    def completed(self, name: str) -> None:
        """Take note that a step has completed."""
        if self.force and self.forces(name):
            self._completed.add(name)
