"""A census of the standard library's source: its contents, its documentation, and the imports between its parts.

    simpleflow workflow.start --local examples/census.py:Census

The first run scans, parses, joins and draws; the next one skips all of it. Forcing a step also forces the steps that
depend on it: `scan` forces `parse`, each part of `parse` forces `tables`, and that forces `report`. So forcing
`parse.asyncio` parses one package again, `parse` all of them, and `report` only draws. The steps write everything below
one folder, by default `census`:

    scan.json   parse/<bundle>.json   tables.json   report.txt   report.svg

When it has ended, a run draws itself there: run.txt and run.svg show which steps ran and when, and which were skipped.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from census_lib import measure, poster, run_report, sources, spans, tables, text

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.step import WorkflowStepMixin
from simpleflow.task import ActivityTask

TASK_LIST = "census"
# The activities only read and write files, so it does no harm to run one twice. Times are in seconds.
WORK: dict[str, Any] = {
    "version": "1",
    "task_list": TASK_LIST,
    "idempotent": True,
    "raises_on_failure": True,
    "retry": 1,
    "start_to_close_timeout": 300,
    "schedule_to_start_timeout": 3600,
    "schedule_to_close_timeout": 3900,
    "heartbeat_timeout": 300,
}


@activity.with_attributes(**WORK)
def scan(source: str | None, out: str) -> dict[str, Any]:
    """List the files to parse."""
    found = sources.scan(source)
    _write_json(Path(out, "scan.json"), found)
    return _scanned(found)


@activity.with_attributes(**WORK)
def scanned_before(out: str) -> dict[str, Any]:
    """Return the result that `scan` had when it ran."""
    return _scanned(_read_json(Path(out, "scan.json"), "scan"))


@activity.with_attributes(**WORK)
def parse(out: str, bundle: str) -> dict[str, Any]:
    """Measure every file of a bundle: a large package, or the small ones that share a letter."""
    found: sources.Scan = _read_json(Path(out, "scan.json"), "scan")
    root, measures = Path(found["source"]), {}
    for unit in sources.units_of(found, bundle):
        files = (measure.measure(path, (root / path).read_bytes()) for path in unit["files"])
        measures[unit["name"]] = measure.total(files).to_json()
    path = _parsed(out, bundle)
    _write_json(path, measures)
    return {
        "file": str(path),
        "packages": len(measures),
        "lines": sum(one["lines"] for one in measures.values()),
        "failed": sum(len(one["failed"]) for one in measures.values()),
    }


@activity.with_attributes(**WORK)
def join(out: str) -> dict[str, Any]:
    """Join the measures into the tables that the reports show."""
    found: sources.Scan = _read_json(Path(out, "scan.json"), "scan")
    measures: dict[str, measure.Measure] = {}
    for bundle in sources.bundles(found):
        parsed = _read_json(_parsed(out, bundle), f"parse.{bundle}")
        measures |= {name: measure.Measure.from_json(one) for name, one in parsed.items()}
    joined = tables.join(found, measures)
    _write_json(Path(out, "tables.json"), joined)
    return dict(joined["totals"])


@activity.with_attributes(**WORK)
def joined_before(out: str) -> dict[str, Any]:
    """Return the result that `join` had when it ran."""
    return dict(_read_json(Path(out, "tables.json"), "tables")["totals"])


@activity.with_attributes(**WORK)
def write_text(out: str) -> str:
    return _write(Path(out, "report.txt"), text.render(_read_json(Path(out, "tables.json"), "tables")))


@activity.with_attributes(**WORK)
def draw(out: str) -> str:
    return _write(Path(out, "report.svg"), poster.render(_read_json(Path(out, "tables.json"), "tables")))


class Census(Workflow, WorkflowStepMixin):
    name = "census"
    version = "1"
    task_list = TASK_LIST
    execution_timeout = 24 * 3600
    decision_tasks_timeout = 60

    def run(self, source: str | None = None, out: str = "census") -> dict[str, Any]:
        """`source`: the folder to read, by default the standard library; `out`: the folder to write to."""
        self.out = out
        scanned: Any = self.submit(
            self.step(
                "scan",
                ActivityTask(scan, source, out),
                activities_if_step_already_done=ActivityTask(scanned_before, out),
                force_steps_if_executed=["parse"],
            )
        )
        futures.wait(scanned)
        parts = [
            self.step(
                f"parse.{bundle}",
                ActivityTask(parse, out, bundle),
                force_steps_if_executed=["tables"],
            )
            for bundle in scanned.value["bundles"]
        ]
        futures.wait(self.submit(Group(*parts)))
        joined: Any = self.submit(
            self.step(
                "tables",
                ActivityTask(join, out),
                activities_if_step_already_done=ActivityTask(joined_before, out),
                force_steps_if_executed=["report"],
            )
        )
        futures.wait(joined)
        futures.wait(self.submit(self.step("report", Group((write_text, out), (draw, out)))))
        return {
            **{key: joined.value[key] for key in ("packages", "files", "lines")},
            "report": os.path.join(out, "report.txt"),
            "picture": os.path.join(out, "report.svg"),
        }

    def after_closed(self, history: Any) -> None:
        """Draw the run from its history. The census does not fail if that cannot be written here."""
        rows, out = spans.steps(self.list_markers(all=True)), Path(self.out)
        try:
            found = spans.with_earlier(out / "run.json", spans.spans(history.events, _step_of))
            _write(out / "run.txt", run_report.as_text(rows, found))
            _write(out / "run.svg", run_report.as_svg(rows, found))
        except OSError as error:
            print(f"the run cannot be drawn: {error}", file=sys.stderr)


def _step_of(activity_name: str, arguments: list[Any]) -> str | None:
    """Return the step that an activity works for; None for what only reads what a step did before."""
    name = activity_name.rpartition(".")[2]
    if name == "parse":
        return f"parse.{arguments[1]}"
    return {"scan": "scan", "join": "tables", "write_text": "report", "draw": "report"}.get(name)


def _scanned(found: sources.Scan) -> dict[str, Any]:
    units = found["units"]
    return {
        "bundles": sources.bundles(found),
        "packages": len(units),
        "files": sum(len(unit["files"]) for unit in units),
        "lines": sum(unit["lines"] for unit in units),
    }


def _parsed(out: str, bundle: str) -> Path:
    return Path(out, "parse", f"{bundle}.json")


def _read_json(path: Path, step: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; the step {step!r} writes it: force that step") from None


def _write_json(path: Path, value: Any) -> None:
    _write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def _write(path: Path, content: str) -> str:
    """Write a file atomically: if the process is stopped, the old file is still whole. Returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(content, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return str(path)
