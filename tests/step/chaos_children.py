"""What the judge knows of children: how they are told apart, and what they were told of the steps above them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from simpleflow.core import events as e
from tests.step.chaos_truth import Key, Truth


@dataclass
class Told:
    """The steps above a child, as its parent knew them when it started the child."""

    reached: frozenset[Key] = frozenset()  # their verdict was recorded
    ran: frozenset[Key] = frozenset()
    failed: frozenset[Key] = frozenset()


class Children:
    """A child is known by its input: the same child has the same workflow id in every run, and no other one has it."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.ids: dict[tuple[str, str], list[str]] = {}  # by parent and tag, those of equal children in order
        self.told: dict[str, Told] = {}  # by workflow id, in this run

    def start(self) -> None:
        """A run starts."""
        self.told.clear()

    def started(self, parent: str, attributes: e.StartChildWorkflowExecutionInitiated) -> None:
        """A child was started."""
        truth, child = self.truth, attributes.workflow_id
        truth.started[child] = next(truth.clock)
        [tag] = json.loads(attributes.input or "")["args"]
        now = truth.children.setdefault((parent, tag), [])
        known = self.ids.setdefault((parent, tag), [])
        # If its parent began anew, so does the child.
        is_tried_again = child in now and child in self.truth.failed_children and self.truth.plan.tries > 0
        starts_anew = child not in now and child in self.told  # since its parent did
        if is_tried_again or starts_anew or (child in now and parent in self.truth.continued):
            self.truth.failed_children.discard(child)
            self.truth.restart(child)
            now[:] = [each for each in now if each != child]
        assert child not in now, f"two children of one run are {child}"
        now.append(child)
        if child not in known:
            assert child not in truth.tags, f"child {tag} of {parent} is {child}, as another one is"
            known.append(child)
            truth.tags[child], truth.parents[child] = tag, parent
        # Equal ones are told apart, in one run of the step around them or in several. One of them is always the first.
        first = known[0]
        assert first in now, f"child {tag} of {parent} is {now} in this run, and was {first} before"
        above = self.told.get(parent, Told())
        verdicts = {key for key in truth.verdicts if key[0] == parent}
        if is_tried_again:
            return  # it gets the input of the first try
        self.told[child] = Told(
            above.reached | verdicts,
            above.ran | {key for key in truth.scheduled if key[0] == parent},
            above.failed | {key for key in verdicts if truth.last[key] == "failed"},
        )

    def continued(self, workflow_id: str) -> None:
        """An execution continues as new. What ran above it forces it no more: it compares the marks."""
        self.truth.restart(workflow_id, continues=True)
        if workflow_id in self.told:
            self.told[workflow_id] = replace(self.told[workflow_id], ran=frozenset())

    def ended(self, attributes: e.Attributes) -> None:
        """A child has ended: it fails for no reason but its own."""
        if isinstance(attributes, e.ChildWorkflowExecutionFailed):
            child = attributes.workflow_execution.workflow_id
            tag = self.truth.tags[child]
            self.truth.failed_children.add(child)
            has_reason = self.truth.breaks(tag) or (self.truth.plan.raises and self.truth.may_fail())
            assert has_reason, f"child {tag} failed: {attributes.reason} {attributes.details}"
