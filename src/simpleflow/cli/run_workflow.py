"""Finding the workflow of a run that is kept: by the file that the run has recorded, else by the name of its type."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from simpleflow import shell_words
from simpleflow.base import type_name
from simpleflow.cli.load_workflow import find_modules_here, find_modules_in, load_workflow
from simpleflow.exceptions import InputError
from simpleflow.runs import workflow_file

if TYPE_CHECKING:
    from simpleflow.cli.run_query import Runs
    from simpleflow.engines.base import RunDescription


def reference_of(runs: Runs, run: RunDescription) -> str:
    """Return the workflow of a run, as ``load_workflow`` takes it.

    Raises InputError if its file is not there, and its type has not the name of a class that can be imported.
    """
    context = runs.context(run)
    found = workflow_file.find(context, run.name, runs.location.folder)
    if found is not None:
        if found.folder is not None:
            find_modules_in(found.folder)
        if "." not in run.name or type_name(load_workflow(found.reference)) == run.name:
            return found.reference
    try:
        load_workflow(run.name)
    except InputError as error:
        words = [each for each in sys.argv[1:] if each != "--debug"]
        again = shell_words.joined([*shell_words.program(), *words, "--workflow", "path/to/file.py:Class"])
        missing = workflow_file.missing(context)
        raise InputError(
            f"workflow type {run.name!r} is not the name of a class ({error}){missing}; give the class: {again}"
        ) from error
    return run.name


def find_modules_of(runs: Runs, run: RunDescription) -> None:
    """Let the modules be found that the code of a run imports: in its folder, if that is known, and in this one."""
    found = workflow_file.find(runs.context(run), run.name, runs.location.folder)
    if found is None:
        find_modules_here()
    else:
        find_modules_in(found.folder or os.path.dirname(found.reference))
