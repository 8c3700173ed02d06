"""The operations of SWF, one function each: a request that was checked becomes a reply.

All are called with the lock of the service held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpleflow.server import execution_operations, task_operations, type_operations
from simpleflow.server.polls import Caller
from simpleflow.server.service import Service

Operation = Callable[[Service, dict[str, Any], Caller], dict[str, Any] | None]

OPERATIONS: dict[str, Operation] = {
    **type_operations.OPERATIONS,
    **execution_operations.OPERATIONS,
    **task_operations.OPERATIONS,
}
"""By name. None: the reply has no body."""
