"""Activities: functions, or classes with ``execute``, that a workflow has done for it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from simpleflow import settings
from simpleflow.base import check_name
from simpleflow.constants import MAX_VERSION_LENGTH
from simpleflow.exceptions import InputError

PRIORITY_NOT_SET: Any = type("PriorityNotSet", (), {"__repr__": lambda self: "PRIORITY_NOT_SET"})()
"""No priority was given, neither a number nor None ("none, whatever the workflow says")."""

registry: dict[str, Activity] = {}
"""Every activity of this process by name: workers run these and nothing else."""


def seconds(value: object, label: str) -> str:
    """A duration as SWF writes it: digits, or ``NONE`` for no limit.

    Takes whole seconds as a number or text, and None. Raises InputError for anything else.
    """
    if value is None or value == "NONE":
        return "NONE"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InputError(f"{label} is {value!r}; expected whole seconds or None")
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > 8:
        raise InputError(f"{label} is {value!r}; expected whole seconds (at most 99999999) or None")
    return text


def check_priority(value: object, label: str) -> None:
    """Raise InputError unless ``value`` is a whole number, text of one, None or PRIORITY_NOT_SET."""
    if value is None or value is PRIORITY_NOT_SET:
        return
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        fits = -(2**31) <= int(value) < 2**31
    except ValueError:
        fits = False
    if not fits:
        raise InputError(f"{label} is {value!r}; expected a whole number of 32 bits or None")


class Activity:
    """A function or class that workers run, with how it is to be run. Made by ``with_attributes``.

    Calling it calls the function (for a class: makes an instance, then ``execute()`` and ``post_execute()``).
    """

    def __init__(
        self,
        callable: Callable[..., Any],
        name: str | None = None,
        version: str = "default",
        task_list: str | None = "default",
        retry: int = 0,
        raises_on_failure: bool = False,
        start_to_close_timeout: int | str | None = None,
        schedule_to_close_timeout: int | str | None = None,
        schedule_to_start_timeout: int | str | None = None,
        heartbeat_timeout: int | str | None = None,
        task_priority: Any = PRIORITY_NOT_SET,
        idempotent: bool | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        if not _is_callable(callable):
            raise InputError(f"an activity is made of a function or a class, not of {callable!r}")
        self.callable = callable
        self.name = name if name is not None else f"{callable.__module__}.{callable.__name__}"
        check_name(self.name, "activity name")
        self.version = check_name(version, f"version of activity {self.name}", MAX_VERSION_LENGTH)
        self.task_list = None if task_list is None else check_name(task_list, f"task list of activity {self.name}")
        if isinstance(retry, bool) or not isinstance(retry, int) or retry < 0:
            raise InputError(f"retry of activity {self.name} is {retry!r}; expected a number of tries, 0 or more")
        self.retry = retry
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
        self.meta = meta
        functools.update_wrapper(self, callable, assigned=("__module__", "__doc__"), updated=())

    def __repr__(self) -> str:
        return f"Activity(name={self.name!r}, version={self.version!r}, task_list={self.task_list!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self.callable, type):
            return self.callable(*args, **kwargs)
        return execute(self.callable(*args, **kwargs))

    @property
    def context(self) -> Any:
        """The context of the task that is running in this process; None outside one."""
        return getattr(self.callable, "context", None)

    @context.setter
    def context(self, value: Any) -> None:
        self.callable.context = value  # type: ignore[attr-defined]

    def propagate_attribute(self, attr: str, val: Any) -> None:
        """Set an attribute; only ever called on a copy, so that the decorated name keeps its own."""
        setattr(self, attr, val)

    def scoped(self, attr: str, val: Any) -> Activity:
        """A copy with one attribute changed."""
        twin = copy.copy(self)
        twin.propagate_attribute(attr, val)
        return twin


def execute(instance: Any) -> Any:
    """Run an instance of a class-based activity: ``execute()``, then ``post_execute()`` if it has one."""
    result = instance.execute()
    if hasattr(instance, "post_execute"):
        instance.post_execute()
    return result


def _is_callable(value: object) -> bool:
    if isinstance(value, type):
        return hasattr(value, "execute")
    return callable(value) and hasattr(value, "__name__")


def _default(setting: str) -> str:
    """A setting when this module is loaded; a wrong one is refused when a run begins, and not by an import."""
    try:
        return str(getattr(settings, setting))
    except InputError:
        return "300" if setting.endswith("TIMEOUT") else "default"


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
) -> Callable[[Callable[..., Any]], Activity]:
    """Decorate a function, or a class with ``execute()``, as an activity.

    Args:
        name: the activity type's name; ``<module>.<function>`` if not given.
        version: the activity type's version.
        task_list: where workers look for its tasks.
        task_priority: whole number, higher first; None for none; not given: the workflow's.
        retry: how many more tries after a failure or time-out.
        raises_on_failure: True: its failure fails the workflow; False: its future holds the exception.
        start_to_close_timeout: seconds a worker may take; None for no limit. The other three alike.
        schedule_to_close_timeout: seconds from scheduling to the end.
        schedule_to_start_timeout: seconds it may wait for a worker.
        heartbeat_timeout: seconds between two signs of life of the worker.
        idempotent: True: once per distinct arguments in a workflow execution.
        meta: anything else, kept as it is.

    Raises InputError for values that cannot be; TypeError for unknown names.
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
        )
        registry[activity.name] = activity
        return activity

    return decorate
