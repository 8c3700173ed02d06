"""What one evaluation of a workflow knows of its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from simpleflow.base import Executor, Scope
from simpleflow.futures import Promise
from simpleflow.step import rules
from simpleflow.step.constants import COMPLETED, DEPENDENT_OF, MARKER_NAME, SCHEDULED
from simpleflow.step.recorded_verdicts import Recorded, read
from simpleflow.step.request import REASON, Request

if TYPE_CHECKING:
    from simpleflow.step.future import StepRun

_NOBODY = "\0"  # no reason: a text that nobody gives as one
_UNRECORDED = 1 << 40  # comes after every place in a history


class Patterns:
    """Forced or skipped names, each with its reasons and when they were given."""

    def __init__(self) -> None:
        self._given: dict[str, list[tuple[int, str | None]]] = {}
        self._count = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    @property
    def count(self) -> int:
        """How many have been added so far."""
        return self._count

    def add(self, name: str, reason: str | None, always: bool = False) -> None:
        """Add a name; ``always``: it counts for steps that were submitted before, too."""
        self._count += 1
        given = (0 if always else self._count, reason)
        known = self._given.setdefault(name, [])
        if not any(reason == each for _, each in known):
            known.append(given)

    def reasons(self) -> dict[str, set[str]]:
        """The reasons of each name."""
        return {name: {reason for _, reason in given if reason is not None} for name, given in self._given.items()}

    def covering(self, name: str, count: int, ignored: str = _NOBODY) -> dict[str, list[str]]:
        """Those of the first ``count`` that cover ``name``, with their reasons; ``ignored`` is none."""
        found: dict[str, list[str]] = {}
        if not self._given:
            return found
        for pattern in rules.patterns_covering(name):
            given = [reason for number, reason in self._given.get(pattern, ()) if number <= count and reason != ignored]
            if given:
                found[pattern] = [reason for reason in given if reason is not None]
        return found


class Claim:
    """The tries to claim a step for one verdict on it: the ``number``-th on its name.

    ``asked``: the latest; ``pause``: what is waited for before the next one; ``holder``: who has had it; ``users``:
    submissions that wait for it; ``used``: the verdict has been taken.
    """

    def __init__(self, scope: Scope, number: int) -> None:
        self.scope = scope
        self.number = number
        self.tries = 0
        self.asked: Promise | None = None
        self.pause: Promise | None = None
        self.holder: str | None = None
        self.users: dict[StepRun, None] = {}
        self.used = False


class Steps:
    """Forced and skipped names, which steps are done, which are being played, and which force which."""

    def __init__(self, executor: Executor) -> None:
        self.forced = Patterns()
        self.skipped = Patterns()
        self.done = rules.Names()
        self.known: list[str] = []  # names in the order in which they became known as done
        self.known_names: set[str] = set()
        self.latest: dict[str, StepRun] = {}  # the latest play of each name
        self.marking: dict[StepRun, Promise] = {}  # plays whose mark is being written, and what is final once it is
        self.awaiting: dict[StepRun, Promise] = {}  # steps whose verdict must wait, and for whom
        self.releasing: dict[str, Promise] = {}  # of each name, the latest activity that gives up its claim
        self._claims: dict[tuple[str, int], Claim] = {}
        self._origins: dict[str, dict[StepRun, None]] = {}  # by pattern, the plays that force it
        self._done_at_first: frozenset[str] = frozenset()
        self._marked: dict[str, int] = {}  # order of the play that wrote the latest mark
        self._unmarked: dict[str, int] = {}  # order of the latest play that removed it
        self._taken: dict[str, int] = {}  # verdicts of each name so far
        self._prefix: list[str] | None = None
        self._order = _UNRECORDED
        self._request = Request(executor)
        for names, patterns in ((self._request.force, self.forced), (self._request.skip, self.skipped)):
            for name in names:
                patterns.add(name, REASON, always=True)
        self._recorded = read(executor.recorded_markers(MARKER_NAME))
        self._unmet = len(self._recorded)
        self._next: dict[str, Iterator[Recorded]] = {}  # of each name, for each submission that the history knows
        self._waiting: dict[str, Recorded | None] = {}
        self._recall()

    def _recall(self) -> None:
        """Take over what recorded plays did to the marks."""
        for recorded in self._recorded:
            for name in recorded.unmarks:
                self._unmarked[name] = recorded.order
            outcome = recorded.outcome or {}
            if outcome.get("status") == COMPLETED and "stale" not in outcome:
                self._marked[recorded.name] = recorded.order
                self._request.played(recorded.name)
        submissions: dict[str, list[Recorded]] = {}
        for recorded in self._recorded:
            submissions.setdefault(recorded.name, []).extend([recorded] * (1 + recorded.joined))
        self._next = {name: iter(found) for name, found in submissions.items()}
        self._waiting = {name: next(found) for name, found in self._next.items()}

    def upcoming(self, name: str) -> int:
        """The number that the next verdict on ``name`` will have."""
        return self._taken.get(name, 0)

    def claim(self, name: str, scope: Scope) -> Claim:
        """The tries to claim ``name`` for the next verdict on it, shared by all submissions that wait for that."""
        key = name, self.upcoming(name)
        found = self._claims.get(key)
        if found is None:
            found = self._claims[key] = Claim(scope, key[1])
        return found

    def claim_is_used(self, name: str, number: int) -> None:
        """The verdict that the claim was for has been taken."""
        if (found := self._claims.get((name, number))) is not None:
            found.used = True

    def played_elsewhere(self, step: StepRun) -> None:
        """Another run has played it since the marks were listed: what it forces may be done no longer, or again."""
        for pattern in step.dependents:
            for name in self.done.covered_by(pattern):
                self.done.discard(name)
                self.known_names.discard(name)

    @property
    def catching_up(self) -> bool:
        """Verdicts that the history holds have not been met yet: what is new has to come after them."""
        return self._unmet > 0

    def listed(self, names: Iterable[str]) -> None:
        """The done marks have been read."""
        names = list(names)
        self._done_at_first = frozenset(names)
        for name in dict.fromkeys([*names, *self._marked]):
            marked = self._marked.get(name, -1)
            if self._unmarked.get(name, -2) <= marked:
                self.done.add(name)
            if marked < 0:
                self.known_names.add(name)
                self.known.append(name)

    def known_before(self, number: int) -> list[str]:
        """The first ``number`` names that became known as done; one list for all who ask for the same."""
        if self._prefix is None or len(self._prefix) != number:
            self._prefix = self.known[:number]
        return self._prefix

    def recorded(self, name: str) -> Recorded | None:
        """The verdict on ``name`` that the history holds for the submission that is met now; met before: joined."""
        return self._waiting.get(name)

    def pass_recorded(self, name: str) -> None:
        """That submission has been dealt with."""
        self._waiting[name] = next(self._next[name], None)

    def next_verdict(self, step: StepRun, recorded: Recorded | None) -> tuple[int, int]:
        """Count a verdict: its number among those on the step's name, from 0, and its order among all."""
        number = self._taken.get(step.name, 0)
        self._taken[step.name] = number + 1
        if recorded is None:
            self._order += 1
            return number, self._order
        self.pass_recorded(step.name)
        self._unmet -= 1
        recorded.met = True
        return number, recorded.order

    def play(self, step: StepRun) -> None:
        """A step is going to be played; from now on its dependents are forced."""
        self.latest[step.name] = step
        for pattern in step.dependents:
            self.forced.add(pattern, DEPENDENT_OF + step.name, always=True)
            self._origins.setdefault(pattern, {})[step] = None

    @property
    def playing(self) -> bool:
        """Whether the play of a step has begun and is not over."""
        return any(not step.done for step in self.latest.values()) or any(
            each.outcome is None for each in self._unmet_plays()
        )

    @property
    def has_progressed(self) -> bool:
        """Whether a step has been marked that was not known as done when the run began."""
        return any(name not in self._done_at_first for name in self._marked if name in self.done)

    def completed(self, step: StepRun) -> None:
        """A step has been played and marked."""
        if self._unmarked.get(step.name, -1) <= step.order:
            self._marked[step.name] = max(step.order, self._marked.get(step.name, -1))
            self.done.add(step.name)
        self._request.played(step.name)
        if step.name not in self.known_names:
            self.known_names.add(step.name)
            self.known.append(step.name)

    def found_done(self, step: StepRun) -> None:
        """A step was skipped since it is done, as this run or another one has marked it."""
        if self._unmarked.get(step.name, -1) <= step.order:
            self.done.add(step.name)

    def forcing(self, name: str, count: int) -> dict[str, list[str]]:
        """Of the first ``count`` names that were forced those that cover ``name``, with their reasons."""
        # Asked for at start and done since: only who forces it for another reason forces it again.
        satisfied = self._request.force and not self._request.forces(name)
        return self.forced.covering(name, count, REASON if satisfied else _NOBODY)

    def unmarked(self, step: StepRun, names: Iterable[str]) -> None:
        """The marks that ``step`` makes stale are gone. Evaluated again, a later mark may have been met before this."""
        for name in names:
            self._unmarked[name] = max(step.order, self._unmarked.get(name, -1))
            if self._marked.get(name, -1) < step.order:
                self.done.discard(name)

    def origins(self, step: StepRun) -> list[StepRun]:
        """The plays that force ``step``, less those that it stands in and those that stand in it."""
        if not self._origins:
            return []
        return [
            origin
            for pattern in rules.patterns_covering(step.name)
            for origin in self._origins.get(pattern, ())
            if origin is not step and origin not in step.enclosing and step not in origin.enclosing
        ]

    def _unmet_plays(self) -> Iterator[Recorded]:
        """Plays that the history holds and that this evaluation has not come to."""
        if self._unmet:
            yield from (each for each in self._recorded if each.status == SCHEDULED and not each.met)

    def unmet_origin(self, step: StepRun) -> str | None:
        """Name of a play that forces ``step``, still going on, that this evaluation has not come to.

        It may stand behind ``step``, so nobody can wait for it.
        """
        unmet = (each.name for each in self._unmet_plays() if each.outcome is None and each.forces(step.name))
        return next(unmet, None)

    def unmet_dependents(self, step: StepRun) -> list[Recorded]:
        """Plays that ``step`` makes stale, still going on, that this evaluation has not come to."""
        return [recorded for recorded in self._unmet_plays() if recorded.outcome is None and step.forces(recorded.name)]

    @property
    def is_quiet(self) -> bool:
        """No step bears on another one: none forces any, waits, or is just being marked, as far as is known."""
        return not (self._origins or self.awaiting or self.marking or self._unmet)

    def awaited_origin(self, step: StepRun) -> StepRun | None:
        """A play that forces ``step`` and is still going on, or one that will be when what it waits for is over."""
        if not self._origins and not self.awaiting:
            return None
        for origin in self.origins(step):
            if not origin.done:
                return origin
        for other in self.awaiting:
            if other.done or other is step or not other.forces(step.name):
                continue
            if not self._is_held_up_by(other, step.enclosing | {step}):
                return other
        return None

    def _is_held_up_by(self, step: StepRun, others: Collection[StepRun]) -> bool:
        """Whether ``step`` waits, directly or not, for one of ``others``, or stands in one."""
        awaited: Promise | None = step
        while awaited is not None:
            if not isinstance(awaited, type(step)):  # a mark: nothing holds it up
                return False
            if awaited in others or not awaited.enclosing.isdisjoint(others):
                return True
            awaited = self.awaiting.get(awaited)
        return False

    def failed_origin(self, step: StepRun) -> StepRun | None:
        """A step that forces ``step`` and whose latest play failed."""
        return next((each for each in self.origins(step) if each.failed and self.latest[each.name] is each), None)

    def overtaken(self, step: StepRun) -> str | None:
        """Name of a play that forces ``step`` and began after it: what ``step`` has done is stale."""
        if not self._origins and not self._unmet:
            return None
        met = (origin.name for origin in self.origins(step) if origin.order > step.order)
        unmet = (each.name for each in self._unmet_plays() if each.order > step.order and each.forces(step.name))
        return next(met, None) or next(unmet, None)

    def made_stale_by(self, step: StepRun) -> list[str]:
        """The done names whose marks must go before ``step`` is played, sorted."""
        names = {step.name} if step.name in self.done else set()
        around = {each.name for each in step.enclosing}
        for pattern in step.dependents:
            names.update(self.done.covered_by(pattern))
        for recorded in self._recorded:  # what a play is just unmarking may be marked still
            if recorded.outcome is None:
                names.update(name for name in recorded.unmarks if step.forces(name))
        names.update(recorded.name for recorded in self.unmet_dependents(step))
        return sorted(names - around)

    def mark_under_way(self, step: StepRun) -> Promise | None:
        """What writes a mark that ``step`` would make stale: a play, or, if it was cancelled, the writing alone."""
        for other, written in self.marking.items():
            if other not in step.enclosing and step.forces(other.name):
                return written if other.done else other
        return None
