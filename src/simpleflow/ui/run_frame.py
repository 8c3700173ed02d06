"""The common parts of all pages of a run: the folded run, its headline, and the page that says how far it is read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from starlette.datastructures import QueryParams

from simpleflow import shell_words
from simpleflow.core import transitions
from simpleflow.engines.base import RunDescription
from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple
from simpleflow.runs import workflow_file
from simpleflow.state_folder import expected, logs
from simpleflow.ui.folded import Folded, FoldedRuns
from simpleflow.ui.planner import Planner
from simpleflow.ui.rendering import Page
from simpleflow.ui.source import Source
from simpleflow.ui.texts import count, took, word
from simpleflow.views.run_view import RunView

_MOST = 1 << 53  # numbers in addresses


class Visit(NamedTuple):
    """A visit to a page, with the data that the page is made from."""

    source: Source
    runs: FoldedRuns
    query: QueryParams
    now: float  # epoch seconds
    planner: Planner | None = None  # makes plans, if the page may run the workflow's code

    def number(self, name: str, default: int = 0) -> int:
        """A number in the query. Raises InputError."""
        text = self.query.get(name, "")
        if not text:
            return default
        return number_of(text, name)

    def time(self, name: str) -> float | None:
        """A time in the query, in epoch seconds; None if it is not there. Raises InputError."""
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            found = float(text)
        except ValueError:
            found = -1.0
        if not 0 <= found < _MOST:
            raise InputError(f"{name} is {text!r}; expected a time in seconds since 1970")
        return found


def number_of(text: str, name: str) -> int:
    """A number in an address. Raises InputError."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InputError(f"{name} is {text!r}; expected a number")
    return int(text)


def run_page(
    visit: Visit,
    id: str,
    tab: str,
    template: str,
    values: Callable[[Folded, RunView], dict[str, Any]],
    name: str = "",
) -> Page:
    """A page of a run: ``values`` gives those of its template from the rows.

    While a long history is read for the first time, the page says how far that is. ``unread`` and ``pending`` among
    the values say that more is to come; without JavaScript, the browser reads a ``pending`` page again.
    """
    run = visit.source.find(id)
    folded = visit.runs.run(run)
    title = f"{name or tab.capitalize()} · {run.workflow_id}"
    if not folded.ready:
        done, whole = folded.view.last_id, folded.last_id
        reading = {"done": done, "whole": whole, "share": done / max(1, whole)}
        return Page("reading.html", title, {**frame(visit, run, tab), **reading}, refresh=1)
    with nullcontext() if folded.view.closed else folded.lock:  # the rows of a run that has closed do not change
        found = values(folded, folded.view)
    return Page(
        template,
        title,
        {**frame(visit, run, tab), **found},
        live=run.status == transitions.OPEN or bool(found.get("unread")) or bool(found.get("pending")),
        refresh=2 if found.get("pending") else None,
    )


def frame(visit: Visit, run: RunDescription, tab: str) -> dict[str, Any]:
    """The values of the headline of a run."""
    driven = not abandoned(visit, run)
    return {
        "run": run,
        "tab": tab,
        "state": run.status if driven else "scheduled",
        "state_word": word(run.status) if driven else "open, not driven",
        "took": time_taken(visit, run),
        "open": run.status == transitions.OPEN,
        "driven": driven,
        "expected_end": _expected_end(visit, run) if driven else None,
    }


def _expected_end(visit: Visit, run: RunDescription) -> float | None:
    """When an open run is expected to end, in epoch seconds; None if that is not known, or the time has passed."""
    if run.status != transitions.OPEN or visit.source.folder is None:
        return None
    end = expected.read(visit.source.folder, run.run_id)
    return end if end is not None and end > visit.now else None


def location_options(source: Source) -> str:
    """The options of commands that name the place of the runs."""
    if source.folder is not None:
        return f"--state {shell_words.quoted(source.folder)}"
    return f"--domain {shell_words.quoted(source.domain or '')}"


def workflow_of(visit: Visit, run: RunDescription) -> str:
    """The workflow of a run, as commands name it: by the file that a decider has told; empty if it is not known."""
    return workflow_file.reference(visit.runs.run(run).view.context, run.name, visit.source.folder)


def end_of(visit: Visit, run: RunDescription, view: RunView) -> float:
    """The end of open tasks: now, or when the process that drove the run died, as far as known."""
    if run.status != transitions.OPEN:
        return view.last_time
    return max(_died(visit, run) if abandoned(visit, run) else visit.now, view.last_time)


def abandoned(visit: Visit, run: RunDescription) -> bool:
    """True if a run is open and no process drives it. Of runs on Amazon SWF that is not known."""
    return run.status == transitions.OPEN and not run.alive and visit.source.folder is not None


def time_taken(visit: Visit, run: RunDescription) -> str:
    """How long a run has taken: until its process died, if no process drives it."""
    return took(run, _died(visit, run) if abandoned(visit, run) else visit.now)


def _died(visit: Visit, run: RunDescription) -> float:
    """When the process of an abandoned run died, as far as known: its last event, or its activities' last output."""
    last = visit.source.last_events(run, 1)
    return max(last[0].time if last else run.started, logs.last_written(visit.source.folder or "", run.run_id))


def more_text(number: int, noun: str) -> str:
    """``and 3 more steps``; empty if there are none."""
    return f"and {count(number, f'more {noun}')}" if number > 0 else ""
