"""A log of JSON: one object for each record, in one line."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from simpleflow.shown_text import hide_passwords
from simpleflow.worker import log_fields


class JsonLines(logging.Formatter):
    """Formats each record as a JSON object.

    Its members: ``time`` (ISO 8601, in UTC), ``level``, ``logger``, ``process``, ``message``; then, as far as the
    record is about a task, ``workflow``, ``run``, ``activity``, ``activity_id`` and ``attempt``, or ``workflow_type``;
    and ``error``, a traceback. Passwords are hidden.
    """

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": hide_passwords(record.getMessage()),
            **log_fields.current(),
        }
        if record.exc_info:
            members["error"] = hide_passwords("".join(traceback.format_exception(*record.exc_info)))
        return json.dumps(members, default=str)
