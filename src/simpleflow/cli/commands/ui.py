"""The command ``simpleflow ui``: a page in the browser that shows the runs."""

from __future__ import annotations

import signal
from typing import Any

import click

from simpleflow.cli import errors, run_query
from simpleflow.cli.options import SETTINGS, session
from simpleflow.cli.run_query import location_options
from simpleflow.cli.terminal import echo
from simpleflow.constants import INSTALL_UI
from simpleflow.exceptions import InputError

PORT = 8043


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
@location_options
def ui(port: int, host: str, opens: bool, **options: Any) -> int:
    """Show the runs in a browser.

    The page reads, and changes nothing. It shows runs that other processes drive while they go on. It prints its
    address when it listens; SIGTERM or Ctrl-C ends it.

    \b
    Example: simpleflow ui --open
    """
    location = run_query.location_of(options)
    try:
        from simpleflow.ui.serving import Serving
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("starlette", "uvicorn", "jinja2", "markupsafe"):
            raise
        raise InputError(f"the page needs the package {package}, which is not installed: {INSTALL_UI}") from error
    if location.folder is not None and location.folder.is_file():
        raise InputError(f"state folder {location.folder} is a file; expected a folder")
    folder = None if location.folder is None else str(location.folder)
    serving = Serving(folder, location.domain, host, port)
    echo(serving.url)
    session().terminal.write(f"the runs in {location}; Ctrl-C ends the page\n")
    if opens:
        click.launch(serving.url)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn ends, and then raises the signal again
    serving.run()
    return errors.OK
