"""The judge's view of each recorded verdict, and of each end of a step: may it be so?"""

from __future__ import annotations

from typing import Any

from tests.step.chaos_below import Below
from tests.step.chaos_children import Children
from tests.step.chaos_plan import any_covers, covers
from tests.step.chaos_truth import ROOT, Key, Truth, changed

Details = dict[str, Any]


class Verdicts:
    """Checks the markers of steps, in the order in which they are recorded."""

    def __init__(self, truth: Truth, children: Children) -> None:
        self.truth = truth
        self.children = children
        self.below = Below(truth, children)
        self.completed: set[Key] = set()  # in this execution
        self._satisfied: set[Key] = set()  # those that completed in executions that this one continues
        self._begun: dict[Key, list[list[str]]] = {}  # what spoke against each skipping that has begun
        self.stopped: dict[str, list[str]] = {}  # by workflow id, the steps around those that the run was to reach

    def start(self) -> None:
        """A run starts."""
        self.completed.clear()
        self._satisfied.clear()
        self._begun.clear()
        self.stopped.clear()

    def stop(self, workflow_id: str, details: Details) -> None:
        """An execution stops before its end. Raises AssertionError."""
        self._begin_anew()
        plan = self.truth.plan
        assert details["until"], details
        assert set(details["until"]) <= set(plan.until), details
        self.stopped[workflow_id] = details["around"]
        under_way = [key for key, last in self.truth.last.items() if key[0] == workflow_id and last == "scheduled"]
        # A child is to reach what its parent had not reached when it was started.
        wanted = plan.until if workflow_id == ROOT else tuple(details["until"])
        open_ones = [key for key in under_way if key[1] not in details["around"] and any_covers(wanted, key[1])]
        # A child that has stopped leaves its parent without a result: so that one stops at once.
        by_child = any(each.startswith(f"{workflow_id}--") for each in self.stopped)
        assert by_child or not open_ones, f"{workflow_id} stops before {open_ones} have ended"

    def _begin_anew(self) -> None:
        """Forget what was true of earlier executions of the same ids."""
        while self.truth.restarted:
            workflow_id, continues = self.truth.restarted.popitem()
            own = {each for each in self.completed if each[0] == workflow_id}
            self.completed -= own
            self._satisfied |= own
            if not continues:
                self._satisfied -= {each for each in self._satisfied if each[0] == workflow_id}
            self.stopped.pop(workflow_id, None)

    def check(self, workflow_id: str, details: Details) -> None:
        """One marker. Raises AssertionError."""
        self._begin_anew()
        truth, status = self.truth, details["status"]
        key = workflow_id, details["step"]
        if status in ("scheduled", "skipped") and workflow_id in self.stopped:
            around = [each for each in truth.steps_around(key) if each[0] == workflow_id and each in truth.scheduled]
            left = [name for _, name in around if name not in self.stopped[workflow_id]]
            assert left or status == "skipped", f"{key} begins though its run has stopped"
        checks = {
            "scheduled": self._scheduled,
            "skipped": self._skipped,
            "completed": self._completed,
            "failed": self._failed,
        }
        if status not in checks:
            return
        checks[status](key, details)
        if status != "completed" and not truth.is_left_out(key):  # origins under way need not have known of that one
            truth.verdicts.setdefault(key, next(truth.clock))
        truth.ends[key] = next(truth.clock)
        by_name = status == "skipped" and details["forced"]
        if status == "failed" and truth.plan.alternates and truth.last.get(key) != "scheduled":
            if self._begun.get(key):
                self._begun[key].pop(0)
            status = "failed instead"  # its alternative work, or it was refused
        truth.last[key] = "refused" if "refused" in details else "skipped by name" if by_name else status

    def begins_skipping(self, key: Key) -> None:
        """The verdict on a step that is skipped has been taken. Its marker comes later."""
        self._begun.setdefault(key, []).append(self._problems_of(key))

    # Verdicts

    def _scheduled(self, key: Key, details: Details) -> None:
        truth = self.truth
        assert not truth.is_left_out(key), f"{key} runs, and is none of {truth.plan.only}"
        failed = self._failed_origin(key)
        assert failed is None, f"{key} runs, though {failed} has failed"
        allowed = self._reasons(key)
        for reason in details["reasons"]:
            assert reason.partition(":")[0] in allowed, f"{key} runs since {reason!r}, and not one of {allowed}"
        marked = key in truth.at_start or key in self.completed
        if marked and not details["reasons"] and key[1] not in truth.plan.insists:
            # Its mark has been removed since; or it was void.
            assert self._is_unmarked(key), f"{key} is done and runs again"
        work = truth.work(key)
        work.scheduled = next(truth.clock)
        work.patterns = truth.after[key[1]]
        work.seen = {each: truth.marked.get(each, 0) for each in self._elsewhere(key)}
        # A step around it counts: it may be another run than the one that this step is a part of.
        origins = [*truth.forcing(key), *truth.named(key)]
        work.beside = [each for each in origins if truth.last.get(each) == "scheduled"]
        truth.scheduled.add(key)
        self.completed.discard(key)

    def _skipped(self, key: Key, details: Details) -> None:
        truth, plan = self.truth, self.truth.plan
        name = key[1]
        problems = self._begun[key].pop(0) if self._begun.get(key) else self._problems_of(key)
        if truth.is_left_out(key):
            assert details["reasons"] == ["Not among --only"], f"{key} is left out, and says {details['reasons']}"
            # A mark may be removed while the step reads it, or be about to be.
            stays = not truth.scheduled and plan.stop_after is None
            is_marked = key in truth.marked
            assert not stays or is_marked is not details.get("not_done", False), f"{key} is done or not: {details}"
            return
        assert not any_covers(plan.forced, name), f"{key} was forced and is skipped"
        assert name not in plan.insists, f"{key} says that it is to run, and is skipped"
        assert not self._is_requested(key), f"{key} was requested at start and is skipped"
        ran = [each for each in problems if each.startswith("though")]
        assert not ran, f"{key} is skipped, {ran[0]}"
        if details["forced"]:
            assert any_covers(plan.skips, name), f"{key} is skipped, and nobody asked for it"
            return
        wanted = any_covers(plan.only, name) and key not in self.completed | self._satisfied
        assert not wanted, f"{key} is one of the only steps to run, and is skipped"
        assert not any_covers(plan.skips, name), f"{key} was to be skipped by name, and is not"
        assert not problems, f"{key} is skipped, {problems[0]}"
        work = truth.work(key)
        assert truth.version(key) in (None, work.version), f"{key} was made from something else"
        assert not truth.lacks_output(key), f"{key} is skipped, and what it makes is gone"
        differs = changed(work, *truth.made_with(key))
        assert not (differs and plan.runs_changed), f"{key} has changed ({differs}) and is skipped"
        told = set(details.get("changed", ()))
        assert told == (differs if plan.tells_changed else set()), f"{key} is said to differ in {told}, not {differs}"

    def _problems_of(self, key: Key) -> list[str]:
        """What speaks against skipping the step now, for all that ran and all marks."""
        truth = self.truth
        found = []
        if ran := self._ran_origins(key):
            found.append(f"though {ran} ran, which it depends on")
        if stale := [each for each in self._other_origins(key) if self._is_missed(key, each)]:
            found.append(f"and was made before {stale}")
        if not truth.is_true(key):
            found.append("and is stale")
        if key in truth.at_start and key not in self.completed:
            if missing := truth.missing_parts(key) - self.completed:
                found.append(f"and {missing} inside it are not done")
            if old := self._stale_below(key):
                found.append(f"and {old} in children inside it are stale")
        return found

    # Ends

    def _completed(self, key: Key, details: Details) -> None:
        truth, work = self.truth, self.truth.work(key)
        assert work.ended, f"{key} has completed, and its work has not ended well"
        assert truth.are_parts_done(key), f"{key} has completed, and something inside has not"
        if "stale" not in details:
            assert not work.unmade, f"{key} has completed, and has not made what it says it makes"
            self.completed.add(key)
            work.parts = truth.parts_of(key)
            self.below.completed(key)
            assert key in truth.marked or not truth.is_true(key), f"{key} has completed and is not marked"
            return
        parts = [(key[0], name) for name in truth.names if key in truth.steps_around((key[0], name))]
        every = [origin for each in (key, *parts) for origin in (*truth.forcing(each), *truth.named(each))]
        later = [each for each in every if truth.runs_after(each, work.scheduled)]
        beside = [origin for each in (key, *parts) for origin in truth.work(each).beside]
        assert later or beside, f"{key} is not marked: {details['stale']}; but nothing it depends on ran since"

    def _failed(self, key: Key, details: Details) -> None:
        truth, name = self.truth, key[1]
        assert name in truth.may_fail(), f"{key} failed: {details}"
        assert bool(details.get("optional")) == (name in truth.optional), f"{key} is optional or not: {details}"

    # What a verdict depends on

    def _own_origins(self, key: Key) -> list[Key]:
        """The steps of the same execution that force this one, except those that it is a part of."""
        truth = self.truth
        around = truth.steps_around(key)
        return [each for each in [*truth.forcing(key), *truth.named(key)] if each not in around]

    def _elsewhere(self, key: Key) -> list[Key]:
        """The origins that the mark of the step tells of."""
        truth = self.truth
        around = truth.steps_around(key)
        every = [*truth.named(key), *truth.named_above(key), *truth.forcing_above(key)]
        return [each for each in every if each not in around]

    def _other_origins(self, key: Key) -> list[Key]:
        """The origins that a skipped step is compared with: those that it names, and those above as far as it knows."""
        truth = self.truth
        reached = self.children.told[key[0]].reached if key[0] in self.children.told else frozenset()
        above = [each for each in truth.forcing_above(key) if each in reached]
        return [*truth.named(key), *truth.named_above(key), *above]

    def _is_missed(self, key: Key, origin: Key) -> bool:
        """True if the step was made before the origin, as the marks tell. An origin that is not done is yet to run."""
        truth, work = self.truth, self.truth.work(key)
        gone = origin not in truth.marked
        if gone and not (any_covers(work.patterns, origin[1]) or origin[0] != key[0]):
            return False  # the dependency is newer than the mark
        # The step looks at the marks of its origins between its verdict and its work.
        if gone and (not work.seen.get(origin) or work.seen[origin] != work.seen_later.get(origin)):
            return False
        return gone or truth.is_older(key, origin)

    def _stale_below(self, key: Key) -> list[Key]:
        """The steps in children inside that were made before what they depend on, as the marks tell."""
        truth = self.truth
        around = {key, *truth.steps_around(key)}
        return [
            part
            for part, origins in self.below.of(key).items()
            for each in origins - around
            # Where the outer step forces the origin, neither would ever be done.
            if around.isdisjoint([*truth.forcing(each), *truth.named(each)]) and self._is_missed(part, each)
        ]

    def _ran_origins(self, key: Key) -> list[Key]:
        """The origins that ran in this run, or are running, and so force the step."""
        truth = self.truth
        around = truth.steps_around(key)
        found = [each for each in truth.forcing(key) if each in truth.scheduled]
        found += [each for each in truth.named(key) if each in truth.scheduled and each not in around]
        if key[0] in self.children.told:
            ran = self.children.told[key[0]].ran
            found += [each for each in truth.forcing_above(key) if each in ran]
        return found

    def _failed_origin(self, key: Key) -> Key | None:
        truth = self.truth
        own = [each for each in self._own_origins(key) if each in truth.scheduled and truth.last[each] == "failed"]
        if key[0] in self.children.told:
            failed = self.children.told[key[0]].failed
            own += [each for each in [*truth.forcing_above(key), *truth.named_above(key)] if each in failed]
        return own[0] if own else None

    def _is_requested(self, key: Key) -> bool:
        return any_covers(self.truth.plan.requested, key[1]) and key not in self.completed | self._satisfied

    def _reasons(self, key: Key) -> set[str]:
        """The reasons that the step may have to run, each up to its colon."""
        truth, plan = self.truth, self.truth.plan
        work, name = truth.work(key), key[1]
        found = set()
        if any_covers(plan.forced, name):
            found.add("the plan forces it")
        is_wanted = any_covers(plan.only, name) and key not in self.completed | self._satisfied
        if self._is_requested(key) or is_wanted:
            found.add("Requested at start")
        # An earlier run of a step that this one is a part of counts as well.
        origins = [*self._ran_origins(key), *(each for each in truth.named(key) if each in truth.scheduled)]
        found |= {f"Dep of {each[1]}" for each in origins}
        stale = [each for each in self._elsewhere(key) if self._may_be_newer(key, each)]
        found |= {f"Dep of {each[1]}" for each in stale}
        # A step that it has become a part of is no origin any longer, which changes what the pattern stands for.
        stale += truth.steps_around(key)
        patterns = [each for each in truth.after[name] if any(covers(each, origin) for _, origin in stale)]
        found |= {f"Dep of {pattern}" for pattern in patterns}
        parts = work.parts
        touched = any(
            each not in truth.at_start or each in truth.scheduled or each not in truth.marked for each in parts
        )
        # Its mark tells what the parts came after when they ran, whatever they come after now.
        if touched or any(truth.named(each) or patterns for each, patterns in parts.items()):
            found.add("Not done inside")
        below = {part: origins | self.below.possible(part) for part, origins in self.below.of(key).items()}
        if any(part not in truth.marked or self._may_be_newer(part, each) for part in below for each in below[part]):
            found.add("Not done inside")
        if truth.version(key) not in (None, work.version):
            found.add("Inputs changed")
        if truth.lacks_output(key):
            found.add("Output is missing")
        if plan.runs_changed:
            kinds = {"arguments": "Arguments changed", "code": "Code changed"}
            found |= {kinds[kind] for kind in changed(work, *truth.made_with(key))}
        return found

    def _may_be_newer(self, key: Key, origin: Key) -> bool:
        """True if the mark of the origin is not the one that the step has seen, as far as that is known here."""
        truth, work = self.truth, self.truth.work(key)
        newer = truth.work(origin).touched > work.scheduled if origin in truth.works else False
        return newer or truth.marked.get(origin, 0) != work.seen.get(origin, 0)

    def _is_unmarked(self, key: Key) -> bool:
        """True if the mark was removed since: the step failed or became stale itself, or a step inside it did."""
        return (key in self.truth.scheduled and key not in self.completed) or not self.truth.are_parts_fresh(
            key, scheduled=True
        )
