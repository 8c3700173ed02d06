"""The pictures of a run that a command names, each written into a file."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from simpleflow.cli import report_parts
from simpleflow.cli.activity_query import fold
from simpleflow.cli.run_query import Runs
from simpleflow.cli.run_steps import family
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.engines.base import RunDescription

Maker = Callable[[Runs, "RunDescription"], Iterable[str]]
"""Makes the text of a picture, piece by piece."""

_MOST_CHILDREN = 50


def maker_of(path: str, makers: dict[str, Maker]) -> Maker:
    """Return the maker for the ending of a file's name. Raises InputError if there is none."""
    name = os.path.basename(path).lower()
    for ending in sorted(makers, key=len, reverse=True):
        if name.endswith(ending) and name != ending:
            return makers[ending]
    raise InputError(f"--output {path!r} does not say which kind of file it is; expected {_any(list(makers))}")


def _any(endings: list[str]) -> str:
    return f"a name that ends with {', '.join(endings[:-1])} or {endings[-1]}" if len(endings) > 1 else endings[0]


def until(runs: Runs, run: RunDescription) -> float | None:
    """The time until which an open run has gone on: now, unless no process drives it."""
    return time.time() if run.status == "open" and (run.alive or runs.location.folder is None) else None


def timeline_svg(by: str, under: str) -> Maker:
    """Make the timeline as a picture."""

    def make(runs: Runs, run: RunDescription) -> Iterable[str]:
        from simpleflow.pictures import timeline
        from simpleflow.views.critical_path import critical_path

        view, events = fold(runs, run)
        path = critical_path(view, events)
        return [
            timeline.timeline_svg(
                view, by=by, under=under, critical=path, now=until(runs, run), width=1_200, standalone=True
            )
        ]

    return make


def timeline_html(by: str, under: str) -> Maker:
    """Make the timeline as a page that fits a phone too."""

    def make(runs: Runs, run: RunDescription) -> Iterable[str]:
        from simpleflow.pictures.failures import ShownRun
        from simpleflow.pictures.report import timeline_html

        view, events = fold(runs, run)
        return [timeline_html(ShownRun(view, events), by=by, under=under, now=until(runs, run))]

    return make


def trace(runs: Runs, run: RunDescription) -> Iterable[str]:
    """Make the trace for Perfetto."""
    from simpleflow.pictures import perfetto
    from simpleflow.views.critical_path import critical_path

    view, events = fold(runs, run)
    return perfetto.trace(view, critical_path(view, events), until(runs, run))


def graph_svg(around: str) -> Maker:
    """Make the graph as a picture."""

    def make(runs: Runs, run: RunDescription) -> Iterable[str]:
        from simpleflow.pictures import graph

        return [graph.graph_svg(fold(runs, run)[0], around=around, standalone=True)]

    return make


def graph_mermaid(around: str) -> Maker:
    """Make the graph as text for Mermaid."""

    def make(runs: Runs, run: RunDescription) -> Iterable[str]:
        from simpleflow.pictures import graph

        return [graph.graph_mermaid(fold(runs, run)[0], around=around)]

    return make


def report(runs: Runs, run: RunDescription) -> Iterable[str]:
    """Make the report."""
    from simpleflow.pictures.failures import ShownRun
    from simpleflow.pictures.report import report_html

    folder = None if runs.location.folder is None else os.path.abspath(runs.location.folder)
    members = itertools.islice(family(runs, run), _MOST_CHILDREN + 1)
    shown = [ShownRun(view, events) for _, view, events in members]
    return [
        report_html(
            shown,
            now=until(runs, run),
            commands=report_parts.commands(shown[0].view, shown[0].type_name, folder, runs.location.domain),
            logs=report_parts.printed(folder, [each.view for each in shown]),
            last_lines=report_parts.last_lines(folder),
            where=str(runs.location),
        )
    ]
