"""The check that a run is started by the file that started the runs of its workflow id before.

A workflow id that nobody gives is made of the class's name. Two files that define classes of one name would share it:
one would take up the runs of the other, and skip its steps.
"""

from __future__ import annotations

from simpleflow import source_file, values
from simpleflow.engines.embedded import EmbeddedEngine
from simpleflow.exceptions import InputError


def check(engine: EmbeddedEngine, workflow_class: type, workflow_id: str) -> None:
    """Raise InputError if another file has started the latest run of that workflow id.

    A class without a lasting file is never refused, and neither is one whose id has no run that tells its file.
    """
    own = source_file.of_class(workflow_class)
    found = engine.executions.journal.list_runs(workflow_id)
    if own is None or not found:
        return
    other = None
    for text in engine.executions.journal.contexts(found[0].run_id):
        context = values.decode(text)
        other = context.get("file", other) if isinstance(context, dict) else other
    if other is not None and other != own:
        raise InputError(
            f"workflow id {workflow_id!r} belongs to the runs of {other} (the latest is {found[0].run_id}), and this "
            f"class is defined in {own}: give it an id of its own with --workflow-id, or say with --adopt that the "
            "file has moved"
        )
