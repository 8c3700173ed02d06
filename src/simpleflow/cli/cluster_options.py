"""The options for workers on other machines, by Dask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpleflow import settings
from simpleflow.cli.number import Number
from simpleflow.constants import RECONNECT_SECONDS
from simpleflow.exceptions import InputError

if TYPE_CHECKING:
    from simpleflow.cluster.target import Cluster

_Command = TypeVar("_Command", bound=Callable[..., Any])


def tls_options(command: _Command) -> _Command:
    """Add the options for an encrypted connection to a scheduler."""
    texts = (
        ("key", "File with the key of this process, for a scheduler at tls://."),
        ("cert", "File with the certificate of this process."),
        (
            "ca-file",
            "File with the certificates to trust. Default of all three: the settings of Dask.",
        ),
    )
    for name, text in texts:
        command = click.option(f"--tls-{name}", metavar="FILE", help=text)(command)
    return command


def driver_options(command: _Command) -> _Command:
    """Add the options of a run whose activities other machines perform."""
    command = tls_options(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--workers",
        metavar="ADDRESS",
        help="Run activities on the workers of this Dask scheduler, such as tcp://host:8786 or scheduler.json. "
        "Default: SIMPLEFLOW_WORKERS, else this machine.",
    ),
    click.option(
        "--upload",
        multiple=True,
        metavar="FILE",
        help="Python file or zip archive to send to these workers. You can repeat this option.",
    ),
    click.option(
        "--reconnect-for",
        type=Number(),
        metavar="SECONDS",
        help=f"How long to wait for a scheduler that was lost. Default: {RECONNECT_SECONDS:g}.",
    ),
)


def cluster_of(options: Mapping[str, Any]) -> Cluster | None:
    """Return the cluster that the options name; None: activities run on this machine. Raises InputError."""
    address = options.get("workers")
    if address is None and options["nb_workers"] is None:
        address = settings.SIMPLEFLOW_WORKERS
    if address is None:
        for name in ("upload", "reconnect_for", "tls_ca_file", "tls_cert", "tls_key"):
            if options.get(name) not in (None, ()):
                raise InputError(f"--{name.replace('_', '-')} is for workers of a scheduler: give --workers, too")
        return None
    if options["nb_workers"] is not None:
        raise InputError("--workers and --nb-workers exclude each other: activities run on a cluster, or here")
    from simpleflow.cluster.target import Cluster

    seconds = options.get("reconnect_for")
    return Cluster(
        address,
        tuple(options.get("upload") or ()),
        RECONNECT_SECONDS if seconds is None else seconds,
        options.get("tls_ca_file"),
        options.get("tls_cert"),
        options.get("tls_key"),
    )
