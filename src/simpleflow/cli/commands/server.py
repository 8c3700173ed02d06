"""``simpleflow server``: Amazon SWF on this machine, for development and tests."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from simpleflow.cli.options import SETTINGS, common, session

PORT = 8042


@click.command("server", context_settings=SETTINGS)
@click.option("--port", type=int, default=PORT, show_default=True, help="The port of 127.0.0.1; 0: any that is free.")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to keep everything in; without it, it ends with the server.",
)
@click.option("--domain", "-d", "domains", multiple=True, help="Register this domain if need be (repeatable).")
@click.option(
    "--poll-seconds", type=click.FloatRange(min=0), default=60, show_default=True, help="How long a poll waits."
)
@click.option(
    "--chaos",
    default="",
    metavar="OPTIONS",
    help="Test mode, any of: shuffle,delay=SECONDS,drop=SHARE,throttle=SHARE,refuse=SHARE,page=NUMBER,seed=NUMBER.",
)
@common
def server(port: int, state: Path | None, domains: tuple[str, ...], poll_seconds: float, chaos: str) -> None:
    """Serve Amazon SWF's protocol on 127.0.0.1.

    For development and tests: everybody who can connect may do everything. Prints its URL once it listens; give that to
    boto3 as AWS_ENDPOINT_URL_SWF. SIGTERM and SIGINT end it.

    \b
    Example: simpleflow server --domain tests
    """
    from simpleflow.server import Chaos, Server

    running = Server(port, state, poll_seconds, chaos=Chaos.parse(chaos))
    try:
        for domain in domains:
            running.register_domain(domain)
        running.start()
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        click.echo(running.url)
        session().terminal.write(
            "a local SWF server for development and tests: no authentication, 127.0.0.1 only\n"
            f"clients: AWS_ENDPOINT_URL_SWF={running.url}; any credentials and region will do\n"
        )
        ended.wait()
    finally:
        running.close()
