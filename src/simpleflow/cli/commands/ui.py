"""The command ``simpleflow ui``: a page in the browser that shows the runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from simpleflow.cli import errors, run_query, workflow_input
from simpleflow.cli.load_workflow import check_reference
from simpleflow.cli.options import SETTINGS, param_option, session
from simpleflow.cli.run_query import location_options
from simpleflow.cli.terminal import echo
from simpleflow.constants import INSTALL_UI
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.ui.planner import Planner

PORT = 8043
_PLAN_MODULE = "simpleflow.cli.page_plan"  # not loaded here: it is a program of its own


@click.command("ui", context_settings=SETTINGS)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Port; 0 chooses a free one."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on. On any other than this machine's own, viewers need the link that is printed.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--workflow",
    "workflows",
    multiple=True,
    metavar="WORKFLOW",
    help="Show what a next run of this workflow would do: its code then makes plans. You can repeat this option.",
)
@click.option("--input", "-i", "input_text", metavar="JSON", help="Input of these plans. Default: that of the run.")
@click.option("--input-file", metavar="FILE", help="File with the input of these plans; - is standard input.")
@param_option
@location_options
def ui(port: int, host: str, opens: bool, workflows: Sequence[str], **options: Any) -> int:
    """Show the runs in a browser.

    The page reads, and changes nothing. It shows runs that other processes drive while they go on. It prints its
    address when it listens; SIGTERM or Ctrl-C ends it. It runs no code of workflows but that of --workflow.

    \b
    Example: simpleflow ui --open
    """
    location = run_query.location_of(options)
    try:
        from simpleflow.ui.priority import give_way
        from simpleflow.ui.serving import Serving
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn", "jinja2", "markupsafe"):
            raise
        raise InputError(f"the page needs the package {package}, which is not installed: {INSTALL_UI}") from error
    if location.folder is not None and os.path.isfile(location.folder):
        raise InputError(f"state folder {location.folder} is a file; expected a folder")
    folder = location.folder
    serving = Serving(folder, location.domain, host, port, _planner(workflows, folder, location.domain, options))
    echo(serving.url)
    session().terminal.write(f"the runs in {location}; Ctrl-C ends the page\n")
    if opens:
        click.launch(serving.url)
    give_way()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn ends, and then raises the signal again
    serving.run()
    return errors.OK


def _planner(
    workflows: Sequence[str], folder: str | None, domain: str | None, options: dict[str, Any]
) -> Planner | None:
    """What makes the plans of the page; None if no workflow was named. Raises InputError."""
    from simpleflow.ui.made_plan import Making, Wanted
    from simpleflow.ui.planner import Planner

    params = options["params"]
    has_input = options["input_text"] is not None or options["input_file"] is not None or bool(params)
    if has_input and len(workflows) != 1:
        raise InputError(
            f"--input, --input-file and --param are the input of one --workflow, and there are {len(workflows)}; "
            "without them, plans are made with the input of the run"
        )
    if not workflows:
        return None
    for each in workflows:
        check_reference(each)
    given = workflow_input.read_input(options["input_text"], options["input_file"]) if has_input else None
    making = Making(
        wanted=Wanted(type="", workflow_id="", input=None),
        workflows=tuple(workflows),
        state=None if folder is None else os.path.abspath(folder),
        domain=domain,
        given=given,
        params=tuple(params),
    )
    return Planner([sys.executable, "-m", _PLAN_MODULE], making)
