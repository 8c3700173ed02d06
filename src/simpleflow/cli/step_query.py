"""Finding the workflow that a command about steps names, the marks of its steps, and its earlier runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import click

from simpleflow.checks import check_name
from simpleflow.cli import errors, parameters, unread_input, workflow_input
from simpleflow.cli.options import common, format_option, param_option, state_option
from simpleflow.cli.run_query import RunLocation, Runs, location_of, open_runs
from simpleflow.exceptions import InputError, UnknownResource
from simpleflow.named_tuple import NamedTuple

if TYPE_CHECKING:
    from simpleflow.core.events import Event
    from simpleflow.engines.base import RunDescription
    from simpleflow.steering.estimate import Estimate
    from simpleflow.steering.place import Place
    from simpleflow.steering.plan import Plan, PlannedStep
    from simpleflow.workflow import Workflow

_Command = TypeVar("_Command", bound=Callable[..., Any])


def step_options(command: _Command) -> _Command:
    """Add the options of the four commands about steps: those that locate the marks, and the output format."""
    for add in (
        common,
        format_option(),
        click.option("--domain", "-d", metavar="NAME", help="Amazon SWF domain of the runs. Default: SWF_DOMAIN."),
        click.option("--local", is_flag=True, help="The runs are in the state folder, even if SWF_DOMAIN is set."),
        state_option("Folder of the runs. Default: SIMPLEFLOW_STATE."),
        click.option(
            "--workflow-id",
            metavar="ID",
            help="Workflow id. Default: the one that the class chooses, else the name of the workflow type.",
        ),
        param_option,
        click.option("--input-file", metavar="FILE", help="File with the input of the workflow; - is standard input."),
        click.option(
            "--input",
            "-i",
            "input_text",
            metavar="JSON",
            help="Input of the workflow, as for workflow.start; - is standard input.",
        ),
    ):
        command = add(command)
    return command


class StepQuery(NamedTuple):
    """The workflow that a command about steps names."""

    workflow_class: type[Workflow]
    given: dict[str, Any]  # its input: {"args": [...], "kwargs": {...}}
    mark_location: Place  # workflow id, bucket and prefix of its marks
    location: RunLocation  # of its runs
    default_bucket: str | None  # where marks are kept if the class names no bucket; None: the setting STEP_BUCKET

    @classmethod
    def from_options(cls, workflow: str, options: dict[str, Any]) -> StepQuery:
        """Load the workflow and find its marks. Raises InputError if an option is wrong."""
        from simpleflow.cli.load_workflow import load_workflow
        from simpleflow.runs.run_start import default_bucket
        from simpleflow.steering import place

        given = workflow_input.read_input(options["input_text"], options["input_file"])
        unread_input.watch(options["input_text"], options["input_file"])
        location = location_of(options)
        began_in = errors.folder_here()
        whole = None if location.folder is None else os.path.join(began_in, location.folder)
        if options["workflow_id"] is not None:
            check_name(options["workflow_id"], "--workflow-id")
        workflow_class = load_workflow(workflow)
        if errors.folder_here() != began_in:  # its file has changed the folder
            location = RunLocation(location.domain, whole)
        if options["input_text"] is not None or options["input_file"] is not None or options["params"]:
            given = parameters.complete_input(workflow_class, given, options["params"])
        bucket = None if location.folder is None else default_bucket(location.folder)
        found = place.find(
            workflow_class,
            input=given,
            workflow_id=options["workflow_id"],
            default_bucket=bucket,
            domain=location.domain,
        )
        return cls(workflow_class, given, found, location, bucket)

    def plan(
        self,
        force: Iterable[str] = (),
        skip: Iterable[str] = (),
        assume_last: bool = False,
        changed: bool = False,
        only: Iterable[str] = (),
        until: Iterable[str] = (),
    ) -> Plan:
        """Plan a run: which steps would run or be skipped, and why.

        With ``assume_last``, results that the plan needs are taken from earlier runs; this may raise StateError or
        SwfError.
        """
        from simpleflow.steering.plan import plan

        with open_runs(self.location) if assume_last else nullcontext() as runs:
            return plan(
                self.workflow_class,
                input=self.given,
                workflow_id=self.mark_location.workflow_id,
                force=force,
                skip=skip,
                changed=changed,
                only=only,
                until=until,
                default_bucket=self.default_bucket,
                domain=self.location.domain,
                past=None if runs is None else (lambda workflow_id: earlier_runs(runs, workflow_id)),
            )

    def estimate(
        self, request: dict[str, Any], assume_last: bool, workers: int, quantiles: Iterable[float]
    ) -> Estimate:
        """Estimate when a run would end. May raise StateError or SwfError.

        ``request`` is how the run is steered, as ``steering.estimate.estimate`` takes it.
        """
        from simpleflow.steering.estimate import estimate

        with open_runs(self.location) as runs:

            def past(workflow_id: str) -> Iterator[tuple[str, Sequence[Event]]]:
                return earlier_runs(runs, workflow_id)

            return estimate(
                self.workflow_class,
                request=request,
                input=self.given,
                workflow_id=self.mark_location.workflow_id,
                default_bucket=self.default_bucket,
                domain=self.location.domain,
                results=past if assume_last else None,
                past=past,
                workers=workers,
                quantiles=quantiles,
            )

    def refused_start(self) -> str | None:
        """Return why ``workflow.start`` without ``--workflow-id`` would refuse a run like this; None if it would not.

        Raises StateError or SwfError.
        """
        if self.location.folder is None:
            return None
        from simpleflow.runs import same_source
        from simpleflow.runs.run_start import RunStart

        request = RunStart(self.workflow_class).request(self.given)
        with open_runs(self.location) as runs:
            return same_source.refusal(runs.local_engine, self.workflow_class, request, self.default_bucket)

    def own_steps(self) -> list[PlannedStep]:
        """Return the steps in the plan of a run whose marks are at ``mark_location``; child workflows have others."""
        return [row for row in self.plan().steps if row.workflow_id == self.mark_location.workflow_id]

    def changed_steps(self, names: Iterable[str]) -> dict[str, str]:
        """Return how these steps differ from what they were done with, by name, for those that do.

        Steps that a plan of the workflow does not reach are left out.
        """
        wanted = set(names)
        if not wanted:
            return {}
        try:
            return {row.step: row.changed for row in self.own_steps() if row.changed and row.step in wanted}
        except InputError:  # the list of done steps needs no input, a plan may
            return {}

    def has_run(self) -> bool:
        """Return True if there is a run of the workflow id. Raises StateError or SwfError."""
        return self.latest_run() is not None

    def open_run(self) -> RunDescription | None:
        """Return the open run of the workflow id, or None.

        A run in a folder counts only while a living process drives it. Raises StateError or SwfError.
        """
        run = self.latest_run()
        return run if run is not None and run.status == "open" and (run.alive or self.location.folder is None) else None

    def latest_run(self) -> RunDescription | None:
        """Return the latest run of the workflow id, or None. Raises StateError or SwfError."""
        with open_runs(self.location) as runs:
            try:
                return runs.engine.describe(self.mark_location.workflow_id)
            except UnknownResource:
                return None


def earlier_runs(runs: Runs, workflow_id: str) -> Iterator[tuple[str, Sequence[Event]]]:
    """Yield the run id and the history of each run of a workflow id, the latest first."""
    from simpleflow.engines.base import RunFilter

    for run in runs.find(RunFilter(workflow_id=workflow_id)):
        yield run.run_id, runs.events(run)
