"""What the owner of a worker process and that process send each other: pickled, one message after the other.

``Connection.send`` does the same, with a pickler that also knows locks and sockets and takes five times as long.
"""

from __future__ import annotations

import pickle
from multiprocessing.connection import Connection
from typing import Any


def send(connection: Connection, message: Any) -> None:
    """Raises OSError if nobody listens any longer."""
    connection.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    """The next message; waits for it. Raises EOFError or OSError if nobody is going to send one."""
    return pickle.loads(connection.recv_bytes())
