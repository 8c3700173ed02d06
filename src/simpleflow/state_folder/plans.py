"""Plans that are kept in a state folder: ``plans/WORKFLOW_ID.json``, where the page looks for them."""

from __future__ import annotations

import os
from contextlib import suppress

from simpleflow.state_folder.logs import file_name

FOLDER = "plans"
"""Name of the folder in the state folder."""


def path_of(state: str, workflow_id: str) -> str:
    """The file of the plan of a workflow id."""
    return os.path.join(state, FOLDER, f"{file_name(workflow_id)}.json")


def make_folder(state: str | os.PathLike[str], path: str) -> None:
    """Make the folder of plans if ``path`` is a file in it, and the state folder is there.

    An error is none here: it shows when the file is written.
    """
    above, name = os.path.split(os.path.dirname(os.path.abspath(path)))
    if name == FOLDER and os.path.isdir(above) and os.path.realpath(above) == os.path.realpath(state):
        with suppress(OSError):
            os.makedirs(os.path.join(above, name), mode=0o700, exist_ok=True)
