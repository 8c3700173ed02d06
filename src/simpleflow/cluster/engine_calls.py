"""Calls to the engine about tasks that may be over by now: then they do nothing."""

from __future__ import annotations

from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import UnknownResource


def begin(source: EmbeddedEngine, token: str, identity: str | None = None) -> None:
    """A worker has begun the task; ``identity`` names it in the history."""
    try:
        source.begin_activity_task(token, identity)
    except UnknownResource:
        pass


def beat(source: EmbeddedEngine, token: str) -> None:
    """The task goes on."""
    try:
        source.record_activity_task_heartbeat(token)
    except UnknownResource:
        pass


def offer(source: EmbeddedEngine, token: str) -> None:
    """The task is to be handed out again, before all others."""
    try:
        source.put_back_activity_task(token, first=True)
    except UnknownResource:
        pass
