"""``simpleflow.logging_context`` of the existing library. Use a logging filter of your own instead."""

from __future__ import annotations

from typing import Any

_VALUES: dict[str, Any] = {}


def set(key: str, value: Any) -> None:
    """Keep a value for this process."""
    _VALUES[key] = value


def get(key: str) -> Any:
    """The value that was kept; an empty text without one."""
    return _VALUES.get(key, "")


def reset() -> None:
    """Forget all values."""
    _VALUES.clear()
