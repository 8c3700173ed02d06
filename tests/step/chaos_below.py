"""What the judge knows of steps in children inside a step: it is done only while they are not stale."""

from __future__ import annotations

from collections.abc import Iterator

from tests.step.chaos_children import Children
from tests.step.chaos_plan import names_in, tags_in
from tests.step.chaos_truth import Key, Truth

Origins = frozenset[Key]


class Below:
    """The steps in children inside each step, as its mark tells of them, with what they depend on above."""

    def __init__(self, truth: Truth, children: Children) -> None:
        self.truth = truth
        self.children = children
        self._of: dict[Key, dict[Key, Origins]] = {}

    def of(self, key: Key) -> dict[Key, Origins]:
        """What the mark of the step tells."""
        return self._of.get(key, {})

    def forget(self, key: Key) -> None:
        """The mark of the step was made by hand: it tells of none."""
        self._of.pop(key, None)

    def completed(self, key: Key) -> None:
        """The step has completed, or its mark is there for the first time."""
        truth, (workflow_id, name) = self.truth, key
        tag = truth.tags[workflow_id]
        items = truth.plan.inside_of(name, tag)
        found: dict[Key, Origins] = {}
        for child in self._started(workflow_id, tags_in(items, tag, name)):
            if truth.started[child] > truth.work(key).begun:  # else it was a part of an earlier run of the step
                found |= self._in_child(child)
        for part in self._that_count(workflow_id, names_in(items)):
            found |= self.of(part)
        self._of[key] = found

    def _in_child(self, child: str) -> dict[Key, Origins]:
        truth, tag = self.truth, self.truth.tags[child]
        items = truth.plan.submitted(tag)
        found: dict[Key, Origins] = {}
        for part in self._that_count(child, names_in(items)):
            inner = truth.parts_of(part) if truth.last[part] == "completed" else truth.work(part).parts
            found |= {each: self._origins(each) for each in [part, *inner]} | self.of(part)
        for each in self._started(child, tags_in(items, tag, None)):
            found |= self._in_child(each)
        return found

    def _origins(self, key: Key) -> Origins:
        """The steps above that it depends on, as far as its execution knew of them."""
        truth, reached = self.truth, self.children.told[key[0]].reached
        unknown = {each for each in truth.forcing_above(key) if each not in reached}
        return self.possible(key) - (unknown - {*truth.named_above(key)})

    def possible(self, key: Key) -> Origins:
        """The steps above that it may depend on: a verdict may have been known when a child was started, and stand
        after that start in the history."""
        truth = self.truth
        around = truth.steps_around(key)
        return frozenset(each for each in (*truth.named_above(key), *truth.forcing_above(key)) if each not in around)

    def _started(self, workflow_id: str, tags: list[str]) -> Iterator[str]:
        for tag in tags:
            yield from self.truth.children.get((workflow_id, tag), ())

    def _that_count(self, workflow_id: str, names: list[str]) -> Iterator[Key]:
        truth = self.truth
        every = [(workflow_id, name) for name in names if name not in truth.optional]
        return (part for part in every if truth.last.get(part) in ("completed", "skipped"))
