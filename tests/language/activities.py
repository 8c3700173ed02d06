"""Activities as a user writes them, for the tests of the language."""

from __future__ import annotations

from typing import Any

from simpleflow import activity

tries: list[Any] = []
"""The activities that ran, in order. Tests that read it clear it first."""


@activity.with_attributes()
def increment(x: int) -> int:
    """Add one."""
    return x + 1


@activity.with_attributes()
def total(*numbers: int) -> int:
    return sum(numbers)


@activity.with_attributes()
def give(*args: Any, **kwargs: Any) -> Any:
    return [list(args), kwargs]


@activity.with_attributes()
def same(value: Any = None) -> Any:
    tries.append(value)
    return value


@activity.with_attributes()
def fail(text: str = "broken") -> None:
    raise ValueError(text)


@activity.with_attributes(raises_on_failure=True)
def fail_hard(text: str = "broken") -> None:
    raise ValueError(text)


@activity.with_attributes(retry=2)
def third_time(key: str) -> int:
    tries.append(key)
    if tries.count(key) < 3:
        raise OSError("not yet")
    return tries.count(key)


@activity.with_attributes(idempotent=True)
def once(value: Any) -> Any:
    tries.append(value)
    return len(tries)


@activity.with_attributes()
def odd_result() -> Any:
    return {"made": [1, object()]}


@activity.with_attributes()
def change(values: list[int]) -> list[int]:
    values.append(0)
    return values


@activity.with_attributes()
def tuples() -> Any:
    return {1: (1, 2)}


@activity.with_attributes()
def where() -> Any:
    return where.context


@activity.with_attributes(name="short")
def named_without_a_dot() -> str:
    return "found"


@activity.with_attributes(version="2", task_list="quick", meta={"a": 1})
class Multiply:
    """Multiply."""

    def __init__(self, x: int, by: int = 2) -> None:
        self.x = x
        self.by = by

    def execute(self) -> int:
        return self.x * self.by

    def post_execute(self) -> None:
        tries.append(("post", self.x))


@activity.with_attributes()
class FailsAfterwards:
    def execute(self) -> int:
        return 1

    def post_execute(self) -> None:
        raise RuntimeError("afterwards")


@activity.with_attributes()
class Contextual:
    context: dict[str, Any]

    def execute(self) -> str:
        return str(self.context["activity_id"])


def _with_context(x: int, context: dict[str, Any]) -> list[Any]:
    return [x, context["workflow_id"]]


_with_context.add_context_in_kwargs = True  # type: ignore[attr-defined]
with_context = activity.with_attributes()(_with_context)


@activity.with_attributes()
def leave(code: int) -> None:
    raise SystemExit(code)
