"""Counts the requests of runs whose marks are in S3, at a real server (SeaweedFS)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from simpleflow import Workflow, activity
from simpleflow.canvas import Group
from simpleflow.local import Executor
from simpleflow.step.workflow import WorkflowStepMixin
from simpleflow.stores import s3_client


@activity.with_attributes(name="bench.s3.work", raises_on_failure=True)
def work(number: int) -> int:
    return number


class Marked(Workflow, WorkflowStepMixin):
    """Steps whose marks are in a bucket."""

    name = "bench.s3"
    bucket: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}

    def get_step_bucket(self) -> str:
        return self.bucket

    def get_step_path_prefix(self) -> str:
        return f"bench/{'-'.join(self.options) or 'plain'}"

    def run(self, count: int) -> int:
        steps = [self.step(f"step{number}", (work, number), **self.options) for number in range(count)]
        return len(self.submit(Group(*steps)).result)


_KEPT: Mapping[str, Any] = {"keep_result": True}

RUNS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("steps that run", {}),
    ("steps that are skipped", {}),
    ("steps with kept results that run", _KEPT),
    ("steps with kept results that are skipped", _KEPT),
)
"""The runs, in order, each with the options of its steps."""


def requests_of(folder: Path, count: int) -> dict[str, Counter[str]]:
    """The requests of each of ``RUNS`` with so many steps, by operation."""
    from tests.servers import seaweed  # the server of the tests, which only a checkout has

    found: dict[str, Counter[str]] = {}
    with seaweed(folder) as server:
        os.environ |= server.environment
        client = s3_client.client(server.endpoint, None)
        client.create_bucket(Bucket="bench")
        Marked.bucket = f"{server.endpoint}/bench"
        for name, options in RUNS:
            Marked.options = options
            sent: Counter[str] = Counter()

            def note(event_name: str, sent: Counter[str] = sent, **_: Any) -> None:
                sent[event_name.rpartition(".")[2]] += 1

            client.meta.events.register("before-send.s3", note)
            Executor(Marked).run([count])
            client.meta.events.unregister("before-send.s3", note)
            found[name] = sent
    return found
