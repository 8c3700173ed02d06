"""What people do between two runs of the campaign: they forget steps, mark steps by hand, and edit and remove files."""

from __future__ import annotations

import itertools
import time

from simpleflow.steering import marks
from simpleflow.steering.place import Place
from tests.step.chaos_below import Below
from tests.step.chaos_plan import Plan
from tests.step.chaos_truth import Truth


def steer(truth: Truth, below: Below, bucket: str, plan: Plan) -> None:
    """Do what ``plan`` says is done before its run, in all executions that there have been so far."""
    for name in plan.edited:
        truth.files.edit(name)
    for key in [(workflow_id, name) for workflow_id in truth.tags for name in plan.removed]:
        truth.files.begin(key)
    if plan.forces is not None:
        time.sleep(0.002)  # see below
    if plan.forgotten or plan.by_hand:
        now = next(truth.clock)
        for workflow_id in truth.tags:
            place = Place(workflow_id, bucket, f"{workflow_id}/steps")
            there = set(marks.names(place))
            for name in marks.remove(place, [each for each in plan.forgotten if each in there]):
                truth.marked.pop((workflow_id, name), None)
            time.sleep(0.002)  # marks that say nothing of their origins are compared by their times, in milliseconds
            moment = time.time()
            for name in marks.mark(place, plan.by_hand, clock=itertools.repeat(moment).__next__):
                key = workflow_id, name
                truth.marked[key] = now
                truth.mark_by_hand(key, now)
                below.forget(key)
        time.sleep(0.002)
