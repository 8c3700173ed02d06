"""Perform one activity task: from its name and input to a result or a failure, all of them text."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

from simpleflow import activity as activities
from simpleflow import retries, values
from simpleflow.activity import Activity
from simpleflow.constants import MAX_REASON_LENGTH
from simpleflow.engines.base import ActivityTask
from simpleflow.exceptions import InputError, distinct, escaped, message, one_line, passes_through
from simpleflow.named_tuple import NamedTuple
from simpleflow.values import arguments
from simpleflow.worker import current_task
from simpleflow.worker.current_task import CurrentTask
from simpleflow.worker.imports import Imports, in_use


class Outcome(NamedTuple):
    """How a task ended: it completed, failed or was cancelled."""

    result: str | None = None  # JSON text, if it completed
    reason: str | None = None  # of a failure
    details: str | None = None  # JSON text, of a failure
    canceled: bool = False

    @property
    def failed(self) -> bool:
        """True if the task failed."""
        return self.reason is not None


class Middlewares(NamedTuple):
    """Functions that are called around every activity: ``pre(context)``, then ``post(context, result=...)``."""

    pre: Sequence[Callable[..., Any]] = ()
    post: Sequence[Callable[..., Any]] = ()

    @classmethod
    def load(cls, given: Mapping[str, Sequence[str | Callable[..., Any]]] | None) -> Middlewares:
        """The middlewares of ``{"pre": [...], "post": [...]}``: functions or dotted paths; either key is optional.

        Raises InputError for a path that does not lead to a callable.
        """
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            raise InputError(f"middlewares are {given!r}; expected a dict with the keys pre and post")
        unknown = sorted(set(given) - {"pre", "post"})
        if unknown:
            raise InputError(f"middlewares have the keys pre and post, not {unknown[0]!r}")
        for key, each in given.items():
            if each is not None and (isinstance(each, str) or not isinstance(each, Iterable)):
                raise InputError(f"middlewares {key} are {each!r}; expected a list of functions or dotted paths")
        return cls(tuple(map(_callable, given.get("pre") or ())), tuple(map(_callable, given.get("post") or ())))


def _callable(path: str | Callable[..., Any]) -> Callable[..., Any]:
    found: Any = path
    if isinstance(path, str):
        module, _, name = path.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise InputError(f"middleware {path!r} cannot be loaded: {error}") from error
    if not callable(found):
        raise InputError(f"middleware {path!r} is not callable")
    return found  # type: ignore[no-any-return]


def find(name: str, known: Mapping[str, Activity] | None = None) -> Activity | None:
    """The activity of that name, if this process has it. Nothing is imported."""
    return (known.get(name) if known else None) or activities.registry.get(name)


def resolve(name: str, known: Mapping[str, Activity] | None = None, imports: Imports | None = None) -> Activity:
    """The activity of that name; its module is imported if it was not, as far as ``imports`` allows.

    ``imports`` None: the policy of this process.

    Only decorated activities are found, so a name in a task cannot make a worker call anything else; but see
    ``imports.beside``. Raises InputError if there is no such activity, or if it may not be performed here.
    """
    found = find(name, known)
    imports = in_use() if imports is None else imports
    if found is None:
        imports.load(name, f"activity {name}")
        found = activities.registry.get(name)
    if found is None and (function := imports.function(name)) is not None:
        return activities.Activity(function, name)
    if found is None:
        raise InputError(f"activity {name} is unknown: define it at the top level of a module, with a decorator")
    imports.check(found.callable.__module__, f"activity {name}")
    return found


Arguments = tuple[list[Any], dict[str, Any]]
"""Positional and keyword arguments."""


def quick(task: ActivityTask, known: Mapping[str, Activity]) -> Arguments | None:
    """The arguments of a task that is quick; None for any other task.

    A quick task takes less time than handing it to another process, and may be performed twice. Its callable says so
    with ``is_quick(*args, **kwargs)``.
    """
    activity = known.get(task.name) or activities.registry.get(task.name)
    is_quick = getattr(activity.callable, "is_quick", None) if activity is not None else None
    if is_quick is None:
        return None
    try:
        args, kwargs = arguments(values.decode(task.input))
        return (args, kwargs) if is_quick(*args, **kwargs) else None
    except Exception:  # noqa: BLE001 (performing the task reports wrong arguments)
        return None


def perform(
    task: ActivityTask,
    known: Mapping[str, Activity] | None = None,
    middlewares: Middlewares = Middlewares(),
    domain: str | None = None,
    given: Arguments | None = None,
    imports: Imports | None = None,
    state: str | None = None,
) -> Outcome:
    """Perform the task. An exception of the activity becomes the reason and details of a failure.

    ``known``: activities by name that are not in the registry. ``domain``: for the activity's context. ``given``: the
    arguments, if they have been decoded already. ``imports``: the modules that may be imported for the name of the
    task. ``state``: path of the state folder of a local run.
    """
    current_task.enter(CurrentTask(task.name, task.workflow_id, task.run_id, domain, state))
    try:
        activity = resolve(task.name, known, imports)
        args, kwargs = given or arguments(values.decode(task.input))
        context = {
            "name": task.name,
            "version": task.version,
            "domain_name": domain,
            "workflow_id": task.workflow_id,
            "run_id": task.run_id,
            "activity_id": task.activity_id,
            "activity_task_list": task.task_list,
            "input": {"args": args, "kwargs": kwargs},
            "tag_list": list(task.tag_list),
        }
        for middleware in middlewares.pre:
            middleware(context)
        result = _call(activity, args, kwargs, context)
        for middleware in middlewares.post:
            middleware(context, result=result)
        return Outcome(values.encode(result, f"result of activity {task.name}"))
    except BaseException as error:
        if passes_through(error):
            raise
        return failure(error)
    finally:
        current_task.leave()


def _call(activity: Activity, args: list[Any], kwargs: dict[str, Any], context: dict[str, Any]) -> Any:
    function = activity.callable
    if getattr(function, "add_context_in_kwargs", False):
        kwargs = {**kwargs, "context": context}
    if isinstance(function, type):
        instance = function(*args, **kwargs)
        instance.context = context
        return _result(activities.execute(instance))
    activity.context = context
    try:
        return _result(function(*args, **kwargs))
    finally:
        activity.context = None


def _result(returned: Any) -> Any:
    """The result of the activity; if it is ``async def``, the result of the coroutine that it returned."""
    if not isinstance(returned, Coroutine):
        return returned
    from simpleflow.worker import coroutines  # here: what it needs is slow to load

    return coroutines.run(returned)


def failure(error: BaseException) -> Outcome:
    """The outcome of a task whose activity raised ``error``."""
    kind = type(error)
    text = message(error)
    if isinstance(error, BaseExceptionGroup):  # its own text says only how many there are
        text += ": " + "; ".join(distinct(list(retries.members(error)), one_line))
    if kind.__name__ == "BdbQuit" and not (sys.stdin is not None and sys.stdin.isatty()):
        text = "a debugger has no terminal in a worker process; --nb-workers 0 runs activities in that of the run"
    lines = [escaped(line) for line in traceback.format_exception(error)]
    details: dict[str, Any] = {
        "error": kind.__name__,
        "error_type": f"{kind.__module__}.{kind.__name__}",
        "message": text[:2_000],
        retries.BASES: retries.class_names(kind),
        "traceback": [line[:2_000] for line in lines[-30:]],
    }
    if (kinds := retries.recorded_members(error)) is not None:
        details[retries.MEMBERS] = kinds
    if getattr(error, "lasting", False) is True:
        details["lasting"] = True
    reason = f"{kind.__name__}: {text}" if text else kind.__name__
    if len(reason) > MAX_REASON_LENGTH:
        reason = reason[: MAX_REASON_LENGTH - 3] + "..."
    return Outcome(reason=reason, details=values.encode(details, "details of a failure"))
