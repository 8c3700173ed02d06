"""The default workflow id of a child, as the tests expect it."""

from __future__ import annotations

from typing import Any

from simpleflow import taskids


def child_id(parent: str, name: str, *args: Any, around: str = "", number: int = 1, **kwargs: Any) -> str:
    """The id of the ``number``-th child of that type and those arguments, inside the steps ``around``."""
    digest = taskids.arguments_suffix(list(args), kwargs, "arguments")[:16]
    return "--".join([parent, "-".join([name, *filter(None, [around]), digest])]) + (f"-{number}" if number > 1 else "")
