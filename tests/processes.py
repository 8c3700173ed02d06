"""Processes that tests look at."""

from __future__ import annotations

from pathlib import Path


def alive(pid: int) -> bool:
    """True if a process exists and is not a zombie: nobody may have waited for a dead one yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
