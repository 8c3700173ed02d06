"""Calls to the engine about tasks that may be over by now: then they do nothing."""

from __future__ import annotations

from contextlib import suppress

from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import UnknownResource


def begin(source: EmbeddedEngine, token: str, identity: str | None = None) -> None:
    """A worker has begun the task; ``identity`` names it in the history."""
    with suppress(UnknownResource):
        source.begin_activity_task(token, identity)


def beat(source: EmbeddedEngine, token: str) -> None:
    """The task goes on."""
    with suppress(UnknownResource):
        source.record_activity_task_heartbeat(token)


def offer(source: EmbeddedEngine, token: str) -> None:
    """The task is to be handed out again, before all others."""
    with suppress(UnknownResource):
        source.put_back_activity_task(token, first=True)
