"""Origins that only the marks know of: those that a step names itself, and those in parents.

Theory of operation
-------------------
Within one execution, a step that runs forces its dependents and removes their marks before its work. Two kinds of
dependents cannot be found that way:

- A step with ``after=["load"]`` may be submitted later than ``load``. When ``load`` begins, nothing knows of it.
- A step of a child workflow. Its marks are elsewhere, and only the child knows where.

So such a step *compares marks*. Each writing of a mark has a *version*, the digest of its content. Right before the
work of the step begins, it reads the versions of its origins' marks, and its own mark keeps them (``after``). When the
step is found done later, it reads the marks again. If an origin was marked anew since, or its mark is gone, the step
has worked with old data: it runs, with the reason ``Dep of load``.

This is true after a crash at any instant, and in any store. Clocks play no part: the origin's mark is compared with the
one that the step has seen. An origin that was under way at that time had no mark, so a step that ran beside it is found
stale by the next run.

A mark that says nothing of an origin is older than the dependency, or was written by hand. Then the times in the two
marks are compared: the step is stale if the origin was marked after the step had begun.

An execution hands down what its children have to know, in their inputs (the key ``ORIGINS``): where its marks are,
which steps force which names, and which of them ran or failed in this run. From there it goes to the children of
children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simpleflow import values
from simpleflow.constants import RESERVED
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.step import mark, rules
from simpleflow.stores.base import Store, Stored
from simpleflow.values import text_tuple

ORIGINS = RESERVED + "origins"

Marks = list[tuple[str, str, list[str] | str]]
"""The marks of an origin: for each location its bucket, its prefix, and the names of steps or a pattern."""


class Above(NamedTuple):
    """The facts about an execution that the steps of executions below it need."""

    bucket: str  # of its marks
    path: str
    forces: Mapping[str, tuple[str, ...]] = {}  # by name of a step, the patterns that it forces
    ran: tuple[str, ...] = ()  # those of these steps that ran in this run, or are running
    failed: tuple[str, ...] = ()  # steps that failed
    inside: tuple[str, ...] = ()  # steps that the child is a part of: while it runs, they have no marks

    def to_json(self) -> dict[str, Any]:
        """The content of a child's input."""
        return {key: each for key, each in self._asdict().items() if each or key in ("bucket", "path")}

    def forced(self) -> Iterable[tuple[str, str]]:
        """The patterns that are forced by steps which ran in this run, each with the name of the step."""
        return [(pattern, name) for name in self.ran for pattern in self.forces.get(name, ())]

    def failed_origin(self, name: str, after: Iterable[str]) -> str | None:
        """A step that has failed and that forces ``name``, or on which ``name`` depends by the patterns ``after``."""
        return next((each for each in self.failed if self._covers(each, name) or _covers(after, each)), None)

    def marks(self, name: str, after: Iterable[str]) -> dict[str, tuple[str, str, list[str] | str]]:
        """The marks of the origins of the step ``name`` here, by name or pattern."""
        forcing = [each for each in self.forces if self._covers(each, name) and each not in self.inside]
        keys: dict[str, list[str] | str] = {each: [each] for each in forcing}
        keys |= {pattern: pattern for pattern in after}
        return {key: (self.bucket, self.path, wanted) for key, wanted in keys.items()}

    def _covers(self, origin: str, name: str) -> bool:
        return _covers(self.forces.get(origin, ()), name)


def read(reserved: Mapping[str, Any]) -> list[Above]:
    """The executions above one, as its input describes them. Raises InputError if that is malformed."""
    content = reserved.get(ORIGINS, [])
    try:
        return [
            Above(
                str(each["bucket"]),
                str(each["path"]),
                {name: text_tuple(patterns) for name, patterns in each.get("forces", {}).items()},
                *(text_tuple(each.get(key)) for key in ("ran", "failed", "inside")),
            )
            for each in content
        ]
    except (TypeError, KeyError, AttributeError):
        raise InputError(
            f"{ORIGINS} of the input is {content!r}; expected a list of objects with bucket and path"
        ) from None


def read_marks(store: Store, path: str, wanted: list[str] | str, but: str) -> dict[str, Stored]:
    """The marks with these names, or with the names that a pattern covers; without that of the step ``but``."""
    if isinstance(wanted, str):
        wanted = [name for name in store.names(path) if rules.covers(wanted, name) and name != but]
    return store.read(path, wanted) if wanted else {}


def version(found: Mapping[str, Stored]) -> str:
    """The version of an origin, from its marks by location and name; "" if there are none."""
    lines = [f"{key} {values.digest(each.body.decode(errors='replace'))}" for key, each in sorted(found.items())]
    return values.digest("\n".join(lines))[:16] if lines else ""


def is_stale(own: mark.Mark, key: str, now: str, marks: Iterable[mark.Mark]) -> bool:
    """True if the step with this mark has worked with old data of the origin ``key``, whose version is ``now``."""
    if own.after is not None and key in own.after:
        return own.after[key] != now
    times = [each.time for each in marks if each.time is not None]
    return own.time is not None and bool(times) and max(times) > own.time - (own.seconds or 0)


def _covers(patterns: Iterable[str], name: str) -> bool:
    return any(rules.covers(pattern, name) for pattern in patterns)
