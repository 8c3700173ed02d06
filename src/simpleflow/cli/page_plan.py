"""The process that makes a plan for the page: ``python -m simpleflow.cli.page_plan``.

Theory of operation. A plan calls the workflow's own code, which may do anything: loop, print, use much memory, end the
process. So the page never loads it. It starts this process for each plan, and only for workflows that the person who
started the page has named. A request comes on standard input. Answers go to standard output, a line each, of which the
last counts; what user code prints goes to standard error. The state folder is only read. The page ends the process
after some time; if the page has ended itself, the process ends too.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from simpleflow import values
from simpleflow.base import type_name
from simpleflow.cli import parameters, plan_contract, workflow_input
from simpleflow.cli.cores import cores
from simpleflow.cli.errors import error_line
from simpleflow.cli.load_workflow import load_workflow
from simpleflow.cli.swf import swf_engine
from simpleflow.cli.terminal import results_only
from simpleflow.exceptions import InputError, SimpleflowError
from simpleflow.parameters import TYPED
from simpleflow.steering.plan_times import Times
from simpleflow.ui.made_plan import Answer, MadePlan, Making, SourceFile, Wanted

if TYPE_CHECKING:
    from simpleflow.core.events import Event
    from simpleflow.engines.sqlite.reading import ReadingEngine
    from simpleflow.engines.swf.engine import SwfEngine
    from simpleflow.steering.earlier_results import EarlierRuns
    from simpleflow.workflow import Workflow

_LOWER_PRIORITY = 5  # than that of the page: the plan must not slow down a run on the same machine
_OWNER_SECONDS = 0.5  # between two looks at whether the page is still there
_QUANTILES = (0.5, 0.9)


def main() -> None:
    """Answer the request on standard input."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Making)
    threading.Thread(target=_end_with, args=[request.owner], daemon=True).start()
    os.nice(_LOWER_PRIORITY)
    with results_only() as write:

        def tell(answer: Answer) -> None:
            write(msgspec.json.encode(msgspec.structs.replace(answer, files=tuple(_sources(request)))).decode())

        try:
            for made in _made(request):
                tell(Answer(made=made))
        except (Exception, SystemExit) as error:  # noqa: BLE001 (user code may raise anything)
            tell(Answer(problem=_said(error), types=error.types if isinstance(error, _OtherTypes) else ()))


class _OtherTypes(InputError):
    """No workflow has the type that is wanted."""

    def __init__(self, wanted: str, types: dict[str, str]) -> None:
        others = ", ".join(f"{workflow} is {name!r}" for workflow, name in types.items())
        super().__init__(
            f"the page was started without a --workflow of type {wanted!r} ({others}); start it again with one more "
            "--workflow"
        )
        self.types = tuple(types.values())


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, SimpleflowError) else error_line(error)


def _end_with(owner: int) -> None:
    """End this process when the page has ended."""
    while os.getppid() == owner:
        time.sleep(_OWNER_SECONDS)
    os._exit(1)


def _made(request: Making) -> Iterator[MadePlan]:
    """Yield the plan, and then the plan with its estimate, which may take much longer.

    Raises SimpleflowError, and what the user's code raises.
    """
    from simpleflow.runs.run_start import default_bucket
    from simpleflow.steering import marks, place
    from simpleflow.steering.plan import plan

    wanted = request.wanted
    workflow, workflow_class = _find(request)
    given = _input(request, workflow_class)
    workflow_input.check_input(workflow_class, given)
    bucket = None if request.state is None else default_bucket(request.state)
    found = place.find(
        workflow_class,
        input=given,
        workflow_id=wanted.workflow_id,
        default_bucket=bucket,
        domain=request.domain,
    )
    stamp = marks.stamp(found.bucket, found.path)  # before the plan: marks that are written meanwhile count as changes
    steering: dict[str, Any] = {"force": list(wanted.force), "skip": list(wanted.skip), "changed": wanted.changed}
    common: dict[str, Any] = {
        "input": given,
        "workflow_id": wanted.workflow_id,
        "default_bucket": bucket,
        "domain": request.domain,
    }
    with _earlier_runs(request) as past:
        planned = plan(workflow_class, past=past if wanted.assume_last else None, **steering, **common)
        made = MadePlan(
            workflow=workflow,
            plan=plan_contract.make(planned, workflow_class, found, given, steering),
            where=marks.where(found),
            bucket=found.bucket,
            path=found.path,
            marks=stamp,
            times=None,
            no_times="",
        )
        yield made
        try:
            yield msgspec.structs.replace(made, times=_times(wanted, workflow_class, past, common))
        except (Exception, SystemExit) as error:  # noqa: BLE001 (the plan is worth showing without it)
            yield msgspec.structs.replace(made, no_times=_said(error))


