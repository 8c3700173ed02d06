"""Commands that write a run into a file to look at: ``workflow.timeline``, ``workflow.graph``, ``workflow.report``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpleflow.cli.activity_query import check_step, fold
from simpleflow.cli.options import SETTINGS
from simpleflow.cli.run_query import location_options, open_run, run_or_latest_argument
from simpleflow.cli.view.output import open_output
from simpleflow.cli.written_files import write_file
from simpleflow.shown_text import escaped, short_run_id

if TYPE_CHECKING:
    from simpleflow.cli.run_pictures import Maker

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _output(endings: str) -> Callable[[_Command], _Command]:
    return click.option("--output", "-o", "path", metavar="FILE", required=True, help=f"File to write: {endings}.")


@click.command("workflow.timeline", context_settings=SETTINGS)
@run_or_latest_argument
@_output("a picture (.svg), a page (.html), or a trace for ui.perfetto.dev (.perfetto or .json)")
@click.option(
    "--by",
    type=click.Choice(["step", "worker"]),
    default="step",
    show_default=True,
    help="A line for each step, or for each worker.",
)
@click.option("--step", metavar="NAME", default="", help="Show this step alone, and the steps below this name.")
@location_options
def workflow_timeline(arguments: Sequence[str], path: str, by: str, step: str, **options: Any) -> None:
    """Draw when each step of a run worked and waited, with its tries, failures and critical path.

    ID is a workflow id, or the run id or its begin. Without ID the latest run is drawn.

    \b
    Example: simpleflow workflow.timeline daily -o daily.svg
    """
    from simpleflow.cli import run_pictures

    makers: dict[str, Maker] = {
        ".svg": run_pictures.timeline_svg(by, step),
        ".html": run_pictures.timeline_html(by, step),
        ".perfetto": run_pictures.trace,
        ".json": run_pictures.trace,
    }
    _write(arguments, options, path, run_pictures.maker_of(path, makers), "the timeline", step)


@click.command("workflow.graph", context_settings=SETTINGS)
@run_or_latest_argument
@_output("a picture (.svg), or text for Mermaid (.mmd)")
@click.option("--step", metavar="NAME", default="", help="Show this step, and those that it is connected with, alone.")
@location_options
def workflow_graph(arguments: Sequence[str], path: str, step: str, **options: Any) -> None:
    """Draw which step of a run forces which, and which waits for which.

    Steps that are alike share a node, so that there are at most 150.

    \b
    Example: simpleflow workflow.graph daily -o daily.mmd
    """
    from simpleflow.cli import run_pictures

    makers = {".svg": run_pictures.graph_svg(step), ".mmd": run_pictures.graph_mermaid(step)}
    _write(arguments, options, path, run_pictures.maker_of(path, makers), "the graph", step, exactly=True)


@click.command("workflow.report", context_settings=SETTINGS)
@run_or_latest_argument
@_output("a page that needs no other file (.html)")
@location_options
def workflow_report(arguments: Sequence[str], path: str, **options: Any) -> None:
    """Write a report of a run: what it did and what failed, its timeline, its steps, the ends of its logs.

    ID is a workflow id, or the run id or its begin. Without ID it is about the latest run. workflow.start --report
    writes the same at the end of a run.

    \b
    Example: simpleflow workflow.report daily -o report.html
    """
    from simpleflow.cli import run_pictures

    maker = run_pictures.maker_of(path, {".html": run_pictures.report, ".htm": run_pictures.report})
    _write(arguments, options, path, maker, "the report")


def _write(
    arguments: Sequence[str],
    options: dict[str, Any],
    path: str,
    make: Maker,
    what: str,
    step: str = "",
    exactly: bool = False,
) -> None:
    with open_output() as out, open_run(arguments, options, or_latest=True) as (runs, run):
        if step:
            check_step(run, fold(runs, run)[0].steps, step, exactly)
        write_file(path, make(runs, run), what)
        out.say(f"{what} of run {short_run_id(run.run_id)} of workflow {escaped(run.workflow_id)}: {escaped(path)}")
