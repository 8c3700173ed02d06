"""What really happened to each step, and so which marks are true.

Every start and end of a step's work gets a number from one clock. A mark is *true* if the step's latest work ended
well, and so did every part of it that may not fail, and the work began after every step that forces it had ended.

This is a model of the rules in docs/steps.md. It uses none of the code that it judges.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.step.chaos_files import Files, Key
from tests.step.chaos_plan import Plan, any_covers, letter_of, names_in, steps_around, tags_in

ROOT = "w"
"""The workflow id of the first execution."""

Calls = tuple[tuple[Any, ...], ...]


@dataclass
class Work:
    """The latest work of a step."""

    scheduled: int = 0  # when the verdict was recorded
    begun: int = 0
    ended: int = 0  # 0: not since it has begun, or badly
    touched: int = 0  # latest begin or end, well or badly
    version: Any = None  # what it was made from: a fingerprint, calls, and the code of their activities
    calls: Calls = ()
    code: dict[str, int] = field(default_factory=dict)
    parts_are_done: bool | None = None  # None: not looked at since it began
    parts: dict[Key, tuple[str, ...]] = field(default_factory=dict)  # inside, as its mark tells: what they come after
    around: dict[Key, int] = field(default_factory=dict)  # the steps it is a part of, and when they had begun
    beside: list[Key] = field(default_factory=list)  # its origins that were running when it was scheduled
    seen: dict[Key, int] = field(default_factory=dict)  # the marks of its origins that were there then
    patterns: tuple[str, ...] = ()  # those that said what it comes after
    run_number: int = 0  # of the run of the world that has done it
    seen_later: dict[Key, int] = field(default_factory=dict)  # those of them that were there when it had begun
    unmade: bool = False  # it has not made the file that it says it makes
    is_tried: bool = False  # to end
    by_hand: int = 0  # when somebody marked it; 0: a run did


class Truth:
    """The works of all steps, over several runs."""

    def __init__(
        self, forces: dict[str, tuple[str, ...]], after: dict[str, tuple[str, ...]], optional: frozenset[str]
    ) -> None:
        self.forces = forces
        self.after = after
        self.optional = optional
        self.names = list(forces)
        self.files = Files()
        self._forcing: dict[str, list[str]] = {}  # by name of a step, its origins
        self._named: dict[str, list[str]] = {}
        self._depend()
        self._forced: dict[Key, dict[Key, int]] = {}  # by step, its origins, and when each has made it stale
        self.run_number = 0
        self.clock = itertools.count(1)
        self.works: dict[Key, Work] = {}
        self.tags: dict[str, str] = {ROOT: ""}  # by workflow id, what the execution was started with
        self.parents: dict[str, str] = {}  # by workflow id
        self.marked: dict[Key, int] = {}  # the marks that are there, and when each was first seen
        self.ran: list[Key] = []  # in this run
        # Of this run
        self.plan = Plan(())
        self.at_start: dict[Key, int] = {}
        self.verdicts: dict[Key, int] = {}  # when the first verdict was recorded
        self.scheduled: set[Key] = set()  # the steps that have run, or are running
        self.last: dict[Key, str] = {}  # how the latest submission ended or stands
        self.ends: dict[Key, int] = {}  # when that was recorded
        self.restarted: dict[str, bool] = {}  # ids of new executions; if they continue others
        self.continued: set[str] = set()  # ids of executions that have continued as new
        self.failed_children: set[str] = set()  # their workflow ids
        self.children: dict[tuple[str, str], list[str]] = {}  # by workflow id and tag, the ids of children
        self.started: dict[str, int] = {}  # by workflow id, when the child was last started

    def _depend(self) -> None:
        """Work out the origins of each step."""
        for name in self.names:
            self._forcing[name] = [each for each in self.names if any_covers(self.forces[each], name)]
            self._named[name] = [each for each in self.names if any_covers(self.after[name], each)]

    def start(self, plan: Plan) -> None:
        """A run starts."""
        self.plan = plan
        self.run_number += 1
        self.forces = dict(plan.forces or self.forces)
        self.after = dict(plan.after or self.after)
        self._depend()
        self.at_start = dict(self.marked)
        self.ran = []
        for each in (self.verdicts, self.scheduled, self.last, self.ends, self.children):
            each.clear()
        self.failed_children.clear()
        self.restarted.clear()
        self.continued.clear()

    def restart(self, workflow_id: str, continues: bool = False) -> None:
        """A new execution of this id begins in the same run: it reads the marks anew.

        ``continues``: it continues the one before it, whose steps still count as parts of what is around both.
        """
        self.at_start = {key: each for key, each in self.at_start.items() if key[0] != workflow_id}
        self.at_start |= {key: each for key, each in self.marked.items() if key[0] == workflow_id}
        for by_key in (self.verdicts,) if continues else (self.verdicts, self.last, self.ends, self.children):
            for key in [each for each in by_key if each[0] == workflow_id]:
                del by_key[key]
        self.scheduled -= {each for each in self.scheduled if each[0] == workflow_id}
        self.restarted[workflow_id] = continues
        if continues:
            self.continued.add(workflow_id)

    # Works

    def begin(self, workflow_id: str, name: str) -> None:
        work = self.work((workflow_id, name))
        work.begun = work.touched = next(self.clock)
        work.ended = work.by_hand = 0
        work.is_tried = False
        work.parts_are_done = None
        self.files.begin((workflow_id, name))
        work.around = {outer: self.work(outer).begun for outer in self.steps_around((workflow_id, name))}
        work.seen_later = {each: self.marked.get(each, 0) for each in work.seen}
        work.run_number = self.run_number
        self._force((workflow_id, name))
        self.ran.append((workflow_id, name))

    def end(self, workflow_id: str, name: str) -> int:
        key = workflow_id, name
        work = self.work(key)
        work.touched = next(self.clock)
        self._force(key)
        is_first, work.is_tried = not work.is_tried, True
        if name in self.plan.failing or (is_first and name in self.plan.flaky):
            raise ValueError(f"{name} fails")
        work.ended = work.touched
        self.files.end(key, self.plan)
        work.unmade = self.plan.makes and not self.files.is_made(key)
        work.version = self.version(key)
        work.calls, work.code = self.made_with(key)
        return work.ended

    def work(self, key: Key) -> Work:
        return self.works.setdefault(key, Work())

    def mark_by_hand(self, key: Key, now: int) -> None:
        """Somebody says that the step is done. It forces nothing: to steps that it forced, it is what it was."""
        before = self.work(key)
        for each in self.works.values():
            if each.around.get(key) == before.begun:
                each.around[key] = now
        number = self.run_number  # that of the run before
        self.works[key] = Work(now, now, now, before.touched, parts_are_done=True, by_hand=now, run_number=number)

    def _force(self, key: Key) -> None:
        """The step has begun or ended: those that it forces are stale, but for those inside it."""
        work = self.work(key)
        for dependent in [(key[0], name) for name in self.names if key[1] in self._forcing[name] and name != key[1]]:
            if self.work(dependent).around.get(key) != work.begun:
                self._forced.setdefault(dependent, {})[key] = work.touched

    def version(self, key: Key) -> Any:
        """The fingerprint of the step in this run; None if it has none."""
        plan, name = self.plan, key[1]
        if plan.reads is None:
            return plan.version
        return plan.version, plan.reads, self.files.version(name), self.made_with(key)

    def lacks_output(self, key: Key) -> bool:
        """True if the step has to make a file that is not there."""
        return self.plan.makes and not self.files.is_made(key)

    def alternative(self, workflow_id: str, name: str) -> None:
        """The alternative work of a step. Raises ValueError if it fails."""
        if name in self.plan.alternates_badly:
            raise ValueError(f"{name} fails to do something else")

    def last_number(self, workflow_id: str, name: str) -> int:
        return self.work((workflow_id, name)).touched

    def made_with(self, key: Key) -> tuple[Calls, dict[str, int]]:
        """The calls that the work would make now, as far as they are known, and the code of their activities."""
        calls = tuple(self._calls(key[0], self.tags[key[0]], key[1]))
        return calls, {call[0]: 2 * self.plan.code + self.plan.helper if call[0] == "middle" else 0 for call in calls}

    def _calls(self, workflow_id: str, tag: str, name: str) -> Iterator[tuple[Any, ...]]:
        yield "begin", workflow_id, name
        yield "middle", name, self.plan.argument
        if self.plan.captured is not None:
            yield "capturing", name, self.plan.captured
        for item in self.plan.inside_of(name, tag):
            if item.kind in ("func", "loose"):  # what they return is not known
                yield (item.kind,)
            elif item.kind == "child":
                yield from (("child", each) for each in tags_in((item,), tag, name))
            else:
                for inner in item.names:
                    yield from self._calls(workflow_id, tag, inner)
        yield "end_or_fail" if self.plan.raises else "end", workflow_id, name

    # Steps around a step

    def steps_around(self, key: Key) -> list[Key]:
        """The steps that this one is a part of in this run, the innermost first."""
        workflow_id, name = key
        found = []
        while (outer := self.plan.around(name)) is not None:
            found.append((workflow_id, outer))
            name = outer
        executions = {self.tags[each]: each for each in self.above(workflow_id)}
        for tag, outer in steps_around(self.tags[workflow_id]):
            found.append((executions[tag], outer))
            while (outer := self.plan.around(outer) or "") != "":
                found.append((executions[tag], outer))
        return found

    def above(self, workflow_id: str) -> list[str]:
        """The executions above this one."""
        found = []
        while (parent := self.parents.get(workflow_id)) is not None:
            found.append(parent)
            workflow_id = parent
        return found

    def parts_of(self, key: Key) -> dict[Key, tuple[str, ...]]:
        """The steps inside, as the mark of a step that has just completed tells of them."""
        found: dict[Key, tuple[str, ...]] = {}
        for name in names_in(self.plan.inside_of(key[1], self.tags[key[0]])):
            part = key[0], name
            if name not in self.optional and self.last.get(part) in ("completed", "skipped"):
                found |= {part: self.after[name]} | (
                    self.parts_of(part) if self.last[part] == "completed" else self.work(part).parts
                )
        return found

    def missing_parts(self, key: Key) -> set[Key]:
        """The parts that were not done when this run began, or were stale, but for those that could never be done."""
        parts = {part for part in self.work(key).parts if part not in self.at_start or self._is_part_stale(key, part)}
        return {part for part in parts if not self._is_circular(key, part)}

    def _is_circular(self, key: Key, part: Key) -> bool:
        """True if the part depends on a step that depends on one around the part: each end of the latter undoes it."""
        forced = [name for name in self.names if any_covers(self.forces[key[1]], name)]
        if any(any_covers(self.forces[each], part[1]) for each in forced):
            return True
        between = {each for each in self.work(key).parts if part in self.work(each).parts}
        return any(not between.isdisjoint(self._origins(origin)) for origin in self._origins(part))

    def _origins(self, key: Key) -> list[Key]:
        return [*self.forcing(key), *self.named(key)]

    def _is_part_stale(self, key: Key, part: Key) -> bool:
        around = {key, part, *self.steps_around(key)}
        patterns = self.work(key).parts[part]
        named = [(part[0], name) for name in self.names if name != part[1] and any_covers(patterns, name)]
        origins = [each for each in named if each in self.at_start and each not in around]
        return any(each not in self.scheduled and self.is_older(part, each) for each in origins)

    def is_left_out(self, key: Key) -> bool:
        """True if only some steps are to run: neither this one nor one around it."""
        every = [key, *self.steps_around(key)]
        return bool(self.plan.only) and not any(any_covers(self.plan.only, name) for _, name in every)

    # Origins

    def forcing(self, key: Key) -> list[Key]:
        """The steps of the same execution that say that they force this one."""
        workflow_id, name = key
        return [(workflow_id, each) for each in self._forcing[name] if each != name]

    def named(self, key: Key) -> list[Key]:
        """The steps of the same execution after which this one says that it comes."""
        workflow_id, name = key
        return [(workflow_id, each) for each in self._named[name] if each != name]

    def forcing_above(self, key: Key) -> list[Key]:
        """The steps of the executions above that say that they force this one, whether or not it knows of them."""
        workflow_id, name = key
        return [(above, each) for above in self.above(workflow_id) for each in self._forcing[name]]

    def named_above(self, key: Key) -> list[Key]:
        """The steps of the executions above after which this one says that it comes."""
        workflow_id, name = key
        return [(above, each) for above in self.above(workflow_id) for each in self._named[name]]

    # Truth

    def is_fresh(self, key: Key, origin: Key) -> bool:
        """True if the work of ``key`` began after that of ``origin`` had ended, or is a part of it."""
        work, other = self.work(key), self.works.get(origin)
        if other is None or work.around.get(origin) == other.begun:
            return True
        return other.touched < work.begun

    def is_older(self, key: Key, origin: Key) -> bool:
        """True if the mark of the step tells that it was made before the one of the origin."""
        work, other = self.work(key), self.work(origin)
        if origin not in work.seen and not work.by_hand:
            # The dependency is newer than the mark: times are compared, which are the same for what is done at once.
            return other.run_number > work.run_number and bool(other.ended)
        return not self.is_fresh(key, origin) or self.work(origin).by_hand > self.work(key).begun

    def is_true(self, key: Key) -> bool:
        """True if a mark of the step may be there."""
        work = self.work(key)
        if not work.ended or work.unmade:
            return False
        if work.parts_are_done is None:
            work.parts_are_done = self.are_parts_done(key)
        origins = []
        verdict = self.verdicts.get(key)
        if verdict is not None:
            # An origin that began after this verdict knew of it, and has removed the mark.
            origins += [each for each in self.named(key) if self.work(each).begun > verdict]
        if any(time > work.begun for time in self._forced.get(key, {}).values()):
            return False
        return work.parts_are_done and all(self.is_fresh(key, each) for each in origins) and self.are_parts_fresh(key)

    def are_parts_fresh(self, key: Key, scheduled: bool = False, outer: tuple[Key, ...] = ()) -> bool:
        """True if no step inside was made stale in this run, as far as its execution knows.

        Args:
            scheduled: an origin counts from its verdict on, not only when its work has begun.
            outer: steps that this one is a part of, about which the question is.
        """
        if key not in self.verdicts:
            return True
        workflow_id, name = key
        for each in names_in(self.plan.inside_of(name, self.tags[workflow_id])):
            part = workflow_id, each
            # One that ran, and was then skipped by name, may or may not count.
            counts = self.last.get(part) in ("completed", "skipped") or (scheduled and part in self.scheduled)
            if each in self.optional or not counts or part not in self.ends:
                continue
            if workflow_id in self.continued and part not in self.verdicts:
                continue  # it ended in an execution that this one continues
            time = self.ends[part]
            # A step around the part that began later is another run than the one that the part belongs to.
            every = [*self.forcing(part), *self.named(part)]
            # Where the outer step forces it in turn, neither would ever be done.
            around = {key, *outer}
            origins = [each for each in every if around.isdisjoint([*self.forcing(each), *self.named(each)])]
            if any(self.runs_after(each, time) and (scheduled or self.work(each).begun > time) for each in origins):
                return False
            if not self.are_parts_fresh(part, scheduled, (key, *outer)):
                return False
        return True

    def runs_after(self, key: Key, time: int) -> bool:
        """True if the step was scheduled in this run after ``time``."""
        return key in self.scheduled and self.work(key).scheduled > time

    def are_parts_done(self, key: Key) -> bool:
        """True if everything inside the step is done, as far as it may not fail."""
        workflow_id, name = key
        tag = self.tags[workflow_id]
        items = self.plan.inside_of(name, tag)
        children = tags_in(items, tag, name)
        inner = self._are_done(workflow_id, names_in(items))
        return inner and all(self._is_child_done(workflow_id, each, self.work(key).begun) for each in children)

    def _is_child_done(self, parent: str, tag: str, since: int) -> bool:
        # A child that was started before is a part of an earlier run of the step.
        found = [each for each in self.children.get((parent, tag), ()) if self.started[each] > since]
        items = self.plan.submitted(tag)
        return bool(found) and all(
            each not in self.failed_children
            and self._are_done(each, names_in(items))
            and all(self._is_child_done(each, inner, since) for inner in tags_in(items, tag, None))
            for each in found
        )

    def _are_done(self, workflow_id: str, names: list[str]) -> bool:
        return all(self._is_done((workflow_id, name)) for name in names if name not in self.optional)

    def _is_done(self, key: Key) -> bool:
        """True if the latest submission in this run has run or was skipped, and did not fail."""
        last, work = self.last.get(key), self.work(key)
        if last in ("skipped", "skipped by name"):
            return True
        return last == "completed" and bool(work.ended) and work.parts_are_done is not False

    def breaks(self, tag: str) -> bool:
        """True if the child fails itself."""
        return letter_of(tag) in self.plan.breaking

    def may_fail(self) -> set[str]:
        """The names of steps that have a reason to fail, wherever they are."""
        plan = self.plan
        found = set(plan.failing)
        if plan.makes:
            found |= plan.unmade
        if plan.alternates:
            found |= plan.alternates_badly
        if not plan.tries:
            found |= plan.flaky
        while True:
            more = {name for name in self.names if name not in found and self._has_reason(name, found)}
            if not more:
                return found
            found |= more

    def _has_reason(self, name: str, failed: set[str]) -> bool:
        if not failed.isdisjoint([*self._forcing[name], *self._named[name]]):
            return True
        items = self.plan.inside.get(name, ())
        inner = names_in(items)
        if any(item.kind == "child" for item in items):
            if self.plan.breaking:
                return True
            inner += names_in(self.plan.child)
        # A failure that fails its workflow fails what is around it, even if the step may fail.
        return any(each in failed and (self.plan.raises or each not in self.optional) for each in inner)


def changed(before: Work, calls: Calls, code: dict[str, int]) -> set[str]:
    """The kinds of change between a work and the one that would be done now."""
    if before.by_hand:
        return set()  # nobody knows
    kinds = {"arguments": before.calls != calls, "code": before.code != code}
    return {kind for kind, differs in kinds.items() if differs}
