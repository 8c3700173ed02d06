"""The command ``simpleflow server``: a local Amazon SWF server for development and tests."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from simpleflow.checks import check_name
from simpleflow.cli.number import Number
from simpleflow.cli.options import SETTINGS, common, session, state_option
from simpleflow.cli.terminal import echo
from simpleflow.exceptions import InputError

PORT = 8042


@click.command("server", context_settings=SETTINGS)
@click.option(
    "--port",
    type=click.IntRange(min=0),
    default=PORT,
    show_default=True,
    help="Port on 127.0.0.1; 0 chooses a free one.",
)
@state_option("Folder to keep all data in. Default: memory, so the data is lost when the server ends.")
@click.option(
    "--domain",
    "-d",
    "domains",
    multiple=True,
    help="Domain to register if it does not exist. You can repeat this option.",
)
@click.option(
    "--poll-seconds",
    type=Number(),
    default=60,
    show_default=True,
    help="Longest time that a poll waits for a task.",
)
@click.option(
    "--chaos",
    default="",
    metavar="OPTIONS",
    help="Faults to inject, for tests; any of shuffle, delay=SECONDS, drop=SHARE, throttle=SHARE, refuse=SHARE, "
    "page=NUMBER, seed=NUMBER, separated by commas.",
)
@click.option(
    "--close-connections",
    is_flag=True,
    help="End each connection after one reply, for clients that fork with an open connection, such as the existing "
    "library named simpleflow.",
)
@common
def server(
    port: int, state: str | None, domains: tuple[str, ...], poll_seconds: float, chaos: str, close_connections: bool
) -> None:
    """Serve Amazon SWF's protocol on 127.0.0.1, for development and tests.

    There is no authentication: every client that can connect may do everything. The server prints its URL when it
    listens; give it to boto3 as AWS_ENDPOINT_URL_SWF. SIGTERM or Ctrl-C ends the server.

    \b
    Example: simpleflow server --domain tests
    """
    from simpleflow.server import Chaos, Server

    if state is not None and Path(state).is_file():
        raise InputError(f"--state {state!r} is a file; expected the path of a folder")
    for domain in domains:
        check_name(domain, "--domain")
    folder = None if state is None else Path(state)
    running = Server(port, folder, poll_seconds, chaos=Chaos.parse(chaos), close_connections=close_connections)
    try:
        for domain in domains:
            running.register_domain(domain)
        running.start()
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        echo(running.url)
        session().terminal.write(
            "local SWF server for development and tests, without authentication, on 127.0.0.1 only\n"
            f"clients: AWS_ENDPOINT_URL_SWF={running.url}; any credentials and any region\n"
        )
        ended.wait()
    finally:
        running.close()
