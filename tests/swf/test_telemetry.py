"""Metrics of deciders and workers, and traces of runs, with OpenTelemetry's SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from simpleflow import Workflow, activity, tracing
from simpleflow.core import events as e
from simpleflow.core.codec import decode_history
from simpleflow.local import Executor
from simpleflow.server import Server
from simpleflow.server.chaos import Chaos
from simpleflow.step import Step, WorkflowStepMixin
from simpleflow.task import ActivityTask
from tests.cli.swf import DOMAIN, Commands
from tests.pauses import wait_for
from tests.worker import programs


@activity.with_attributes(name="telemetry.work", retry=1)
def work(number: int) -> int:
    if number < 0:
        raise ValueError("negative")
    return number


class Child(Workflow):
    name = "telemetry.child"

    def run(self) -> Any:
        return self.submit(work, 3).result


class Traced(Workflow, WorkflowStepMixin):
    name = "telemetry.traced"

    def run(self) -> Any:
        self.submit(Step("a", ActivityTask(work, 1))).result
        self.submit(Step("outer", Step("outer.inner", ActivityTask(work, 2)))).result
        self.submit(Step("skipped", ActivityTask(work, 4))).result
        return [self.submit(work, -1).exception is None, self.submit(Child).result]


def test_spans_have_the_times_of_the_history(tmp_path: Path) -> None:
    executor = Executor(Traced, state=tmp_path, skip_steps=["skipped"])
    executor.run()
    events = decode_history(json.dumps(executor.history).encode())
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.record("w", "r", events, provider)
    spans = exporter.get_finished_spans()
    assert len({each.context.trace_id for each in spans}) == 1
    by_id = {each.context.span_id: each for each in spans}
    root = spans[-1]
    assert (root.name, root.parent, root.attributes["simpleflow.state"]) == ("telemetry.traced", None, "completed")
    assert (root.start_time / 1e9, root.end_time / 1e9) == pytest.approx((events[0].time, events[-1].time), abs=1e-5)
    assert [(each.name, each.attributes["step"]) for each in root.events] == [("step skipped", "skipped")]
    tree = sorted((by_id[each.parent.span_id].name, each.name) for each in spans if each.parent is not None)
    assert tree == [
        ("step a", "activity telemetry.work"),
        ("step outer", "step outer.inner"),
        ("step outer.inner", "activity telemetry.work"),
        ("telemetry.traced", "activity telemetry.work"),
        ("telemetry.traced", "activity telemetry.work"),
        ("telemetry.traced", "child telemetry.child"),
        ("telemetry.traced", "step a"),
        ("telemetry.traced", "step outer"),
    ]
    failed = [each for each in spans if each.status.status_code is StatusCode.ERROR]
    assert [(each.name, each.attributes["simpleflow.attempt"]) for each in failed] == [
        ("activity telemetry.work", 1),
        ("activity telemetry.work", 2),
    ]
    started = [each.time for each in events if isinstance(each.attributes, e.ActivityTaskStarted)]
    begins = [each.start_time / 1e9 for each in spans if each.name == "activity telemetry.work"]
    assert all(any(abs(begin - time) < 1e-5 for time in started) for begin in begins)


SITE = """
import atexit, json, os
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, ConsoleSpanExporter

def setup():
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    provider = TracerProvider()
    exporter = ConsoleSpanExporter(out=open("spans", "a"), formatter=lambda span: span.name + "\\n")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    from simpleflow.worker import service
    serve = service.serve, service.Pollers.serve

    def dump():
        open(f"metrics.{os.getpid()}", "w").write(reader.get_metrics_data().to_json())

    def wrapped(call):
        def inner(*args, **kwargs):
            try:
                return call(*args, **kwargs)
            finally:
                dump()
        return inner

    service.serve = wrapped(serve[0])
    service.Pollers.serve = wrapped(serve[1])
"""

FLOW = """
import setup_otel
setup_otel.setup()
from simpleflow import Workflow, activity

@activity.with_attributes(raises_on_failure=True)
def work():
    return 1

class Flow(Workflow):
    name = "flow"

    def run(self):
        return self.submit(work).result
"""


@pytest.fixture
def swf(tmp_path: Path) -> Iterator[Commands]:
    (tmp_path / "setup_otel.py").write_text(SITE)
    (tmp_path / "flow.py").write_text(FLOW)
    with Server(poll_seconds=0.5, chaos=Chaos(throttle=0.3, seed=1)) as server:
        found = Commands(tmp_path, server.url)
        while True:
            try:
                found.client.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
                break
            except Exception as error:
                if "AlreadyExists" in str(error):
                    break
        yield found
        found.close()


def test_deciders_and_workers_measure_themselves(swf: Commands) -> None:
    done = swf.run("standalone", "flow.Flow")
    assert done.code == 0, done.err
    points: dict[str, list[dict[str, Any]]] = {}
    for path in swf.path.glob("metrics.*"):
        for resource in json.loads(path.read_text())["resource_metrics"]:
            for metric in resource["scope_metrics"][0]["metrics"]:
                points.setdefault(metric["name"], []).extend(metric["data"]["data_points"])
    found = {name: {tuple(sorted(each["attributes"].items())) for each in each} for name, each in points.items()}
    assert {("decision", "task"), ("activity", "task"), ("activity", "empty")} <= {
        (dict(each)["kind"], dict(each)["result"]) for each in found["simpleflow.polls"]
    }
    assert found["simpleflow.throttled"]
    tasks = {("activity", "flow.work", "completed"), ("decision", "flow", "answered")}
    for name in ("simpleflow.tasks", "simpleflow.task.duration"):
        assert {tuple(dict(each)[key] for key in ("kind", "name", "outcome")) for each in found[name]} == tasks
    lags = {(dict(each)["kind"], dict(each)["name"]) for each in found["simpleflow.task.lag"]}
    assert lags == {("activity", "flow.work"), ("decision", "flow")}
    wait_for(lambda: "flow" in programs.lines(swf.path / "spans"), "the spans", 5)
    assert set(programs.lines(swf.path / "spans")) == {"flow", "activity flow.work"}


def test_nothing_is_loaded_without_a_provider() -> None:
    code = "import sys, simpleflow.local, simpleflow.worker.service; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
