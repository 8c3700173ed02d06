"""The course of one run of the campaign: the steps that it submits, what is inside them, and what happens to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_DEPTH = 2  # of children of children; those at this depth start no more


@dataclass(frozen=True)
class Item:
    """One submission: steps in a container, a step alone, or children."""

    kind: str  # step, group, chain, func, quiet (a chain without an exception), loose (nobody waits) or child
    names: tuple[str, ...]  # of steps; for children, the letters that are their inputs


@dataclass(frozen=True)
class Plan:
    """The course of one run."""

    items: tuple[Item, ...]
    forced: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failing: frozenset[str] = frozenset()
    waits: bool = True
    looks: bool = False  # at futures that may not be final, so that run() is evaluated afresh
    stop_after: int | None = None  # activities; the process dies then
    resumes: bool = False  # the run goes on after that, in another process
    claims: bool = False  # each step is claimed before it runs
    keeps: bool = False  # the steps keep their results
    version: int | None = None  # fingerprint of the steps of this run; None: they have none
    argument: int = 0  # of an activity in each step
    code: int = 0  # which version of that activity
    helper: int = 0  # which version of a function that this activity captures
    captured: int | None = None  # a value that a function in each step captures; None: there is no such function
    changes: str | None = "tell"  # what becomes of done steps with another argument or other code
    inside: Mapping[str, tuple[Item, ...]] = field(default_factory=dict)  # by name of a step, what its work submits
    child: tuple[Item, ...] = ()  # what each child submits
    breaking: frozenset[str] = frozenset()  # letters of children that fail themselves
    requested: tuple[str, ...] = ()  # steps that are forced at start, in children too
    requested_skips: tuple[str, ...] = ()  # steps that are skipped at start, in children too
    insists: frozenset[str] = frozenset()  # steps with force=True
    alternates: bool = False  # a skipped step does alternative work
    alternates_badly: frozenset[str] = frozenset()  # steps whose alternative work fails
    signals: bool = False  # the steps send signals
    raises: bool = False  # a step that fails fails its workflow
    keeps_going: bool = False  # that then does what it still can
    tries: int = 0  # how often an activity is tried again
    flaky: frozenset[str] = frozenset()  # steps whose work fails at the first try
    requests_changed: bool = False  # at start: changed steps run, in children too
    until: tuple[str, ...] = ()  # steps after which the run stops
    only: tuple[str, ...] = ()  # the only steps that are to run, in children too; none: all
    turns: int = 1  # each execution continues as new until it has had so many, and submits in each what belongs there
    forces: Mapping[str, tuple[str, ...]] | None = None  # which steps force which from this run on; None: as before
    after: Mapping[str, tuple[str, ...]] | None = None  # the same for those that say so themselves
    forgotten: tuple[str, ...] = ()  # steps whose marks are removed before the run
    by_hand: tuple[str, ...] = ()  # steps that are marked by hand then, after that
    makes: bool = False  # the steps say which file they make
    unmade: frozenset[str] = frozenset()  # steps that do not make it
    removed: tuple[str, ...] = ()  # steps whose files are gone when the run begins
    reads: str | None = None  # the steps have a fingerprint of ready-made parts; how they compare the file they read
    edited: tuple[str, ...] = ()  # steps for which that file is edited before the run

    def submitted(self, tag: str) -> tuple[Item, ...]:
        """What an execution submits outside of steps; ``tag`` is its input, "" for the first one."""
        return _allowed(self.child if tag else self.items, tag)

    def inside_of(self, name: str, tag: str) -> tuple[Item, ...]:
        """What the work of a step submits in the execution with this tag."""
        return _allowed(self.inside.get(name, ()), tag)

    def around(self, name: str) -> str | None:
        """The step that this one is a part of. A name that is inside a step is nowhere else."""
        return next((outer for outer, items in self.inside.items() if name in names_in(items)), None)

    @property
    def skips(self) -> tuple[str, ...]:
        """The names of all steps that are skipped by name."""
        return self.skipped + self.requested_skips

    @property
    def runs_changed(self) -> bool:
        """True if changed steps run."""
        return self.changes == "run" or self.requests_changed

    @property
    def tells_changed(self) -> bool:
        """True if a done step that has changed says so."""
        return self.changes != "ignore" or self.requests_changed


def covers(pattern: str, name: str) -> bool:
    return pattern == "*" or pattern == name or name.startswith(pattern + ".")


def any_covers(patterns: tuple[str, ...], name: str) -> bool:
    return any(covers(pattern, name) for pattern in patterns)


def names_in(items: tuple[Item, ...]) -> list[str]:
    """The names of the steps among these items."""
    return [name for item in items if item.kind != "child" for name in item.names]


def tags_in(items: tuple[Item, ...], tag: str, around: str | None) -> list[str]:
    """The tags of the children that these items start in the execution ``tag``, inside the step ``around``."""
    return [child_tag(tag, around, letter) for item in items if item.kind == "child" for letter in item.names]


def child_tag(tag: str, around: str | None, letter: str) -> str:
    """The input of a child: it says where the child was started, so that it is the same in every run."""
    own = letter if around is None else f"{around}:{letter}"
    return f"{tag}/{own}" if tag else own


def letter_of(tag: str) -> str:
    return tag.rpartition("/")[2].rpartition(":")[2]


def steps_around(tag: str) -> Iterator[tuple[str, str]]:
    """The steps that the execution with this tag is a part of, and the tags of their executions."""
    while tag:
        above, _, own = tag.rpartition("/")
        around = own.rpartition(":")[0]
        if around:
            yield above, around
        tag = above


def _allowed(items: tuple[Item, ...], tag: str) -> tuple[Item, ...]:
    """The items without the children that would be too many: a child starts few, and its children none."""
    depth = tag.count("/") + 1 if tag else 0
    if depth == 0:
        return items
    few = tuple(Item(item.kind, item.names[:1]) if item.kind == "child" else item for item in items)
    return few if depth < MAX_DEPTH else tuple(item for item in few if item.kind != "child")
