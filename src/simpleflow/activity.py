"""Activities: the functions, or classes with ``execute()``, that workers run for a workflow."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from simpleflow import retries, settings
from simpleflow.checks import check_flag, check_name
from simpleflow.code_names import SCRIPT, imported_name
from simpleflow.constants import MAX_VERSION_LENGTH, MOST_SECONDS
from simpleflow.exceptions import InputError
from simpleflow.shown_text import value_text
from simpleflow.source import code_source

PRIORITY_NOT_SET: Any = type("PriorityNotSet", (), {"__repr__": lambda self: "PRIORITY_NOT_SET"})()
"""The default of ``task_priority``: the workflow's own priority applies.

None is a different value: no priority, even if the workflow has one.
"""

registry: dict[str, Activity] = {}
"""Every activity defined in this process, by name. Workers run these and nothing else."""


def seconds(value: object, label: str) -> str:
    """Return a duration as SWF writes it: digits, or ``NONE`` for no limit.

    Args:
        value: whole seconds as a number or as text, at most 99,999,999; None or ``"NONE"`` for no limit.
        label: names the value in error messages.

    Raises InputError for anything else.
    """
    if value is None or value == "NONE":
        return "NONE"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InputError(f"{label} is {value_text(value)}; expected whole seconds or None")
    try:
        text = str(value)
    except ValueError:  # Python writes no number of 5,000 digits
        text = ""
    if not text.isascii() or not text.isdigit() or len(text) > 8:
        raise InputError(f"{label} is {value_text(value)}; expected whole seconds (at most {MOST_SECONDS}) or None")
    return text


def check_priority(value: object, label: str) -> None:
    """Raise InputError unless ``value`` is a whole number of 32 bits (or text of one), None or PRIORITY_NOT_SET.

    ``label`` names the value in error messages.
    """
    if value is None or value is PRIORITY_NOT_SET:
        return
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        fits = -(2**31) <= int(value) < 2**31
    except ValueError:
        fits = False
    if not fits:
        raise InputError(f"{label} is {value_text(value)}; expected a whole number of 32 bits or None")


def _default(setting: str) -> str:
    """Return a setting as it is when this module is loaded; ``NONE`` for no limit.

    A wrong setting must not make an import fail: the run reports it when it starts. Until then a fixed value serves.
    """
    try:
        value = getattr(settings, setting)
    except InputError:
        if setting == "ACTIVITY_HEARTBEAT_TIMEOUT":
            return "300"
        return "NONE" if setting.endswith("TIMEOUT") else "default"
    return "NONE" if value is None else str(value)


class Activity:
    """A function or class that workers run, with its SWF type, time-outs and retries. ``with_attributes`` makes it.

    An activity can be called like the function that it decorates. Calling a class-based one makes an instance, then
    calls ``execute()`` and, if the class has it, ``post_execute()``; the result is that of ``execute()``. Calling an
    ``async def`` gives a coroutine, as without the decorator. Workers run it.
    """

    waits_for_ever = False
    """True: a task that times out before it has started is scheduled again; this is no failure of it.

    The activities about marks are like this: their limit on waiting is a default of this library.
    """

    takes_retries = True
    """False: the retries of a step around it are not for this activity. Those about marks are like this."""

    outlasts: Callable[[BaseException], bool] | None = None
    """If it returns True for a failure, the task is tried again and again, with pauses, once it has no retries left.

    The activities about marks are like this: a store that does not work for a while loses no work that was done.
    """

    def __init__(
        self,
        callable: Callable[..., Any],
        name: str | None = None,
        version: str = "default",
        task_list: str | None = "default",
        retry: int = 0,
        raises_on_failure: bool = False,
        start_to_close_timeout: int | str | None = _default("ACTIVITY_START_TO_CLOSE_TIMEOUT"),
        schedule_to_close_timeout: int | str | None = _default("ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT"),
        schedule_to_start_timeout: int | str | None = _default("ACTIVITY_SCHEDULE_TO_START_TIMEOUT"),
        heartbeat_timeout: int | str | None = _default("ACTIVITY_HEARTBEAT_TIMEOUT"),
        task_priority: Any = PRIORITY_NOT_SET,
        idempotent: bool | None = None,
        meta: dict[str, Any] | None = None,
        retry_delay: float = 0,
        retry_backoff: float = 1,
        retry_max_delay: float | None = None,
        retry_jitter: float = 0,
        retry_on: retries.Kinds = None,
    ) -> None:
        if not _is_callable(callable):
            raise InputError(f"an activity is made of a function or a class with execute(), not of {callable!r}")
        code_source.remember(callable.__module__)
        self.callable = callable
        self.name = name if name is not None else imported_name(f"{callable.__module__}.{callable.__name__}")
        self.name_in_script = f"{SCRIPT}.{callable.__name__}" if name is None else None
        """The name that earlier releases gave it where its module was run as a script: histories hold it."""
        check_name(self.name, "activity name")
        self.version = check_name(version, f"version of activity {self.name}", MAX_VERSION_LENGTH)
        self.task_list = None if task_list is None else check_name(task_list, f"task list of activity {self.name}")
        self.retry = retry
        self.retry_delay = retry_delay
        self.retry_backoff = retry_backoff
        self.retry_max_delay = retry_max_delay
        self.retry_jitter = retry_jitter
        self.retry_on = retry_on
        self.retry_on = self.retries.on
        check_flag(raises_on_failure, f"raises_on_failure of activity {self.name}")
        check_flag(idempotent, f"idempotent of activity {self.name}")
        if meta is not None and not isinstance(meta, dict):
            raise InputError(f"meta of activity {self.name} is {meta!r}; expected a dict")
        self.raises_on_failure = raises_on_failure
        self.task_start_to_close_timeout = seconds(start_to_close_timeout, f"start_to_close_timeout of {self.name}")
        self.task_schedule_to_close_timeout = seconds(
            schedule_to_close_timeout, f"schedule_to_close_timeout of {self.name}"
        )
        self.task_schedule_to_start_timeout = seconds(
            schedule_to_start_timeout, f"schedule_to_start_timeout of {self.name}"
        )
        self.task_heartbeat_timeout = seconds(heartbeat_timeout, f"heartbeat_timeout of {self.name}")
        check_priority(task_priority, f"task_priority of {self.name}")
        self.task_priority = task_priority
        self.idempotent = idempotent
        self.meta: dict[str, Any] = {} if meta is None else meta
        functools.update_wrapper(self, callable, assigned=("__module__", "__doc__"), updated=())

    def __repr__(self) -> str:
        return f"Activity(name={self.name!r}, version={self.version!r}, task_list={self.task_list!r})"

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self.callable, type):
            return self.callable(*args, **kwargs)
        return execute(self.callable(*args, **kwargs))

    @property
    def context(self) -> Any:
        """The context of the task that this process is running, set by the worker; None outside a task."""
        return getattr(self.callable, "context", None)

    @context.setter
    def context(self, value: Any) -> None:
        self.callable.context = value  # type: ignore[attr-defined]

    @property
    def retries(self) -> retries.Retry:
        """How it is tried again, from the attributes that say so. Raises InputError for values that are not allowed."""
        return retries.check(
            f"activity {self.name}",
            self.retry,
            self.retry_delay,
            self.retry_backoff,
            self.retry_max_delay,
            self.retry_jitter,
            self.retry_on,
        )

    def propagate_attribute(self, attr: str, val: Any) -> None:
        """Set an attribute. Callers use it on a copy only, so that the decorated function keeps its own value."""
        setattr(self, attr, val)

    def scoped(self, attr: str, val: Any) -> Activity:
        """Return a copy with one attribute changed."""
        twin = copy.copy(self)
        twin.propagate_attribute(attr, val)
        return twin


def execute(instance: Any) -> Any:
    """Run an instance of a class-based activity: ``execute()``, then ``post_execute()`` if the class defines it.

    Returns the result of ``execute()``. If one of the two is ``async def``, returns a coroutine that gives that result.
    """
    result = instance.execute()
    if isinstance(result, Coroutine):
        return _after(instance, result)
    if hasattr(instance, "post_execute") and isinstance(last := instance.post_execute(), Coroutine):
        return _awaited(last, result)
    return result


async def _after(instance: Any, work: Coroutine[Any, Any, Any]) -> Any:
    result = await work
    if hasattr(instance, "post_execute") and isinstance(last := instance.post_execute(), Coroutine):
        await last
    return result


async def _awaited(work: Coroutine[Any, Any, Any], result: Any) -> Any:
    await work
    return result


def _is_callable(value: object) -> bool:
    if isinstance(value, type):
        return hasattr(value, "execute")
    return callable(value) and hasattr(value, "__name__")


def with_attributes(
    name: str | None = None,
    version: str = _default("ACTIVITY_DEFAULT_VERSION"),
    task_list: str | None = _default("ACTIVITY_DEFAULT_TASK_LIST"),
    task_priority: Any = PRIORITY_NOT_SET,
    retry: int = 0,
    raises_on_failure: bool = False,
    start_to_close_timeout: int | str | None = _default("ACTIVITY_START_TO_CLOSE_TIMEOUT"),
    schedule_to_close_timeout: int | str | None = _default("ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT"),
    schedule_to_start_timeout: int | str | None = _default("ACTIVITY_SCHEDULE_TO_START_TIMEOUT"),
    heartbeat_timeout: int | str | None = _default("ACTIVITY_HEARTBEAT_TIMEOUT"),
    idempotent: bool | None = None,
    meta: dict[str, Any] | None = None,
    *,
    retry_delay: float = 0,
    retry_backoff: float = 1,
    retry_max_delay: float | None = None,
    retry_jitter: float = 0,
    retry_on: retries.Kinds = None,
) -> Callable[[Callable[..., Any]], Activity]:
    """Decorate a function, or a class with ``execute()``, as an activity.

    Args:
        name: name of the activity type, at most 256 characters; default ``<module>.<function>``. The module of a script
            is the stem of its file.
        version: version of the activity type, at most 64 characters.
        task_list: the list from which workers take its tasks.
        task_priority: whole number of 32 bits, higher first; None for no priority; default: the workflow's priority.
        retry: number of further tries after a failure or a time-out, 0 to 1,000,000.
        raises_on_failure: True: a failure fails the workflow. False: the future holds the exception.
        start_to_close_timeout: seconds that the work may take. For this and the next three: whole seconds as a number
            or text, None for no limit. The settings ``ACTIVITY_*_TIMEOUT`` give the defaults: no limit for these three.
        schedule_to_close_timeout: seconds from scheduling to the end: the time in the queue and the work.
        schedule_to_start_timeout: seconds that the task may wait for a worker.
        heartbeat_timeout: seconds that may pass between two heartbeats of the worker, which sends them by itself.
            Default: 300.
        idempotent: True: a workflow execution runs it once for equal arguments, however often it is submitted.
        meta: any further data; kept on the activity as it is.
        retry_delay: seconds before the first retry; 0: at once. Pauses are rounded to whole seconds, at least one.
        retry_backoff: factor by which each further pause is longer, 1 to 1,000.
        retry_max_delay: most seconds of a pause; None: no limit.
        retry_jitter: share of a pause, from 0 to 1, by which it may be shorter or longer.
        retry_on: an exception class, or a tuple of them: the activity is tried again after these and their subclasses
            only. None: after every failure and time-out. ``TimeoutError`` stands for time-outs. A group of exceptions
            counts if all exceptions in it do.

    Returns a decorator that registers the activity and returns it as an ``Activity``.

    Raises InputError, when it decorates, for a value that is not allowed; TypeError for an unknown parameter.
    """

    def decorate(function: Callable[..., Any]) -> Activity:
        activity = Activity(
            function,
            name,
            version,
            task_list,
            retry,
            raises_on_failure,
            start_to_close_timeout,
            schedule_to_close_timeout,
            schedule_to_start_timeout,
            heartbeat_timeout,
            task_priority,
            idempotent,
            meta,
            retry_delay,
            retry_backoff,
            retry_max_delay,
            retry_jitter,
            retry_on,
        )
        registry[activity.name] = activity
        return activity

    return decorate
