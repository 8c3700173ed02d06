"""The operations of SWF, one function each. It takes a checked request and returns the reply.

The caller holds the lock of the service.
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
"""The operations by name. One that returns None has a reply without a body."""
