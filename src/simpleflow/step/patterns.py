"""The names that somebody has forced or skipped, with their reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from simpleflow.step import rules


class Patterns:
    """Forced or skipped names. Each is a pattern: it covers itself and all names below it.

    A name counts for the steps that are submitted after it was added. So the names are numbered as they are added, and
    a step remembers how many there were when it was submitted.
    """

    def __init__(self) -> None:
        self._given: dict[str, list[tuple[int, str | None]]] = {}  # by name: number and reason, each reason once
        self.count = 0  # of the names added so far

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def add(self, name: str, reason: str | None, always: bool = False) -> None:
        """Add a name; with ``always`` it also counts for steps that were submitted before."""
        self.count += 1
        known = self._given.setdefault(name, [])
        if not any(reason == each for _, each in known):
            known.append((0 if always else self.count, reason))

    def reasons(self) -> dict[str, set[str]]:
        """The reasons of each name."""
        return {name: {reason for _, reason in given if reason is not None} for name, given in self._given.items()}

    def covering(self, name: str, count: int, ignored: Collection[str] = ()) -> dict[str, list[str]]:
        """Those of the first ``count`` names that cover ``name``, with their reasons.

        A name that was given for ``ignored`` reasons alone is left out.
        """
        found: dict[str, list[str]] = {}
        if not self._given:
            return found
        for pattern in rules.patterns_covering(name):
            given = [
                reason
                for number, reason in self._given.get(pattern, ())
                if number <= count and (reason is None or reason not in ignored)
            ]
            if given:
                found[pattern] = [reason for reason in given if reason is not None]
        return found