def _find(request: Making) -> tuple[str, type[Workflow]]:
    """The workflow of the type that is wanted, with the text that names it. Raises InputError."""
    problems, types = [], {}
    for workflow in request.workflows:
        try:
            found = load_workflow(workflow)
        except InputError as error:
            problems.append(str(error))
            continue
        types[workflow] = type_name(found)
        if types[workflow] == request.wanted.type:
            return workflow, found
    raise InputError("; ".join(problems)) if problems else _OtherTypes(request.wanted.type, types)


def _input(request: Making, workflow_class: type[Workflow]) -> dict[str, Any]:
    """The input to plan with: the one that was given, or else that of the run. Raises InputError."""
    if request.given is not None:
        return parameters.complete_input(workflow_class, request.given, request.params)
    args, kwargs = values.arguments(values.decode(request.wanted.input))
    typed = values.reserved(request.wanted.input).get(TYPED)
    return {"args": args, "kwargs": kwargs} | ({} if typed is None else {TYPED: typed})


def _times(wanted: Wanted, workflow_class: type[Workflow], past: EarlierRuns, common: dict[str, Any]) -> Times:
    """When the run would end. Raises SimpleflowError."""
    from simpleflow.steering.estimate import estimate

    found = estimate(
        workflow_class,
        request={"force_steps": list(wanted.force), "skip_steps": list(wanted.skip), "changed": wanted.changed},
        results=past if wanted.assume_last else None,
        past=past,
        workers=wanted.workers or cores(),
        quantiles=_QUANTILES,
        **common,
    )
    return Times.of(found)


@contextmanager
def _earlier_runs(request: Making) -> Iterator[EarlierRuns]:
    """The earlier runs of a workflow id, from a connection that only reads."""
    from simpleflow.engines.base import RunFilter
    from simpleflow.engines.sqlite.reading import ReadingEngine

    engine: SwfEngine | ReadingEngine
    engine = swf_engine(request.domain or "") if request.state is None else ReadingEngine(request.state)

    def past(workflow_id: str) -> Iterator[tuple[str, Sequence[Event]]]:
        for run in engine.list_runs(RunFilter(workflow_id=workflow_id)):
            yield run.run_id, engine.history(run.workflow_id, run.run_id)

    try:
        yield past
    finally:
        if isinstance(engine, ReadingEngine):
            engine.close()


def _sources(request: Making) -> Iterator[SourceFile]:
    """The files that the user's code was loaded from, also where it could not be loaded as a whole."""
    paths = {each.rpartition(":")[0] or each for each in request.workflows}
    ours = Path(__file__).parents[1]
    others = [ours, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and not any(path.startswith(f"{folder}{os.sep}") for folder in others):
            paths.add(path)
    for path in sorted(paths):
        full = os.path.abspath(os.path.expanduser(path))
        try:
            found = os.stat(full)
        except OSError:
            continue
        yield SourceFile(path=full, modified=found.st_mtime_ns, size=found.st_size)


if __name__ == "__main__":
    main()
